"""Errors of a segmentation as a partition of the pixels: Rand error, V-Rand, variation of information."""

from __future__ import annotations

import numpy as np

from napari_upaint.core.contingency import check_pair, contingency


def rand_error(labels: np.ndarray, truth: np.ndarray) -> float:
    """Return the share of pixel pairs that one map joins and the other separates: 1 - Rand index (Rand 1971).

    Parameters
    ----------
    labels, truth : numpy.ndarray
        Integers of one shape; every value is one segment, 0 too.

    Returns
    -------
    float
        0 to 1; 0 for fewer than two pixels.
    """
    n = labels.size
    both, mine, theirs = _joined(labels, truth)
    return (mine + theirs - 2 * both) / (n * (n - 1)) if n > 1 else 0.0


def v_rand(labels: np.ndarray, truth: np.ndarray, alpha: float = 0.5) -> float:
    """Return the foreground-restricted Rand score of the ISBI challenges (Arganda-Carreras et al. 2015).

    Among pairs of foreground pixels of the truth, it is the number that both maps join, divided by the weighted mean of
    the numbers that the labels join and that the truth joins. 1 - v_rand is the "Rand error" of the ISBI 2012
    challenge, in which membranes are 0 in the truth.

    Parameters
    ----------
    labels, truth : numpy.ndarray
        Integers of one shape. Pixels where truth is 0 do not count; 0 in ``labels`` is a segment like any other.
    alpha : float
        0 measures splits (recall) only, 1 merges (precision) only, 0.5 is the harmonic mean (F-score) of both.

    Returns
    -------
    float
        0 to 1, 1 for equal partitions; 1 if there is no pair to judge.
    """
    check_pair(labels, truth)
    known = truth != 0
    both, mine, theirs = _joined(labels[known], truth[known])
    expected = alpha * mine + (1 - alpha) * theirs
    return both / expected if expected > 0 else 1.0


def variation_of_information(labels: np.ndarray, truth: np.ndarray, *, foreground: bool = False) -> tuple[float, float]:
    """Return how much is unknown about one map when the other is known, in bits (Meila 2007).

    Parameters
    ----------
    labels, truth : numpy.ndarray
        Integers of one shape; every value is one segment, 0 too.
    foreground : bool
        Count only the pixels where truth is not 0.

    Returns
    -------
    split, merged : float
        Entropy of labels given truth (objects cut into pieces) and of truth given labels (objects joined); the
        variation of information is the sum.
    """
    check_pair(labels, truth)
    if foreground:
        known = truth != 0
        labels, truth = labels[known], truth[known]
    if labels.size == 0:
        return 0.0, 0.0
    table = contingency(labels, truth)
    share = table.shared / labels.size
    split = -(share * np.log2(table.shared / table.second_sizes[table.second])).sum()
    merged = -(share * np.log2(table.shared / table.first_sizes[table.first])).sum()
    return max(0.0, float(split)), max(0.0, float(merged))


def _joined(labels: np.ndarray, truth: np.ndarray) -> tuple[float, float, float]:
    """Count the ordered pairs of different pixels that are joined in both maps, in the labels, and in the truth."""
    table = contingency(labels, truth)
    # float64: squares of more than 3e9 pixels do not fit an int64
    counts = (one.astype(np.float64) for one in (table.shared, table.first_sizes, table.second_sizes))
    both, mine, theirs = (float((one * (one - 1)).sum()) for one in counts)
    return both, mine, theirs
