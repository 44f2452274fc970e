"""Which weights of a training are kept: those that paint which was held out speaks for."""

from __future__ import annotations

import copy
import math

import torch
from torch import nn

_LEAST_GAIN = 1e-4
# Of what the best weights won over the start: later ones that keep so much are preferred. A few strokes tell by chance
# which of two is better, and who has learnt longer knows more of the rest of the image.
_KEPT_GAIN = 0.5


class Kept:
    """The weights to give back, and the losses on held-out paint that speak for them.

    Attributes
    ----------
    before : float
        Of the start.
    loss : float
        Of what is kept, when its paint had not been learnt.
    state : dict of str to torch.Tensor, or None
        What is kept; None: nothing yet.
    """

    def __init__(self) -> None:
        self.before = self.loss = self._least = math.inf
        self.state: dict[str, torch.Tensor] | None = None

    @property
    def better(self) -> bool:
        """Whether what is kept is better than the start."""
        return self.loss < self.before - _LEAST_GAIN

    def begin(self, before: float, loss: float, network: nn.Module | None) -> None:
        """Take new paint as the judge: of the start, and of what is kept by now (None: its loss only)."""
        if math.isnan(loss):  # of weights that are no numbers any more: what was kept before stays
            loss, network = before, None
        self.before, self.loss, self._least = before, loss, loss
        if network is not None:
            self.state = copy.deepcopy(network.state_dict())

    def offer(self, loss: float, network: nn.Module) -> None:
        """Keep a network that is better than the start and about as good as the best so far."""
        self._least = min(self._least, loss)
        enough = self._least + (1 - _KEPT_GAIN) * (self.before - self._least)
        if math.isfinite(loss) and (self.state is None or (loss < self.before - _LEAST_GAIN and loss <= enough)):
            self.loss = loss
            self.state = copy.deepcopy(network.state_dict())

    def offer_knowing(self, loss: float, network: nn.Module) -> None:
        """Keep a network that has learnt this paint by now, and so should know it at least as well."""
        if loss <= self.loss:
            self.state = copy.deepcopy(network.state_dict())
