"""Process large arrays band by band: intermediate arrays stay small, and in the processor's cache."""

from __future__ import annotations

import math

import numpy as np

_PIXELS = 2**18


def bands(shape: tuple[int, ...], least: int = 1) -> list[slice]:
    """Cut the first axis of an array into bands of about a quarter of a million pixels.

    Parameters
    ----------
    shape : tuple of int
        Of the array, ([Z,] Y, X).
    least : int
        Least number of rows (slices) per band, except for the last.
    """
    rows = max(1, least, _PIXELS // max(1, math.prod(shape[1:])))
    return [slice(start, min(start + rows, shape[0])) for start in range(0, shape[0], rows)]


def sizes(labels: np.ndarray) -> np.ndarray:
    """Return the number of pixels of each label, from 0 to the highest."""
    found = np.zeros(int(labels.max(initial=0)) + 1, np.intp)
    for band in bands(labels.shape):
        some = np.bincount(labels[band].ravel())
        found[: len(some)] += some
    return found


def replaced(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return ``values[labels]``, without the index of twice the size of the labels that NumPy makes for it."""
    result = np.empty(labels.shape, values.dtype)
    for band in bands(labels.shape):
        result[band] = values[labels[band]]
    return result
