"""How much of an image is background: strokes cannot tell, what nobody painted can.

A classifier that learns from as many pixels of one class as of the other, as strokes teach it, takes both for equally
common. Where objects are rare it finds them too fat and too many, where they fill the image too thin.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Of the way to the estimate, and how far at the most; chosen by measurement, see docs/choices.md: scores are no
# calibrated probabilities, and the estimate runs away where few pixels are sure.
_TAKEN, _MOST = 0.5, 1.0
_ROUNDS = 30
_EVERY = 7  # pixels tell enough
_LEAST_SHARE, _LEAST_SCORE = 0.005, 1e-4


def background_shift(scores: Sequence[np.ndarray]) -> float:
    """Return by how much the log odds of background should be higher, by what the images themselves say.

    Scores are taken for what they would be if both answers were equally common; the share that explains them best
    is found by expectation and maximisation (Saerens, Latinne & Decaestecker 2002, Neural Computation 14, sec. 2.3).
    Half of it is taken, and 1 (2.7 times the odds) at the most.

    Parameters
    ----------
    scores : sequence of numpy.ndarray
        (K, [Z,] Y, X), background first, of all images together.
    """
    background = np.concatenate([one[0].ravel()[::_EVERY] for one in scores]).astype(np.float64)
    background = np.clip(background, _LEAST_SCORE, 1 - _LEAST_SCORE)
    odds, share = background / (1 - background), 0.5
    for _ in range(_ROUNDS):
        now = odds * (share / (1 - share))
        share = float(np.clip((now / (1 + now)).mean(), _LEAST_SHARE, 1 - _LEAST_SHARE))
    return float(np.clip(_TAKEN * np.log(share / (1 - share)), -_MOST, _MOST))


def shifted(scores: np.ndarray, shift: float) -> np.ndarray:
    """Return scores (K, [Z,] Y, X) with log odds of background higher by `shift`; the rest keeps its proportions."""
    result = scores.copy()
    result[0] *= np.exp(shift)
    return np.asarray(result / result.sum(0))
