"""The gaps between objects: how much they count, and how to cut one between touching objects."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from napari_upaint.core.boxes import telling_boxes
from napari_upaint.core.compiled import kernel
from napari_upaint.core.ids import identify
from napari_upaint.core.nearest_objects import two_nearest

# Smaller weights count as 0.
_NEGLIGIBLE = 1e-7


def border_reach(w0: float, sigma: float) -> float:
    """Return the sum of distances beyond which the border term is below 1e-7, in the unit of ``sigma``."""
    return sigma * math.sqrt(2 * math.log(max(w0 / _NEGLIGIBLE, 1.0)))


def border_term(
    labels: np.ndarray, *, w0: float = 10.0, sigma: float = 5.0, spacing: Sequence[float] | None = None
) -> np.ndarray:
    """Weigh the gaps between objects: eq. 2 of the paper without w_c.

    ``w0 exp(-(d1 + d2)^2 / (2 sigma^2))`` on background pixels, where d1 and d2 are the distances to the nearest and
    the second nearest object (to its nearest pixel, centre to centre); 0 on objects.

    Parameters
    ----------
    labels : numpy.ndarray
        Integers, axes ([Z,] Y, X): 0 background, every other id one object. Objects that touch have no background
        between them to weigh: use `carve_border` first.
    w0 : float
        Weight where two objects would touch.
    sigma : float
        Width, in the unit of ``spacing`` (px without it).
    spacing : sequence of float, optional
        Size of a voxel, ([Z,] Y, X).

    Returns
    -------
    numpy.ndarray
        float32, shape of ``labels``; equal to the formula to 1e-6 w0.

    Raises
    ------
    ValueError
        If the labels are not integers of 0 or more, or w0, sigma or the spacing is out of range or does not fit.
    """
    return seed_border(identify(labels), w0, sigma, spacing)


def seed_border(seeds: np.ndarray, w0: float, sigma: float, spacing: Sequence[float] | None) -> np.ndarray:
    """Return `border_term` of int32 seeds, in which ids < 0 are unlabelled: neither objects nor weighed.

    Raises
    ------
    ValueError
        If w0, sigma or the spacing is out of range, or the spacing does not fit the seeds.
    """
    if not (sigma > 0 and w0 >= 0):
        raise ValueError(f"w0 is {w0} and sigma {sigma}; give w0 of 0 or more and sigma above 0.")
    reach = border_reach(w0, sigma)
    result = np.zeros(seeds.shape, np.float32)
    edges = (1.0,) * seeds.ndim if spacing is None else spacing
    margins = [math.ceil(reach / edge) if edge > 0 else 0 for edge in edges]  # such spacings are refused below
    for box in telling_boxes(seeds >= 0, margins):
        result[box] = _near(seeds[box], reach, w0, sigma, spacing)
    return result


def _near(seeds: np.ndarray, reach: float, w0: float, sigma: float, spacing: Sequence[float] | None) -> np.ndarray:
    """Compute the border term of seeds."""
    d1, d2 = two_nearest(seeds, reach, spacing=spacing)
    d1 += d2
    d1 *= 1 / sigma
    d1 *= d1
    d1 *= -0.5
    np.exp(d1, out=d1)
    d1 *= w0
    return d1


def carve_border(labels: np.ndarray) -> np.ndarray:
    """Cut a gap of one pixel between objects that touch, corners included (paper, sec. 3).

    Of two touching pixels of different objects, the first in memory order becomes background; this depends on its
    neighbours only. Objects of one or two pixels can vanish.

    Parameters
    ----------
    labels : numpy.ndarray
        Integers, axes ([Z,] Y, X): 0 background, every other id one object.

    Returns
    -------
    numpy.ndarray
        A new array of the same dtype.

    Raises
    ------
    ValueError
        If the labels are not integers of 0 or more.
    """
    carved = labels.copy()
    carved[touching(identify(labels))] = 0
    return carved


def touching(seeds: np.ndarray) -> np.ndarray:
    """Mark the pixels of ([Z,] Y, X) that `carve_border` takes away; ids <= 0 are not objects."""
    mark = np.zeros(seeds.shape, np.bool_)
    volume = (1,) * (3 - seeds.ndim) + seeds.shape
    _mark_touching(np.ascontiguousarray(seeds, np.int32).reshape(volume), mark.reshape(volume))
    return mark


@kernel
def _mark_touching(seeds: np.ndarray, mark: np.ndarray) -> None:
    """Mark pixels of (Z, Y, X) that touch another object among the 13 neighbours that follow in memory order.

    If a neighbour lies back along some axis, the pixel between the two that lies back along none decides: if that one
    is an object, it differs from one of the two, which is marked anyway; marking both would make a gap of two pixels.
    """
    nz, ny, nx = seeds.shape
    for z in range(nz):
        for dz in range(min(2, nz - z)):
            for y in range(ny):
                for dy in range(-1 if dz else 0, 2):
                    if y + dy < 0 or y + dy >= ny:
                        continue
                    for dx in range(-1 if dz or dy else 1, 2):
                        back = dy < 0 or dx < 0
                        for x in range(max(0, -dx), min(nx, nx - dx)):
                            here, there = seeds[z, y, x], seeds[z + dz, y + dy, x + dx]
                            between = seeds[z + dz, y + max(0, dy), x + max(0, dx)] if back else 0
                            mark[z, y, x] |= (here > 0) & (there > 0) & (here != there) & (between <= 0)
