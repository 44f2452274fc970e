"""The sample: one image plane (or volume) with what was painted on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_upaint.core.normalize import Normalization

Box = tuple[slice, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """An image region and its annotation, ready to be learnt from.

    Attributes
    ----------
    image : numpy.ndarray
        Raw gray values, axes (C, [Z,] Y, X), any real dtype.
    annotation : numpy.ndarray
        Integers, axes ([Z,] Y, X): 0 unlabelled, 1 background, from 2 on classes or objects.
    normalization : Normalization
        Measured once on the whole image that the region was cut from, never on the region itself:
        a region full of cells would otherwise look darker than it is.
    spacing : tuple of float or None
        Physical size of a voxel, ([Z,] Y, X), or None where unknown.
    name : str
        What the user calls the image; appears in messages.
    validation : numpy.ndarray or None
        bool, shape of ``annotation``: paint that judges and is never learnt from. None: nowhere.
    """

    image: np.ndarray
    annotation: np.ndarray
    normalization: Normalization
    spacing: tuple[float, ...] | None = None
    name: str = "image"
    validation: np.ndarray | None = None


def pieces(sample: Sample, margin: int) -> list[Sample]:
    """Cut a sample into pieces around its paint, wherever the paint lies so far apart that their contexts do not meet.

    Together they hold all of the paint, each stroke once; a volume painted in two corners costs two corners.

    Parameters
    ----------
    sample : Sample
        Painted somewhere.
    margin : int
        Context on each side, px.
    """
    margins = (margin,) * sample.annotation.ndim
    return [_part(sample, region) for region in painted_boxes(sample.annotation > 0, margins)]


def _part(sample: Sample, region: tuple[slice, ...]) -> Sample:
    validation = None if sample.validation is None else sample.validation[region]
    image, annotation = sample.image[(slice(None), *region)], sample.annotation[region]
    return replace(sample, image=image, annotation=annotation, validation=validation)


def painted_boxes(painted: np.ndarray, margins: Sequence[int]) -> list[Box]:
    """Return boxes around painted pixels with their context, cut to the image; the boxes do not meet.

    Parameters
    ----------
    painted : numpy.ndarray
        bool, ([Z,] Y, X).
    margins : sequence of int
        Context on each side along each axis, px.

    Returns
    -------
    list of tuple of slice
        None without paint.
    """
    tight = _apart(painted, margins, tuple(slice(0, n) for n in painted.shape))
    return [
        tuple(
            slice(max(0, along.start - margin), min(n, along.stop + margin))
            for along, margin, n in zip(box, margins, painted.shape, strict=True)
        )
        for box in tight
    ]


def _apart(painted: np.ndarray, margins: Sequence[int], box: Box) -> list[Box]:
    """Return the boxes around the paint in a box, as small as can be; a list of all painted pixels would not fit."""
    part, tight = painted[box], []
    for axis, (margin, within) in enumerate(zip(margins, box, strict=True)):
        along = np.flatnonzero(part.any(axis=tuple(a for a in range(part.ndim) if a != axis))) + within.start
        if not len(along):
            return []
        gaps = np.diff(along)
        if len(gaps) and gaps.max() > 2 * margin + 1:
            last, first = (int(along[gaps.argmax() + at]) for at in (0, 1))
            halves = (slice(within.start, last + 1), slice(first, within.stop))
            return [one for half in halves for one in _apart(painted, margins, (*box[:axis], half, *box[axis + 1 :]))]
        tight.append(slice(int(along[0]), int(along[-1]) + 1))
    return [tuple(tight)]
