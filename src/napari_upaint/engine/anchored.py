"""The average of the weights during fine-tuning, drawn back towards the start."""

from __future__ import annotations

import math

import torch
from torch import nn

from napari_upaint.engine.step import Average

# Share of the way back to the start when its loss is 0, and the loss at which a third of that share is left. Chosen by
# measurement, see docs/choices.md.
_BACK, _DOUBTFUL = 0.5, 0.4


class AnchoredAverage(Average):
    """A moving average of weights on the line from the start to the network.

    Between the start and the fine-tuned network lies one that knows most of what both know: the classes of the strokes,
    and how to separate objects in images that nobody painted (Wortsman et al. 2022 found this for large image
    classifiers).

    Parameters
    ----------
    network, average : nn.Module
        The network that learns, and the one that is judged and kept; both have the weights of the start.
    """

    def __init__(self, network: nn.Module, average: nn.Module) -> None:
        super().__init__(network, average)
        self._start = [one.clone() for one in self._theirs]
        self.reach = 1.0

    def move(self, share: float) -> None:
        """Move the average towards the point that lies at `reach` (0..1) between start and network."""
        pairs = zip(self._start, self._theirs, strict=True)
        torch._foreach_lerp_(self._ours, [start.lerp(there, self.reach) for start, there in pairs], share)

    def send_ahead(self) -> None:
        """Move the network to where `move` leaves the average as it is: beyond it, seen from the start."""
        for start, ours, there in zip(self._start, self._ours, self._theirs, strict=True):
            there.copy_(start.lerp(ours, 1 / self.reach))


def reach(loss: float, hold: float, share: float = 0.0) -> float:
    """Return how far from the start fine-tuning may end, 0.5..1 of the way that its weights went.

    Parameters
    ----------
    loss : float
        Of the start, on held-out paint: if it knows nothing of this task, there is no need to go back to it.
    hold : float
        How strongly the model holds on to what it knew; 1 is usual.
    share : float
        How much less the start knows than a pixel classifier, 0..1, see `first_guess.FirstGuess`.
    """
    return 1 - _BACK * min(1.0, hold) * math.exp(-loss / _DOUBTFUL) * (1 - share**2)
