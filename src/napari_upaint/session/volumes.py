"""Read volumes for 3D models slice by slice, and no more of an image than its paint needs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_upaint.core.boxes import Box, painted_boxes

# Context around paint that a sample keeps, in voxels (Z, Y, X): more than the engine uses at scale 0.5.
MARGINS = (64, 160, 160)


def boxes_around_paint(read_slice: Callable[[int], np.ndarray], shape: tuple[int, ...]) -> list[Box]:
    """Return boxes around what is painted in a volume, with context; none if nothing is painted.

    Parameters
    ----------
    read_slice : callable
        Reads a slice of the annotation by its number: (Y, X).
    shape : tuple of int
        Shape of the volume, (Z, Y, X).
    """
    painted = np.zeros(shape, bool)
    for z in range(shape[0]):
        np.greater(read_slice(z), 0, out=painted[z])
    return painted_boxes(painted, MARGINS)


def read_box(read_slice: Callable[[int], np.ndarray], box: Box) -> np.ndarray:
    """Read a box of a volume.

    Parameters
    ----------
    read_slice : callable
        Reads a slice by its number: (C, Y, X), or (Y, X) of an annotation.
    box : tuple of slice
        Z, Y, X.

    Returns
    -------
    numpy.ndarray
        (C, Z, Y, X), or (Z, Y, X).
    """
    along, rows, columns = box
    slices = [np.asarray(read_slice(z))[..., rows, columns] for z in range(along.start, along.stop)]
    return np.stack(slices, axis=slices[0].ndim - 2)
