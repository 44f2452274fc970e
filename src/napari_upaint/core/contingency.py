"""How two label maps overlap: all pairs of ids that share pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_upaint.core.ids import number_ids


@dataclass(frozen=True, eq=False)
class Contingency:
    """Overlaps of two label maps, as pairs of indices into their sorted ids.

    Attributes
    ----------
    first_ids, second_ids : numpy.ndarray
        The ids that occur, in ascending order; 0 as well, if it occurs.
    first_sizes, second_sizes : numpy.ndarray
        int64: number of pixels of each id.
    first, second : numpy.ndarray
        int64: the pairs that share pixels, as indices into `first_ids` and `second_ids`.
    shared : numpy.ndarray
        int64: number of pixels that each pair shares, at least 1.
    """

    first_ids: np.ndarray
    second_ids: np.ndarray
    first_sizes: np.ndarray
    second_sizes: np.ndarray
    first: np.ndarray
    second: np.ndarray
    shared: np.ndarray

    def objects(self) -> Contingency:
        """Leave out the background (id 0) of both."""
        first, second = self.first_ids != 0, self.second_ids != 0
        kept = first[self.first] & second[self.second]
        return Contingency(
            self.first_ids[first],
            self.second_ids[second],
            self.first_sizes[first],
            self.second_sizes[second],
            (np.cumsum(first) - 1)[self.first[kept]],
            (np.cumsum(second) - 1)[self.second[kept]],
            self.shared[kept],
        )

    def iou(self) -> np.ndarray:
        """Return the intersection over union of each pair."""
        union = self.first_sizes[self.first] + self.second_sizes[self.second] - self.shared
        return np.asarray(self.shared / union)


def contingency(first: np.ndarray, second: np.ndarray) -> Contingency:
    """Count the shared pixels of two maps of the same shape, any integers or booleans.

    Raises
    ------
    ValueError
        If the shapes differ or the values are not integers.
    """
    check_pair(first, second)
    first_names, a = number_ids(first)
    second_names, b = number_ids(second)
    pairs, shared = _count(a * len(second_names) + b, len(first_names) * len(second_names))
    rows, columns = np.divmod(pairs, max(1, len(second_names)))
    first_numbers, rows = np.unique(rows, return_inverse=True)
    second_numbers, columns = np.unique(columns, return_inverse=True)
    return Contingency(
        first_names[first_numbers],
        second_names[second_numbers],
        _sum(shared, rows, len(first_numbers)),
        _sum(shared, columns, len(second_numbers)),
        rows,
        columns,
        shared,
    )


def check_pair(first: np.ndarray, second: np.ndarray) -> None:
    """Raise ValueError unless both maps have integers (or booleans) and the same shape."""
    if first.shape != second.shape:
        raise ValueError(f"The labels have shape {first.shape}, the truth {second.shape}; compare maps of one shape.")
    for one in (first, second):
        if one.dtype.kind not in "biu":
            raise ValueError(f"The labels are {one.dtype}; expected integers.")


def _count(keys: np.ndarray, possible: int) -> tuple[np.ndarray, np.ndarray]:
    """Return those of the keys 0 .. possible - 1 that occur, in ascending order, and how often."""
    if possible > 4 * keys.size + 1024:
        return np.unique(keys, return_counts=True)
    counts = np.bincount(keys, minlength=possible)
    occurring = np.flatnonzero(counts)
    return occurring, counts[occurring]


def _sum(shared: np.ndarray, numbers: np.ndarray, length: int) -> np.ndarray:
    """Sum the shared pixels of all pairs of each id, exactly."""
    sums = np.zeros(length, np.int64)
    np.add.at(sums, numbers, shared)
    return sums
