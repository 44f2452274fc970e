"""A classifier of pixels by their features: a few small perceptrons, averaged; learnt in a fraction of a second."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

_HIDDEN = 32
_DECAY = 0.03  # times the squared weights, over the root of the number of features
_DROP = 0.3  # of the features, each at its turn: an answer that rests on one of them does not hold elsewhere
_FURTHEST = 6.0  # standard deviations: what was never seen is no more than very unusual


class Effort(NamedTuple):
    """How many perceptrons learn in how many steps at which rate."""

    committee: int
    steps: int
    rate: float


THOROUGH = Effort(4, 120, 0.01)
QUICK = Effort(2, 60, 0.02)  # a fifth of the time: to compare, not to answer


class PixelClassifier:
    """Perceptrons with one hidden layer on standardised features.

    Parameters
    ----------
    features : numpy.ndarray
        float32, (N, F), of painted pixels.
    classes : numpy.ndarray
        int, (N,): 0 .. `count` - 1.
    count : int
        Number of classes; those that are not among the pixels get scores near 0.
    seed : int
    effort : Effort
    """

    def __init__(
        self, features: np.ndarray, classes: np.ndarray, count: int, seed: int, effort: Effort = THOROUGH
    ) -> None:
        self._effort = effort
        # Whoever asks may be predicting, and what is made then cannot learn.
        with torch.inference_mode(False), torch.enable_grad():
            generator = torch.Generator().manual_seed(seed)
            x = torch.from_numpy(np.ascontiguousarray(features, np.float32))
            self._mean, self._spread = x.mean(0), x.std(0, correction=0).clamp(min=1e-3)
            k, n = effort.committee, x.shape[1]
            self._weights = [
                torch.randn(k, n, _HIDDEN, generator=generator) * n**-0.5,
                torch.zeros(k, 1, _HIDDEN),
                torch.randn(k, _HIDDEN, count, generator=generator) * _HIDDEN**-0.5,
                torch.zeros(k, 1, count),
            ]
            self._learn(self._standardised(x), torch.from_numpy(classes.astype(np.int64)), count, generator)

    def _learn(self, x: torch.Tensor, y: torch.Tensor, count: int, generator: torch.Generator) -> None:
        for one in self._weights:
            one.requires_grad_()
        share = 1 / torch.bincount(y, minlength=count).clamp(min=1)[y]  # classes count alike
        share = share / share.sum()
        committee, steps, rate = self._effort
        decay = _DECAY / (2 * committee * x.shape[1] ** 0.5)
        optimizer = torch.optim.Adam(self._weights, rate)
        picked = y[None, :, None].expand(committee, -1, 1)
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = rate * min(1.0, 2 * (1 - step / steps))
            kept = torch.rand(committee, 1, x.shape[1], generator=generator) > _DROP
            log_p = torch.log_softmax(self._logits(x * kept), 2)
            loss: torch.Tensor = -(log_p.gather(2, picked)[..., 0] * share).sum(1).mean()
            loss = loss + decay * torch.stack([(one**2).sum() for one in self._weights[::2]]).sum()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        for one in self._weights:
            one.requires_grad_(False)

    def _standardised(self, x: torch.Tensor) -> torch.Tensor:
        return ((x - self._mean) / self._spread).clamp(-_FURTHEST, _FURTHEST)

    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        """Return (committee, N, classes) of standardised features, (N, F) or (committee, N, F)."""
        first, first_bias, second, second_bias = self._weights
        logits: torch.Tensor = torch.relu(x @ first + first_bias) @ second + second_bias
        return logits

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return float32 scores (N, classes) of pixels (N, F); they sum to 1."""
        with torch.inference_mode():
            x = self._standardised(torch.from_numpy(np.ascontiguousarray(features, np.float32)))
            return np.asarray(torch.softmax(self._logits(x), 2).mean(0).numpy())
