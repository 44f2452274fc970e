"""The sample: one image plane (or volume) with what was painted on it."""

from __future__ import annotations

from dataclasses import dataclass

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
