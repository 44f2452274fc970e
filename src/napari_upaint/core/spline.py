"""Cubic B-splines: coefficients of an image and its value between the pixels, 2D and 3D.

Arrays are mirrored about the centres of their border pixels (``d c b | a b c d | c b a``), without limit.
"""

from __future__ import annotations

import math

import numpy as np

from napari_upaint.core.compiled import kernel

# Number of mirrored pixels around the coefficients, so that the four taps of an axis never leave the array.
MARGIN = 2
_POLE = math.sqrt(3.0) - 2.0
# The pole to this power is below the last bit of a float64.
_HORIZON = 30


def coefficients(image: np.ndarray) -> np.ndarray:
    """Return the B-spline coefficients of an image, with a mirrored margin of ``MARGIN`` pixels.

    Parameters
    ----------
    image : numpy.ndarray
        Axes (C, [Z,] Y, X).

    Returns
    -------
    numpy.ndarray
        float32, axes (C, [Z,] Y, X), each spatial axis longer by ``2 * MARGIN``.
    """
    filtered = np.array(image, dtype=np.float32, order="C")
    for axis in range(1, filtered.ndim):
        n = filtered.shape[axis]
        if n < 2:
            continue
        inner = math.prod(filtered.shape[axis + 1 :])
        if inner == 1:
            _filter_rows(filtered.reshape(-1, n))
        else:
            _filter_columns(filtered.reshape(-1, n, inner))
    return np.pad(filtered, ((0, 0), *((MARGIN, MARGIN),) * (filtered.ndim - 1)), mode="reflect")


@kernel
def _filter_rows(rows: np.ndarray) -> None:
    """Turn samples into coefficients along the last axis of (rows, n), in place."""
    count, n = rows.shape
    pole = np.float32(_POLE)
    gain = np.float32(6.0)
    last = np.float32(_POLE / (_POLE * _POLE - 1.0))
    for r in range(count):
        value = 0.0
        for k in range(min(n, _HORIZON)):
            value += rows[r, k] * _start_weight(k, n)
        previous = np.float32(value) * gain
        rows[r, 0] = previous
        for i in range(1, n):
            previous = gain * rows[r, i] + pole * previous
            rows[r, i] = previous
        previous = last * (rows[r, n - 1] + pole * rows[r, n - 2])
        rows[r, n - 1] = previous
        for i in range(n - 2, -1, -1):
            previous = pole * (previous - rows[r, i])
            rows[r, i] = previous


@kernel
def _filter_columns(block: np.ndarray) -> None:
    """Turn samples into coefficients along the middle axis of (outer, n, inner), in place, whole rows at a time."""
    outer, n, inner = block.shape
    pole = np.float32(_POLE)
    gain = np.float32(6.0)
    last = np.float32(_POLE / (_POLE * _POLE - 1.0))
    start = np.empty(inner, np.float32)
    for o in range(outer):
        start[:] = 0
        for k in range(min(n, _HORIZON)):
            weight = np.float32(_start_weight(k, n))
            for x in range(inner):
                start[x] += block[o, k, x] * weight
        for x in range(inner):
            block[o, 0, x] = gain * start[x]
        for i in range(1, n):
            for x in range(inner):
                block[o, i, x] = gain * block[o, i, x] + pole * block[o, i - 1, x]
        for x in range(inner):
            block[o, n - 1, x] = last * (block[o, n - 1, x] + pole * block[o, n - 2, x])
        for i in range(n - 2, -1, -1):
            for x in range(inner):
                block[o, i, x] = pole * (block[o, i + 1, x] - block[o, i, x])


@kernel
def _start_weight(k: int, n: int) -> float:
    """Return the weight of sample k in the first value of the causal filter: the sum over all its mirror images."""
    period = 2 * n - 2
    if k == 0 or k == n - 1:
        return float(_POLE**k / (1.0 - _POLE**period))
    return float((_POLE**k + _POLE ** (period - k)) / (1.0 - _POLE**period))


@kernel
def cell(position: float, n: int) -> tuple[int, float]:
    """Return the pixel at or before a position on a mirrored axis of n pixels, and the rest (0..1)."""
    if n < 2:
        return 0, 0.0
    period = 2.0 * (n - 1)
    folded = abs(position - period * math.floor(position / period + 0.5))
    index = min(int(folded), n - 2)
    return index, folded - index


@kernel
def weights(t: np.float32) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Return the cubic B-spline weights of the pixels at -1, 0, 1 and 2 for a position t (0..1) between 0 and 1."""
    one, four, six = np.float32(1), np.float32(4), np.float32(6)
    sixth, three = np.float32(1 / 6), np.float32(3)
    s = one - t
    a = s * s * s
    b = t * t * t
    return a * sixth, (four + three * b - six * t * t) * sixth, (four + three * a - six * s * s) * sixth, b * sixth
