"""Where scores let objects merge that were painted as two."""

from __future__ import annotations

import numpy as np

from napari_upaint.core.compiled import kernel

# Lower scores keep two objects apart already.
FLOOR = 0.2
# Most pixels that are returned per pair of objects, the most open first, and in total.
_EACH, _MOST = 4, 64


def leaks(inside: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """Return the pixels where painted objects would merge first.

    The image is flooded from the painted objects, in order of falling scores. Where the floods of two objects meet, the
    best path between them is narrowest: if a border runs between them, it is there.

    Parameters
    ----------
    inside : numpy.ndarray
        Scores of being inside an object, 0..1, ([Z,] Y, X).
    objects : numpy.ndarray
        Integers, same shape: above 0 the painted object, 0 unlabelled, below 0 painted background.

    Returns
    -------
    numpy.ndarray
        int64, flat indices into `inside` of unlabelled pixels; a few for each pair of objects that is connected by a
        path on which all scores are `FLOOR` or more.
    """
    values = np.where(objects == 0, inside.astype(np.float32), np.where(objects > 0, np.float32(2), np.float32(-1)))
    values = values.ravel()
    high = np.flatnonzero(values >= FLOOR)
    # NumPy sorts 16-bit integers by radix: a fifth of the time, and steps of 1e-4 are fine enough.
    order = high[np.argsort((20_000 - 10_000 * values[high]).astype(np.uint16), kind="stable")]
    marks = np.maximum(objects, 0).astype(np.int64).ravel()
    found = np.zeros((_MOST, 3), np.int64)
    volume = np.array((1,) * (3 - inside.ndim) + inside.shape)
    places = found[: _flood(order, marks, volume, found, _EACH), 0]
    return places[objects.ravel()[places] == 0]  # painted pixels are known


@kernel
def _root(parent: np.ndarray, at: int) -> int:
    while parent[at] != at:
        parent[at] = parent[parent[at]]
        at = parent[at]
    return at


@kernel
def _flood(order: np.ndarray, marks: np.ndarray, shape: np.ndarray, found: np.ndarray, each: int) -> int:
    """Join pixels in the given order; where two floods meet, keep them apart and note (pixel, two marks) in `found`."""
    parent = np.full(shape[0] * shape[1] * shape[2], -1, np.int64)
    count = 0
    for index in order:
        parent[index] = index
        stride = 1
        for axis in range(2, -1, -1):
            place = index // stride % shape[axis]
            for step in (-1, 1):
                beside = index + step * stride
                if not 0 <= place + step < shape[axis] or parent[beside] < 0:
                    continue
                mine, other = _root(parent, index), _root(parent, beside)
                a, b = marks[mine], marks[other]
                if a > 0 and b > 0 and a != b:
                    if count < len(found) and _known(found, count, a, b) < each:
                        found[count, 0], found[count, 1], found[count, 2] = index, min(a, b), max(a, b)
                        count += 1
                elif mine != other:
                    parent[other] = mine
                    marks[mine] = max(a, b)
            stride *= shape[axis]
    return count


@kernel
def _known(found: np.ndarray, count: int, a: int, b: int) -> int:
    same = 0
    for row in range(count):
        if found[row, 1] == min(a, b) and found[row, 2] == max(a, b):
            same += 1
    return same
