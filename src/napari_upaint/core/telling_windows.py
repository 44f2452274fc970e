"""Windows of an image that tell what it shows, where looking at all of it would take too long."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

from napari_upaint.core.finite import is_finite
from napari_upaint.errors import UserError

# Scales at which images are looked at, in planes and in volumes. Enlarged volumes would cost eight times the work, and
# networks of volumes have learnt from small objects.
SCALES = {2: (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0), 3: (0.35, 0.5, 0.7, 1.0)}
# px: edge of a window of a plane, and of a volume. Objects of a large image are seldom larger than a third of it.
_EDGE = {2: 704, 3: 112}
_MOST_SLICES = 64
# Of a larger plane (volume) the middle alone is looked for windows: reading it may take long.
_LOOKED_THROUGH = {2: (8192, 8192), 3: (128, 1024, 1024)}
# Pixels of all windows together (voxels of volumes): a second's work, looked at in some sizes.
_MOST = {2: 600_000, 3: 1_000_000}
_PLANES = 3
# Contrast is measured on so many pixels along each axis.
_SAMPLES = 64


def spread_over(count: int, most: int = _PLANES) -> list[int]:
    """Return which planes (volumes) of so many are looked at, spread evenly."""
    return sorted({(2 * part + 1) * count // (2 * most) for part in range(most)}) if count else []


def middle(shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Return what of a plane (Y, X) or a volume (Z, Y, X) is looked through: all of it, unless it is large."""
    most = _LOOKED_THROUGH[len(shape)]
    starts = [max(0, n - limit) // 2 for n, limit in zip(shape, most, strict=True)]
    return tuple(slice(start, start + limit) for start, limit in zip(starts, most, strict=True))


def windows_of(count: int, read: Callable[[int], np.ndarray], ndim: int) -> list[np.ndarray]:
    """Return telling windows of an image that is not read as a whole; none where nothing of it can be read.

    Parameters
    ----------
    count : int
        Of its planes (volumes).
    read : callable
        Reads the plane (volume) of a number, (C, [Z,] Y, X), or the `middle` of it alone. What fails, or holds NaN or
        infinite pixels, is left out: it is told of where it is segmented.
    ndim : int
        Of the windows; of volumes that are looked at plane by plane some slices are returned.
    """
    images: list[np.ndarray] = []
    for number in spread_over(count):
        with contextlib.suppress(UserError, OSError):
            image = read(number)
            sliced = image.ndim == 4 and ndim == 2
            parts = [image[:, z] for z in spread_over(image.shape[1])] if sliced else [image]
            parts = [part[(slice(None), *middle(part.shape[1:]))] for part in parts]
            images += [part for part in parts if _usable(part)]
            if image.ndim == 4 and images:  # one volume tells enough, and reading it takes long enough
                break
    return telling_windows(images) if images else []


def _usable(image: np.ndarray) -> bool:
    return image.size > 0 and is_finite(image)


def telling_windows(images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return windows with much contrast: at least one, and at most about half a million pixels.

    Not those with most contrast alone, which may hold dirt: they are spread over the upper half.

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
    return [ranked[number].copy() for number in chosen]  # the images themselves shall not stay in memory


def _boxes(shape: tuple[int, ...]) -> list[tuple[slice, ...]]:
    edges = (_MOST_SLICES, *[_EDGE[len(shape)]] * 2)[-len(shape) :]
    return list(product(*(_parts(n, edge) for n, edge in zip(shape, edges, strict=True))))


def _parts(length: int, edge: int) -> list[slice]:
    """Return parts of an axis as long as `edge`, none shorter unless the axis is; they overlap evenly."""
    size = min(length, edge)
    starts = np.linspace(0, length - size, -(-length // max(1, size))).astype(int)
    return [slice(start, start + size) for start in starts.tolist()]


def _contrast(window: np.ndarray) -> float:
    some = window[(slice(None), *(slice(None, None, max(1, n // _SAMPLES)) for n in window.shape[1:]))]
    return float(some.std(dtype=np.float64, axis=tuple(range(1, some.ndim))).max())
