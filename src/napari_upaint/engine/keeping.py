"""Which weights of a training are kept: those that do best on held-out paint."""

from __future__ import annotations

import copy
import math

import torch
from torch import nn

_LEAST_GAIN = 1e-4
# Later weights are preferred if they keep this share of the best gain over the start. On a few strokes it is partly
# chance which of two is better, and a network that has learnt longer knows more about the rest of the image.
_KEPT_GAIN = 0.5


class Kept:
    """The weights to return, and the losses on held-out paint that they are chosen by.

    Attributes
    ----------
    before : float
        Of the start.
    loss : float
        Of the kept weights, measured before that paint was learnt.
    state : dict of str to torch.Tensor, or None
        The kept weights; None: none yet.
    """

    def __init__(self) -> None:
        self.before = self.loss = self._least = math.inf
        self.state: dict[str, torch.Tensor] | None = None

    @property
    def better(self) -> bool:
        """Whether the kept weights are better than the start."""
        return self.loss < self.before - _LEAST_GAIN

    def begin(self, before: float, loss: float, network: nn.Module | None) -> None:
        """Judge by new paint from now on: take the losses on it and, unless None, the weights of `network`."""
        if math.isnan(loss):  # the weights are no longer numbers: those kept before stay
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
        """Keep a network that has meanwhile learnt this paint, if it knows it at least as well as the kept one."""
        if loss <= self.loss:
            self.state = copy.deepcopy(network.state_dict())
