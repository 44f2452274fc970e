"""How much of an image is background: strokes cannot tell, but unpainted pixels can.

A classifier that learns from strokes gives all classes the same weight, and so takes them to be equally common. If
objects are rare it finds too many and makes them too fat; if they fill the image it makes them too thin.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Share of the way to the estimate, and the largest shift; chosen by measurement, see docs/choices.md: scores are not
# calibrated probabilities, and the estimate runs away if few pixels are sure.
_TAKEN, _MOST = 0.5, 1.0
_ROUNDS = 30
_EVERY = 7  # every seventh pixel tells enough
_LEAST_SHARE, _LEAST_SCORE = 0.005, 1e-4


def background_shift(scores: Sequence[np.ndarray]) -> float:
    """Return by how much to raise the log odds of background, estimated from the images themselves.

    The scores are assumed to take background and the rest as equally common; the share of background that explains them
    best is found by expectation maximisation (Saerens, Latinne & Decaestecker 2002, Neural Computation 14, sec. 2.3).
    Half of its log odds is taken, and at most 1 (2.7 times the odds).

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
    """Raise the log odds of background in scores (K, [Z,] Y, X) by `shift`; the others keep their proportions."""
    result = scores.copy()
    result[0] *= np.exp(shift)
    return np.asarray(result / result.sum(0))
