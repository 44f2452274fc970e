"""Ids of objects: any integers, renumbered so that tables and 32 bits can hold them."""

from __future__ import annotations

import numpy as np

from napari_upaint.errors import AnnotationError
from napari_upaint.settings import Kind

_LARGEST = np.iinfo(np.int32).max


def number_ids(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return names, in ascending order, and the flat labels as indices into them, int64; some names may not occur.

    Time and memory depend on the number of pixels, never on how large the ids are.
    """
    flat = labels.ravel()
    if flat.size == 0 or flat.dtype.kind == "b":
        return np.arange(2), flat.astype(np.int64)
    low, high = int(flat.min()), int(flat.max())
    # Few enough to count all pairs of two such maps: the ids are their own indices.
    if low >= 0 and high < 2 * flat.size**0.5:
        return np.arange(high + 1), flat.astype(np.int64)
    if low >= 0 and high < 4 * flat.size + 1024:
        flat = flat.astype(np.int64)
        occurs = np.bincount(flat) > 0
        return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[flat]
    names, places = np.unique(flat, return_inverse=True)  # sorts: many times slower
    return names, places.astype(np.int64)


def to_int32(labels: np.ndarray, kind: Kind = "objects") -> np.ndarray:
    """Return labels as int32: the same objects, renumbered if an id does not fit.

    0 and 1, which have a meaning in annotations, stay what they are. In electron microscopy larger ids are common.

    Parameters
    ----------
    labels : numpy.ndarray
        Integers or booleans.
    kind : {"objects", "classes"}
        What the labels are: classes cannot be renumbered.

    Raises
    ------
    AnnotationError
        If the number of a class does not fit, or objects have to be renumbered and some ids are below 0.
    """
    low, high = (int(labels.min()), int(labels.max())) if labels.size and labels.dtype.itemsize > 2 else (0, 0)
    # One less than what fits: masks become annotations by adding 1.
    if low >= -_LARGEST and high < _LARGEST:
        return np.ascontiguousarray(labels, np.int32)
    if kind == "classes":
        raise AnnotationError(
            f"Label {high} is painted as a class, and classes are 2, 3, ...;"
            " choose 'objects' if every label is one object."
        )
    if low < 0:
        raise AnnotationError(f"The labels go from {low} to {high}; labels are 0, 1, 2, ...")
    # With 0 and 1 in front, both keep their numbers.
    numbers = np.unique(np.append(np.array([0, 1], labels.dtype), labels.ravel()), return_inverse=True)[1]
    return numbers[2:].astype(np.int32).reshape(labels.shape)


def identify(labels: np.ndarray) -> np.ndarray:
    """Return the labels of objects as `to_int32` does.

    Raises
    ------
    ValueError
        If the labels are not integers, or negative.
    """
    if labels.dtype.kind not in "biu":
        raise ValueError(f"Labels are {labels.dtype}; expected integers.")
    if labels.size and labels.dtype.kind == "i" and labels.min() < 0:
        raise ValueError(f"The smallest label is {labels.min()}; expected none below 0.")
    return to_int32(labels)
