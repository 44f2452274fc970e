"""Choose windows that tell what an image shows, if looking at all of it would take too long."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

from napari_upaint.core.finite import is_finite
from napari_upaint.errors import UserError

# Scales at which planes and volumes are looked at. Volumes enlarged twice would take eight times the work, and 3D
# networks have learnt from small objects.
SCALES = {2: (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0), 3: (0.35, 0.5, 0.7, 1.0)}
# Edge of a window of a plane and of a volume, px. Objects in large images are seldom larger than a third of it.
_EDGE = {2: 704, 3: 112}
_MOST_SLICES = 64
# Windows are sought only in the middle of a larger plane (volume), as reading it may take long.
_LOOKED_THROUGH = {2: (8192, 8192), 3: (128, 1024, 1024)}
# Pixels (voxels) of all windows together: a second of work for all scales.
_MOST = {2: 600_000, 3: 1_000_000}
_PLANES = 3
# Contrast is measured on about so many pixels along each axis.
_SAMPLES = 64


def spread_over(count: int) -> list[int]:
    """Return which of `count` planes (volumes) to look at: up to three, spread evenly."""
    return sorted({(2 * part + 1) * count // (2 * _PLANES) for part in range(_PLANES)}) if count else []


def middle(shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Return the part of a plane (Y, X) or a volume (Z, Y, X) to search: all of it, unless it is large."""
    most = _LOOKED_THROUGH[len(shape)]
    starts = [max(0, n - limit) // 2 for n, limit in zip(shape, most, strict=True)]
    return tuple(slice(start, start + limit) for start, limit in zip(starts, most, strict=True))


def windows_of(count: int, read: Callable[[int], np.ndarray], ndim: int) -> list[np.ndarray]:
    """Return telling windows of an image that is not read as a whole; none if nothing can be read.

    Parameters
    ----------
    count : int
        Number of planes (volumes).
    read : callable
        Reads the plane (volume) with a given number, (C, [Z,] Y, X), or only its `middle`. Those that fail or hold NaN
        or infinite pixels are left out here; the user is told when they are segmented.
    ndim : int
        Of the windows; 2 for volumes that are looked at plane by plane: windows of some slices are returned.
    """
    images: list[np.ndarray] = []
    for number in spread_over(count):
        with contextlib.suppress(UserError, OSError):
            image = read(number)
            sliced = image.ndim == 4 and ndim == 2
            parts = [image[:, z] for z in spread_over(image.shape[1])] if sliced else [image]
            parts = [part[(slice(None), *middle(part.shape[1:]))] for part in parts]
            images += [part for part in parts if _usable(part)]
            if image.ndim == 4 and images:  # one volume tells enough, and takes long enough to read
                break
    return telling_windows(images) if images else []


def _usable(image: np.ndarray) -> bool:
    return image.size > 0 and is_finite(image)


def telling_windows(images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return windows with high contrast: at least one, and at most about half a million pixels (a million voxels).

    They are spread over the upper half by contrast, as those with the highest contrast may show dirt.

    Parameters
    ----------
    images : sequence of numpy.ndarray
        Planes or volumes of one image, (C, [Z,] Y, X), at least one.
    """
    windows = [image[(slice(None), *box)] for image in images for box in _boxes(image.shape[1:])]
    ranked = sorted(windows, key=_contrast, reverse=True)
    ndim = images[0].ndim - 1
    count = max(1, min(len(ranked), _MOST[ndim] // max(1, math.prod(ranked[0].shape[1:]))))
    last = len(ranked) - 1 if count == len(ranked) else max(count - 1, (len(ranked) - 1) // 2)
    chosen = np.linspace(0, last, count).round().astype(int)
    return [ranked[number].copy() for number in chosen]  # copies, so that the images do not stay in memory


def _boxes(shape: tuple[int, ...]) -> list[tuple[slice, ...]]:
    edges = (_MOST_SLICES, *[_EDGE[len(shape)]] * 2)[-len(shape) :]
    return list(product(*(_parts(n, edge) for n, edge in zip(shape, edges, strict=True))))


def _parts(length: int, edge: int) -> list[slice]:
    """Return parts of an axis, each as long as `edge` (or as the axis if that is shorter); they overlap evenly."""
    size = min(length, edge)
    starts = np.linspace(0, length - size, -(-length // max(1, size))).astype(int)
    return [slice(start, start + size) for start in starts.tolist()]


def _contrast(window: np.ndarray) -> float:
    some = window[(slice(None), *(slice(None, None, max(1, n // _SAMPLES)) for n in window.shape[1:]))]
    return float(some.std(dtype=np.float64, axis=tuple(range(1, some.ndim))).max())
