"""The sample: one image plane (or volume) with what was painted on it."""

from __future__ import annotations

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
    """

    image: np.ndarray
    annotation: np.ndarray
    normalization: Normalization
    spacing: tuple[float, ...] | None = None
    name: str = "image"


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
    region = painted_region(sample.annotation, margin)
    return replace(sample, image=sample.image[(slice(None), *region)], annotation=sample.annotation[region])
