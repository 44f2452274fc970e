"""Batches of training tiles on the device that learns them: drawn on a GPU itself, or drawn on the CPU and copied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from napari_upaint.core.deformation import Warp
from napari_upaint.engine import device_warp
from napari_upaint.engine.device import is_out_of_memory
from napari_upaint.engine.sampling import Place, Sampler, TrainingTile


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Several training tiles stacked, see `engine.sampling.TrainingTile`.

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
    objects: torch.Tensor | None = None

    def each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Batch:
        """Return the batch with a change made to each of its tensors."""
        starts, objects = (None if one is None else change(one) for one in (self.starts, self.objects))
        return Batch(change(self.images), change(self.targets), change(self.weights), starts, objects)


Draw = Callable[[Sequence[int]], Batch]


def together(tiles: Sequence[TrainingTile]) -> Batch:
    """Stack tiles into a batch on the CPU."""
    starts = [tile.start for tile in tiles if tile.start is not None]
    images, targets, weights = (
        torch.from_numpy(np.stack(arrays))
        for arrays in zip(*((tile.image, tile.target, tile.weights) for tile in tiles), strict=True)
    )
    objects = [tile.objects for tile in tiles if tile.objects is not None]
    known = (torch.from_numpy(np.stack(arrays)) if arrays else None for arrays in (starts, objects))
    return Batch(images, targets, weights, *known)


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
        drawn = _concatenate([self._draw(index, [places[i] for i in some]) for index, some in members.items()])
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


def _concatenate(parts: Sequence[Batch]) -> Batch:
    starts = [one.starts for one in parts if one.starts is not None]
    objects = [one.objects for one in parts if one.objects is not None]
    return Batch(
        torch.cat([one.images for one in parts]),
        torch.cat([one.targets for one in parts]),
        torch.cat([one.weights for one in parts]),
        torch.cat(starts) if starts else None,
        torch.cat(objects) if objects else None,
    )
