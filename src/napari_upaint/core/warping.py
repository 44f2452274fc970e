"""Warping error: what is still wrong after borders have been moved without changing the topology."""

from __future__ import annotations

import numpy as np

from napari_upaint.core.compiled import kernel
from napari_upaint.core.contingency import check_pair

# Neighbours of a pixel, counterclockwise, (y, x); even ones share an edge with it.
_AROUND = np.array([(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)])


def warping_error(labels: np.ndarray, truth: np.ndarray, *, mask: np.ndarray | None = None) -> float:
    """Return the share of pixels that differ after the truth was warped towards the labels (Jain et al. 2010).

    Parameters
    ----------
    labels, truth : numpy.ndarray
        Integers or booleans of one shape, ([Z,] Y, X): > 0 is foreground (cells), 0 background (membranes). Objects of
        a label map must be separated by background.
    mask : numpy.ndarray, optional
        bool: where the truth may be warped, for instance near its borders; everywhere if not given.

    Returns
    -------
    float
        0 to 1: each remaining pixel stands for a split, a merger, a hole, or an object too many or too few.
    """
    check_pair(labels, truth)
    if labels.size == 0:
        return 0.0
    return float(np.mean(warp_truth(labels, truth, mask=mask) != (labels > 0)))


def warp_truth(labels: np.ndarray, truth: np.ndarray, *, mask: np.ndarray | None = None) -> np.ndarray:
    """Move the borders of the truth towards those of the labels, one simple pixel after another, until none is left.

    A pixel is simple if flipping it does not change the topology: objects are connected across edges, background across
    edges and corners, and the image is surrounded by background. Volumes are warped plane by plane, as in the
    challenge. Parameters: see `warping_error`.

    Returns
    -------
    numpy.ndarray
        bool, topologically equal to ``truth``.

    Raises
    ------
    ValueError
        If shapes differ, or are not those of planes or volumes.
    """
    check_pair(labels, truth)
    if labels.ndim not in (2, 3) or (mask is not None and mask.shape != labels.shape):
        raise ValueError(f"Labels of shape {labels.shape} do not fit or differ from the mask's; give ([Z,] Y, X).")
    planes = (-1, *labels.shape[-2:]) if labels.size else (0, 1, 1)
    free = np.ones(labels.shape, bool) if mask is None else mask > 0
    around = ((0, 0), (1, 1), (1, 1))
    warped = np.pad((truth > 0).reshape(planes), around)
    goal = np.pad((labels > 0).reshape(planes), around)
    # The frame of background stays as it is.
    free = np.pad(free.reshape(planes), around)
    for one in range(len(warped)):
        _relax(warped[one], goal[one], free[one], SIMPLE)
    return warped[:, 1:-1, 1:-1].reshape(labels.shape)


def _is_simple(ring: int) -> bool:
    """Return whether the centre of eight neighbours (bit i: neighbour i of `_AROUND` is foreground) is simple.

    It is simple if exactly one object of the ring, connected across edges, shares an edge with it, and the ring is not
    all object: then the background of the ring is in one piece, too.
    """
    inside = [bool(ring >> i & 1) for i in range(8)]
    # Counterclockwise, every object ends at an edge neighbour from which the next one cannot be reached.
    ends = sum(inside[i] and not (inside[i + 1] and inside[(i + 2) % 8]) for i in range(0, 8, 2))
    return ends == 1


SIMPLE = np.array([_is_simple(ring) for ring in range(256)])


@kernel
def _relax(warped: np.ndarray, goal: np.ndarray, free: np.ndarray, simple: np.ndarray) -> None:
    """Flip simple pixels of one framed plane towards the goal, first come, first served; change ``warped``."""
    ny, nx = warped.shape
    queue = np.empty((ny * nx, 2), np.int32)
    waits = np.zeros((ny, nx), np.bool_)
    first, count = 0, 0
    for y in range(1, ny - 1):
        for x in range(1, nx - 1):
            if free[y, x] and warped[y, x] != goal[y, x]:
                queue[count, 0], queue[count, 1] = y, x
                waits[y, x] = True
                count += 1
    while count > 0:
        y, x = queue[first]
        first, count = (first + 1) % len(queue), count - 1
        waits[y, x] = False
        ring = 0
        for i in range(8):
            ring |= int(warped[y + _AROUND[i, 0], x + _AROUND[i, 1]]) << i
        if not simple[ring]:
            continue
        warped[y, x] = goal[y, x]
        for i in range(8):
            b, a = y + _AROUND[i, 0], x + _AROUND[i, 1]
            if free[b, a] and not waits[b, a] and warped[b, a] != goal[b, a]:
                last = (first + count) % len(queue)
                queue[last, 0], queue[last, 1] = b, a
                waits[b, a] = True
                count += 1
