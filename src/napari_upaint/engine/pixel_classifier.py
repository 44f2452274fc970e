"""A pixel classifier: extremely randomized trees on features of pixels, trained in a fraction of a second."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

THOROUGH, QUICK = 50, 20  # trees: to answer, to compare
# Smallest leaf, as a share of the weight of all painted pixels: smaller ones would fit single strokes.
_LEAST_LEAF = 0.01
_AT_ONCE = 16384  # pixels


class PixelClassifier:
    """Extremely randomized trees (Geurts, Ernst & Wehenkel 2006), with balanced classes.

    Trees compare one feature after another with thresholds. So gray values that were never painted count like the
    nearest painted ones, while a smooth function would extrapolate: on twenty-two painted images trees did better than
    perceptrons, most of all with little paint.

    Parameters
    ----------
    features : numpy.ndarray
        (N, F), of painted pixels.
    classes : numpy.ndarray
        int, (N,): 0 .. `count` - 1.
    count : int
        Number of classes; those without painted pixels get scores of 0.
    seed : int
    trees : int
    """

    def __init__(self, features: np.ndarray, classes: np.ndarray, count: int, seed: int, trees: int = THOROUGH) -> None:
        from sklearn.ensemble import ExtraTreesClassifier  # takes two seconds, which segmenting should not wait for

        self._count = count
        self._trees = ExtraTreesClassifier(
            trees, min_weight_fraction_leaf=_LEAST_LEAF, class_weight="balanced", random_state=seed
        )
        self._trees.fit(np.asarray(features, np.float32), classes)

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return float32 scores (N, classes) of pixels (N, F); they sum to 1."""
        scores = np.zeros((len(features), self._count), np.float32)

        def answer(first: int) -> None:
            rows = slice(first, first + _AT_ONCE)
            found = self._trees.predict_proba(np.asarray(features[rows], np.float32, "C"))
            scores[rows, self._trees.classes_] = found

        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            list(pool.map(answer, range(0, len(features), _AT_ONCE)))
        return scores
