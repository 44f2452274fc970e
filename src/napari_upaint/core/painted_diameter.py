"""How large painted objects are, from the strokes on them and the objects found there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy import ndimage


class Painted(NamedTuple):
    """The objects found in an image, and the painted pixels of objects in it.

    Attributes
    ----------
    found : numpy.ndarray
        bool, ([Z,] Y, X): inside of found objects.
    ids : numpy.ndarray
        int, (N,): which object a painted pixel belongs to.
    places : tuple of numpy.ndarray
        Indices of these pixels, an array (N,) for each axis.
    """

    found: np.ndarray
    ids: np.ndarray
    places: tuple[np.ndarray, ...]


def painted_diameter(images: Iterable[Painted]) -> float:
    """Return the median diameter of painted objects (square root of the area) in px; 0 if it is not known.

    In volumes it is the cube root of the volume.

    Only found parts that hold paint of a single object count: others are merged objects. An object in several pieces is
    as large as the largest of them. If fewer than half of the objects stand alone, the diameter is not known.
    """
    areas, objects, ndim = list[float](), 0, 2
    for image in images:
        ndim = image.found.ndim
        parts = ndimage.label(image.found)[0]
        sizes = np.bincount(parts.ravel())
        objects += len(np.unique(image.ids))
        at = parts[image.places]
        pairs = np.unique(np.stack([at[at > 0], image.ids[at > 0]]), axis=1)
        painted_by = np.bincount(pairs[0])
        part, owner = pairs[:, painted_by[pairs[0]] == 1]
        areas += [float(sizes[part[owner == one]].max()) for one in np.unique(owner)]
    return float(np.median(areas)) ** (1 / ndim) if areas and 2 * len(areas) >= objects else 0.0
