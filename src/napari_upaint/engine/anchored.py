"""The average of a fine-tuning's weights, drawn back towards where it started."""

from __future__ import annotations

import math

import torch
from torch import nn

from napari_upaint.engine.step import Average

# Of the way back, at the most, where the start knows the paint; and the loss at which it is a third of that. Chosen by
# measurement, see docs/choices.md.
_BACK, _DOUBTFUL = 0.5, 0.4


class AnchoredAverage(Average):
    """A moving average of weights on the line from the start to the network.

    Between the start and what a fine-tuning made of it lies a network that has most of what both know: the
    strokes' classes, and how objects come apart in images that nobody painted (Wortsman et al. 2022 found so for large
    image classifiers).

    Parameters
    ----------
    network, average : nn.Module
        What learns; what is judged and kept, both with the weights of the start.
    """

    def __init__(self, network: nn.Module, average: nn.Module) -> None:
        super().__init__(network, average)
        self._start = [one.clone() for one in self._theirs]
        self.reach = 1.0

    def move(self, share: float) -> None:
        """Move the average towards the point that lies at `reach` (0..1) between start and network."""
        pairs = zip(self._start, self._theirs, strict=True)
        torch._foreach_lerp_(self._ours, [start.lerp(there, self.reach) for start, there in pairs], share)


def reach(loss: float, hold: float, share: float = 0.0) -> float:
    """Return how far from the start a fine-tuning may end, 0.5..1 of the way of its weights.

    Parameters
    ----------
    loss : float
        Of the start, on held-out paint: who knows nothing of this question need not be gone back to.
    hold : float
        How strongly the model is to keep to what it knew, 1 as usual.
    share : float
        How much less the start knows than a classifier of pixels, see `first_guess.FirstGuess`.
    """
    return 1 - _BACK * min(1.0, hold) * math.exp(-loss / _DOUBTFUL) * (1 - share**2)
