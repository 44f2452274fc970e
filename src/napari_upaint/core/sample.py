"""The sample: one image plane (or volume) with what was painted on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_upaint.core.normalize import Normalization


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


def painted_region(annotation: np.ndarray, margin: int) -> tuple[slice, ...]:
    """Return the box around the paint with `margin` pixels of context, cut to the image; empty without paint.

    Parameters
    ----------
    annotation : numpy.ndarray
        ([Z,] Y, X), 0 unlabelled.
    margin : int
        Context on each side, px.
    """
    painted = annotation > 0
    region = []
    for axis, n in enumerate(annotation.shape):
        along = np.flatnonzero(painted.any(axis=tuple(a for a in range(annotation.ndim) if a != axis)))
        if not len(along):
            return (slice(0, 0),) * annotation.ndim
        region.append(slice(max(0, int(along[0]) - margin), min(n, int(along[-1]) + margin + 1)))
    return tuple(region)


def crop(sample: Sample, margin: int) -> Sample:
    """Return the painted part of a sample with its context: what is far from paint costs time and teaches nothing."""
    return _part(sample, painted_region(sample.annotation, margin))


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
    places = np.argwhere(sample.annotation > 0)
    return [
        _part(sample, region)
        for region in painted_boxes(places, sample.annotation.shape, (margin,) * sample.annotation.ndim)
    ]


def _part(sample: Sample, region: tuple[slice, ...]) -> Sample:
    validation = None if sample.validation is None else sample.validation[region]
    image, annotation = sample.image[(slice(None), *region)], sample.annotation[region]
    return replace(sample, image=image, annotation=annotation, validation=validation)


def painted_boxes(places: np.ndarray, shape: Sequence[int], margins: Sequence[int]) -> list[tuple[slice, ...]]:
    """Return boxes around painted pixels with their context, cut to the image; the boxes do not meet.

    Parameters
    ----------
    places : numpy.ndarray
        Painted pixels, (N, axes), N > 0.
    shape : sequence of int
        The image, ([Z,] Y, X).
    margins : sequence of int
        Context on each side along each axis, px.
    """
    for axis, margin in enumerate(margins):
        along = np.unique(places[:, axis])
        gaps = np.diff(along)
        if len(gaps) and gaps.max() > 2 * margin + 1:
            before = places[:, axis] <= along[gaps.argmax()]
            parts = (places[before], places[~before])
            return [box for part in parts for box in painted_boxes(part, shape, margins)]
    low, high = places.min(axis=0), places.max(axis=0)
    return [
        tuple(
            slice(max(0, int(a) - margin), min(n, int(b) + margin + 1))
            for a, b, margin, n in zip(low, high, margins, shape, strict=True)
        )
    ]
