"""How good a segmentation is: pixels and objects here; partitions and topology in their own files.

All measures raise a ValueError if the two maps differ in shape or hold anything but integers or booleans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from napari_upaint.core.contingency import Contingency, check_pair, contingency
from napari_upaint.core.partitions import rand_error, v_rand, variation_of_information
from napari_upaint.core.warping import warp_truth, warping_error

__all__ = [
    "ObjectScores",
    "average_precision",
    "iou",
    "object_scores",
    "pixel_error",
    "rand_error",
    "seg_overlaps",
    "seg_score",
    "v_rand",
    "variation_of_information",
    "warp_truth",
    "warping_error",
]


@dataclass(frozen=True, slots=True)
class ObjectScores:
    """How many objects were found.

    Attributes
    ----------
    matched, found, expected : int
        Number of matched pairs (a found and a true object), of found objects, and of true objects.
    """

    matched: int
    found: int
    expected: int

    @property
    def precision(self) -> float:
        """Share of the found objects that match a true one."""
        return _share(self.matched, self.found, self.expected)

    @property
    def recall(self) -> float:
        """Share of the true objects that were found."""
        return _share(self.matched, self.expected, self.found)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return _share(2 * self.matched, self.found + self.expected, 0)

    @property
    def average_precision(self) -> float:
        """Share of matched objects among all objects of both maps: TP / (TP + FP + FN)."""
        return _share(self.matched, self.found + self.expected - self.matched, 0)


def _share(part: float, whole: float, other: float) -> float:
    """Return part / whole; if the whole is 0, then 1 (all is right), or 0 if the other map has something."""
    if whole:
        return part / whole
    return 0.0 if other else 1.0


def iou(labels: np.ndarray, truth: np.ndarray) -> float:
    """Return the intersection over union of the foregrounds (not 0) of two maps of one shape; 1 if both are empty."""
    check_pair(labels, truth)
    a, b = labels != 0, truth != 0
    return _share(int(np.count_nonzero(a & b)), int(np.count_nonzero(a | b)), 0)


def pixel_error(labels: np.ndarray, truth: np.ndarray) -> float:
    """Return the share of pixels that are foreground (not 0) in only one of two maps of the same shape."""
    check_pair(labels, truth)
    return float(np.count_nonzero((labels != 0) != (truth != 0)) / max(1, labels.size))


def object_scores(labels: np.ndarray, truth: np.ndarray, threshold: float = 0.5) -> ObjectScores:
    """Match objects one to one: as many pairs as possible with an intersection over union of at least ``threshold``.

    Parameters
    ----------
    labels, truth : numpy.ndarray
        Integers of one shape, 0 background, every other id one object.
    threshold : float
        Above 0, up to 1.
    """
    return _match(contingency(labels, truth).objects(), threshold)


def average_precision(
    labels: np.ndarray, truth: np.ndarray, thresholds: Sequence[float] = (0.5, 0.6, 0.7, 0.8, 0.9)
) -> np.ndarray:
    """Return TP / (TP + FP + FN) at each IoU threshold (Data Science Bowl 2018), float64; see `object_scores`."""
    table = contingency(labels, truth).objects()
    return np.array([_match(table, threshold).average_precision for threshold in thresholds])


def _match(table: Contingency, threshold: float) -> ObjectScores:
    if not 0 < threshold <= 1:
        raise ValueError(f"The threshold is {threshold}; give a number above 0, up to 1.")
    good = table.iou() >= threshold
    shape = (len(table.first_ids), len(table.second_ids))
    if threshold > 0.5 or not good.any():
        # More than half of the union: no object can have two partners.
        matched = int(good.sum())
    else:
        # Older versions of SciPy can only match 32-bit indices.
        ends = table.first[good].astype(np.int32), table.second[good].astype(np.int32)
        pairs = coo_array((np.ones(good.sum(), np.int8), ends))
        matched = int((maximum_bipartite_matching(pairs.tocsr()) >= 0).sum())
    return ObjectScores(matched, *shape)


def seg_score(labels: np.ndarray, truth: np.ndarray) -> float:
    """Return SEG of the Cell Tracking Challenge: the mean IoU of true objects with the objects that cover them.

    A true object is found if one object of ``labels`` covers more than half of its pixels; otherwise its IoU is 0.
    False objects cost nothing.

    Parameters
    ----------
    labels, truth : numpy.ndarray
        Integers of one shape, 0 background, every other id one object.

    Returns
    -------
    float
        0 to 1; NaN if there is no true object.
    """
    found = seg_overlaps(labels, truth)
    return float(found.mean()) if len(found) else float("nan")


def seg_overlaps(labels: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return what `seg_score` averages, float64: the IoU of each true object, by ascending id; 0 if not found."""
    table = contingency(labels, truth).objects()
    overlaps = np.zeros(len(table.second_ids))
    covers = 2 * table.shared > table.second_sizes[table.second]
    overlaps[table.second[covers]] = table.iou()[covers]
    return overlaps
