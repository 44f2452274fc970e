"""A training step: as many tiles as there are threads for, their mean gradient, new weights.

Threads that share a tile meet at the end of every layer, about a hundred times per step, and wait for each other there.
So every thread learns its own tile, on a copy of the network that shares the weights, and they meet once per step.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from napari_upaint.engine.blocks import Dropout, layout_on
from napari_upaint.engine.device import autocast, is_out_of_memory
from napari_upaint.engine.device_sampling import Batch, Draw
from napari_upaint.engine.losses import hold_on, keep_apart, painted_cross_entropy
from napari_upaint.engine.threads import training_threads
from napari_upaint.engine.unet import UNet

MOST_TILES = 4  # per step: more would mean few steps in a minute
_FURTHER = 0.1  # cost of each further thread on the same tile, in waiting


@dataclass(frozen=True, slots=True)
class Question:
    """What a step asks of the network, apart from its tiles.

    Attributes
    ----------
    border : bool
        Whether the last output is the border between objects.
    hold : float
        Weight of holding on to the scores of the start where nothing is painted.
    apart : float
        Weight of keeping painted objects apart.
    """

    border: bool
    hold: float = 0.0
    apart: float = 0.0


class Learner:
    """Takes steps: draws tiles, adds up their gradients in the order of the tiles, and moves the weights.

    The same tiles, the same number of threads and the same seed give the same weights, whichever thread is done first.

    Parameters
    ----------
    network : UNet
        The network that learns, on its device.
    optimizer : torch.optim.Optimizer
        Of the network's parameters.
    seed : int
        Of the drop-out; every tile has its own random numbers.
    clip : float
        Largest norm of the gradient; 0: no limit.
    most : int
        Most tiles per step.
    """

    def __init__(
        self,
        network: UNet,
        optimizer: torch.optim.Optimizer,
        *,
        seed: int,
        clip: float = 0.0,
        most: int = MOST_TILES,
    ) -> None:
        self.network, self.optimizer, self.seed = network, optimizer, seed
        self.clip, self.most = clip, most
        self.device = next(network.parameters()).device
        self.parameters = [one for one in network.parameters() if one.requires_grad]
        self._replicas: list[UNet] = [network]
        self._pool = ThreadPoolExecutor(MOST_TILES - 1, "learner")

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown()

    def step(self, draw: Draw, first: int, question: Question) -> tuple[float, int]:
        """Learn tiles `first`, `first` + 1, ...; return their mean loss and their number.

        If memory runs out, this step and all later ones learn at most half as many.
        """
        self.network.train()
        while True:
            try:
                return self._step(draw, first, question)
            except (RuntimeError, MemoryError) as error:
                if self.most == 1 or not is_out_of_memory(error):
                    raise
                self.most //= 2

    def _step(self, draw: Draw, first: int, question: Question) -> tuple[float, int]:
        if self.device.type != "cpu":
            return self._batch(draw(range(first, first + self.most)), first, question), self.most
        threads, began = training_threads(), time.perf_counter()
        threads.use()
        count, each = share_out(torch.get_num_threads(), self.most)
        loss = self._side_by_side(draw, first, question, count, each)
        threads.took((time.perf_counter() - began) / count)
        return loss, count

    def _side_by_side(self, draw: Draw, first: int, question: Question, count: int, each: int) -> float:
        """Learn `count` tiles at once, each with `each` threads."""
        together = torch.get_num_threads()
        while len(self._replicas) < count:
            self._replicas.append(replica(self.network))
        for other in self._replicas[1:count]:  # steps with fewer tiles move the running statistics of the network only
            for theirs, ours in zip(other.buffers(), self.network.buffers(), strict=True):
                theirs.copy_(ours)

        def learn(index: int) -> float:
            if torch.get_num_threads() != each:  # set for the calling thread only
                torch.set_num_threads(each)
            return self._gradient(self._replicas[index], draw([first + index]), first + index, question)

        others = [self._pool.submit(learn, index) for index in range(1, count)]
        try:
            losses = [learn(0)]
            losses += [one.result() for one in others]
        finally:  # no thread may go on computing after this returns, whatever happened
            wait(others)
            del others  # an error would hold on to its frames, these to the futures, and they to the error
            if together != each:
                torch.set_num_threads(together)
        self._gather(count)
        self._move()
        return float(np.mean(losses))

    def _batch(self, batch: Batch, first: int, question: Question) -> float:
        """Learn tiles as one batch: a GPU shares out the work itself."""
        loss = self._gradient(self.network, batch, first, question)
        self._move()
        return loss

    def _gradient(self, network: UNet, batch: Batch, number: int, question: Question) -> float:
        """Leave the gradient of the tiles' mean loss in a network's parameters; return that loss."""
        for one in network.parameters():
            one.grad = None
        seed_dropout(network, (self.seed, number))
        with autocast(self.device):
            logits = network(batch.images.contiguous(memory_format=layout_on(self.device, network.ndim)))
        loss = torch.stack([_loss(logits, batch, i, question) for i in range(len(logits))]).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def _gather(self, count: int) -> None:
        """Average gradients and running statistics of the first `count` replicas in the network, in a fixed order."""
        if count == 1:
            return
        replicas = self._replicas[:count]
        gradients = [[one.grad for one in network.parameters() if one.grad is not None] for network in replicas]
        for other in gradients[1:]:
            torch._foreach_add_(gradients[0], other)
        torch._foreach_div_(gradients[0], count)
        for buffers in zip(*(network.buffers() for network in replicas), strict=True):
            if buffers[0].dtype.is_floating_point:  # running statistics, not the count of batches
                buffers[0].copy_(torch.stack(buffers).mean(0))

    def _move(self) -> None:
        gradients = [one.grad for one in self.parameters if one.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        if not torch.isfinite(norm):  # it would make all weights NaN for good
            return
        if self.clip:
            nn.utils.clip_grads_with_norm_(self.parameters, self.clip, norm)
        self.optimizer.step()


def _loss(logits: torch.Tensor, batch: Batch, index: int, question: Question) -> torch.Tensor:
    """Return the loss of one tile: every tile counts the same, however much is painted on it."""
    one = slice(index, index + 1)
    target = batch.targets[one]
    loss = painted_cross_entropy(logits[one], target, batch.weights[one], border=question.border)
    if batch.starts is not None and question.hold:
        loss = loss + question.hold * hold_on(logits[one], batch.starts[one], target < 0)
    if batch.objects is not None and question.apart:
        loss = loss + question.apart * keep_apart(logits[one], batch.objects[one], border=question.border)
    return loss


class Average:
    """The moving average of a network's weights, kept in another network of the same kind."""

    def __init__(self, network: nn.Module, average: nn.Module) -> None:
        pairs = zip(average.state_dict().values(), network.state_dict().values(), strict=True)
        # Without the count of batches of a normalisation.
        floats = [pair for pair in pairs if pair[0].dtype.is_floating_point]
        self._ours, self._theirs = [ours for ours, _ in floats], [theirs for _, theirs in floats]

    def move(self, share: float) -> None:
        """Move the average towards the network's weights by a share (0..1) of the way."""
        torch._foreach_lerp_(self._ours, self._theirs, share)


def share_out(threads: int, most: int = MOST_TILES) -> tuple[int, int]:
    """Return how many tiles a step learns, and how many threads each of them gets.

    There are as many tiles as threads, up to `most`; the more threads share a tile, the more they wait.
    """

    def work(tiles: int) -> tuple[float, int]:
        each = threads // tiles
        return tiles * each / (1 + _FURTHER * (each - 1)), tiles

    tiles = max(range(1, min(most, threads) + 1), key=work)
    return tiles, threads // tiles


def replica(network: UNet) -> UNet:
    """Return a copy of a network that shares its weights, but not their gradients or the running statistics."""
    other = copy.deepcopy(network)
    for ours, theirs in zip(other.parameters(), network.parameters(), strict=True):
        ours.data, ours.grad = theirs.data, None
    return other


def seed_dropout(network: nn.Module, seed: Sequence[int]) -> None:
    """Let the drop-out of a network depend on `seed` only, not on what other threads draw."""
    rng = np.random.default_rng(seed)
    for one in network.modules():
        if isinstance(one, Dropout):
            one.rng = rng
