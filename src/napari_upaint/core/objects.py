"""Scores to labels: threshold, components, small objects, holes, touching objects apart."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.segmentation import expand_labels, watershed

from napari_upaint.settings import Kind, ObjectSettings

# Borders are drawn about so wide on each object; objects grow back over them.
_BORDER = 2


def label_scores(scores: np.ndarray, *, kind: Kind, border: bool, settings: ObjectSettings) -> np.ndarray:
    """Turn scores into labels.

    Parameters
    ----------
    scores : numpy.ndarray
        Softmax output, (K, [Z,] Y, X): background, classes, and the border last if `border`.
    kind : {"objects", "classes"}
    border : bool
    settings : ObjectSettings

    Returns
    -------
    numpy.ndarray
        int32, ([Z,] Y, X): objects 1.. in order of their first pixel, or classes 1.., 0 background.
    """
    scores = np.asarray(scores, np.float32)
    if kind == "objects":
        return _objects(scores, border, settings)
    classes = scores[1:-1] if border else scores[1:]
    best = classes.argmax(0).astype(np.int32) + 1
    # Any class against background first: with many classes none of them need reach the threshold alone.
    best[classes.sum(0) < settings.threshold] = 0
    for value in range(1, len(classes) + 1):
        mask = best == value
        best[mask & ~_cleaned(mask, settings.smallest)] = 0
    return best


def _objects(scores: np.ndarray, border: bool, settings: ObjectSettings) -> np.ndarray:
    inside = scores[1:-1].sum(0) if border else scores[1:].sum(0)
    labels = ndimage.label(inside >= settings.threshold)[0].astype(np.int32)
    if settings.split:
        labels = _split(labels)
    if border:
        # Objects take back the border pixels beside them, but not what is background.
        grown = expand_labels(labels, _BORDER)
        labels = np.where((labels > 0) | (scores[0] < 1 - settings.threshold), grown, 0).astype(np.int32)
    if settings.fill_holes:
        labels = _filled(labels)
    return _renumbered(labels, settings.smallest)


def _split(labels: np.ndarray) -> np.ndarray:
    """Cut objects at their necks: watershed on the distance to the edge."""
    distance = ndimage.distance_transform_edt(np.pad(labels > 0, 1))[(slice(1, -1),) * labels.ndim]
    smooth = ndimage.gaussian_filter(distance, 1.0)
    peaks = (smooth == ndimage.maximum_filter(smooth, 7)) & (labels > 0)
    seeds = ndimage.label(ndimage.binary_dilation(peaks, iterations=2) & (labels > 0))[0]
    return np.asarray(watershed(-smooth, seeds, mask=labels > 0), np.int32)


def _filled(labels: np.ndarray) -> np.ndarray:
    """Close the holes of every object, each in its own bounding box."""
    for value, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None:
            hole = ndimage.binary_fill_holes(labels[box] == value) & (labels[box] == 0)
            labels[box][hole] = value
    return labels


def _cleaned(mask: np.ndarray, smallest: int) -> np.ndarray:
    """Return the mask without components below `smallest` pixels."""
    labels, count = ndimage.label(mask)
    keep = np.bincount(labels.ravel(), minlength=count + 1) >= smallest
    keep[0] = False
    return np.asarray(keep[labels])


def _renumbered(labels: np.ndarray, smallest: int) -> np.ndarray:
    sizes = np.bincount(labels.ravel())
    keep = (sizes >= max(1, smallest)) & (np.arange(len(sizes)) > 0)
    return np.asarray((np.cumsum(keep) * keep).astype(np.int32)[labels])
