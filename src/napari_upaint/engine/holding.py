"""How strongly a training is held to what its start knew where nothing is painted."""

from __future__ import annotations

import numpy as np

# Where the first guess is not what the start knew, the network has to be moved there: chosen by measurement, see
# docs/choices.md.
_FURTHER = 2.0


def trust(loss: float) -> float:
    """Return how far the start deserves to be held on to, 0..1: the mean score that it gives to what was painted.

    Never nothing: even where the start errs in what counts as an object it knows how objects come apart, which a few
    strokes do not show.
    """
    return float(np.exp(-loss))


def hold_weight(hold: float, loss: float, share: float = 0.0) -> float:
    """Return the weight of `losses.hold_on` beside the loss of what is painted.

    Parameters
    ----------
    hold : float
        How strongly the model is to keep to what it knew, 1 as usual.
    loss : float
        Of what it is held to, on paint that this had not seen.
    share : float
        How much of that is a classifier of pixels and not the start, 0..1, see `first_guess.FirstGuess`.
    """
    return hold * trust(loss) * (1 + _FURTHER * share)
