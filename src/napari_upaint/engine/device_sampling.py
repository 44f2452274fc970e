"""Batches of training tiles on the device that learns them: drawn on a GPU itself, or drawn on the CPU and copied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from napari_upaint.core.deformation import Warp
from napari_upaint.engine import device_warp
from napari_upaint.engine.device import is_out_of_memory
from napari_upaint.engine.sampling import Place, Sampler, TrainingTile


class Batch(NamedTuple):
    """Several training tiles stacked: the fields of `engine.sampling.TrainingTile` in the same order.

    Attributes
    ----------
    images : torch.Tensor
        (B, C, [Z,] Y, X), float32.
    targets, weights : torch.Tensor
        (B, [z,] y, x): int16, with -1 for unlabelled; float32.
    starts : torch.Tensor or None
        (B, K, [z,] y, x), float32.
    objects : torch.Tensor or None
        (B, [z,] y, x), int32.
    """

    images: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor
    starts: torch.Tensor | None
    objects: torch.Tensor | None

    def each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Batch:
        """Return the batch with a change made to each of its tensors."""
        return Batch._make(None if one is None else change(one) for one in self)


Draw = Callable[[Sequence[int]], Batch]


def together(tiles: Sequence[TrainingTile]) -> Batch:
    """Stack tiles into a batch on the CPU."""
    return _joined(tiles, lambda arrays: torch.from_numpy(np.stack(arrays)))


def _joined(parts: Sequence[TrainingTile] | Sequence[Batch], join: Callable[[Any], torch.Tensor]) -> Batch:
    """Join tiles or batches field by field; what one of them lacks, all lack."""
    return Batch._make(None if field[0] is None else join(field) for field in zip(*parts, strict=True))


def drawing(sampler: Sampler, device: torch.device) -> Draw:
    """Return a function that draws batches for a device, given the numbers of their tiles.

    If the images do not fit into the memory of the device, tiles are drawn by the processor and copied.
    """

    def draw(numbers: Sequence[int]) -> Batch:
        return together([sampler.draw(number) for number in numbers])

    if device.type == "cpu":
        return draw
    try:
        return DeviceSampler(sampler, device).draw
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return lambda numbers: draw(numbers).each(lambda one: one.to(device))


class DeviceSampler:
    """Draws the tiles of a `Sampler` on a device, to which its prepared images are copied once.

    Parameters
    ----------
    sampler : Sampler
        Says what to draw and where; its own tiles are the same to 1e-4 of the image's range.
    device : torch.device
    """

    def __init__(self, sampler: Sampler, device: torch.device) -> None:
        self.sampler, self.device = sampler, device
        self._coefficients = [self._put(one.coefficients) for one in sampler.prepared]
        self._targets = [self._put(one) for one in sampler.targets]
        self._weights = [self._put(one.weights) for one in sampler.prepared]
        self._objects = [self._put(one) for one in sampler.objects]
        known = sampler.start
        self._starts = None if known is None or callable(known) else [self._put(one) for one in known]

    def _put(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    def draw(self, numbers: Sequence[int]) -> Batch:
        """Draw tiles, those of the same image together; they are returned in the order of `numbers`."""
        places = [self.sampler.place(number) for number in numbers]
        members: dict[int, list[int]] = {}
        for i, place in enumerate(places):
            members.setdefault(place.sample, []).append(i)
        drawn = _joined([self._draw(index, [places[i] for i in some]) for index, some in members.items()], torch.cat)
        order = np.argsort(np.concatenate([*members.values()])).tolist()
        return drawn.each(lambda one: one[order])

    def _draw(self, index: int, places: Sequence[Place]) -> Batch:
        inner = self.sampler.inner
        warps: list[Warp] = [place.warp for place in places]
        target = self._targets[index]
        at = device_warp.cells(device_warp.positions(warps, self.device), target.shape)
        images = device_warp.read_spline(self._coefficients[index], at)
        images = device_warp.vary(images, [place.gray for place in places])
        at = at.part(inner)
        starts = None
        if callable(self.sampler.start):
            starts = self._put(np.stack([self.sampler.start(image) for image in images.cpu().numpy()]))
        elif self._starts is not None:
            starts = device_warp.read_linear(self._starts[index], at)
        targets, weights = (device_warp.read_nearest(one[index], at) for one in (self._targets, self._weights))
        objects = device_warp.read_nearest(self._objects[index], at) if self._objects else None
        return Batch(images, targets, weights, starts, objects)
