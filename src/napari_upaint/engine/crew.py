"""How tiles are shared out: how many at a time, to how many threads each, and how large they are.

Torch's threads meet at the end of every layer, about a hundred times per tile, and if another program wants a core, all
of them wait for the one that was interrupted. Tiles need not meet at all. So every thread gets its own tiles as long as
there are enough: as fast as all threads on one tile on a quiet machine, and several times faster on a busy one.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch

from napari_upaint.core import tiling
from napari_upaint.engine.device import has_bfloat16, room_for_tiles
from napari_upaint.engine.threads import all_threads, prediction_threads
from napari_upaint.engine.unet import UNet

_MOST_MEMORY = 1.5e9  # bytes for the tiles being computed; more would hardly be faster
_TOGETHER = 0.8  # speed of a thread that shares a tile, compared with one that has its own
# Most numbers in memory at the same time, per pixel and feature of the first level, in 2D and 3D, as measured; the
# deeper levels of volumes keep less.
_ALIVE = {2: 9, 3: 7}


@dataclass(frozen=True, slots=True)
class Crew:
    """How an image is predicted.

    Attributes
    ----------
    plan : Tiling
    workers : int
        Batches that are computed at the same time.
    threads : int
        Of each worker; 0: left to torch (on a GPU).
    batch : int
        Tiles that the network gets at once.
    """

    plan: tiling.Tiling
    workers: int
    threads: int
    batch: int = 1

    def begin(self) -> float:
        """Give the calling thread its threads; return the time."""
        if self.workers == 1 and self.threads > 1:
            prediction_threads().use()
        elif self.threads and torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)
        return time.perf_counter()

    def end(self, began: float, pixels: int) -> None:
        """Note how long tiles took per pixel; channels hardly matter, as only the first layer sees them."""
        if self.workers == 1 and self.threads > 1:
            prediction_threads().took((time.perf_counter() - began) / pixels)

    def smaller(self, network: UNet) -> Crew | None:
        """Return a crew that needs less memory: one tile at a time, then a quarter of its pixels; None below that."""
        if self.workers * self.batch > 1:
            return Crew(self.plan, 1, self.threads * self.workers)
        # Compared by pixels: strips over the whole width are long, and squares of half that length can be larger.
        pixels = math.prod(self.plan.input)
        plan = _plan(network, self.plan.shape, 0, pixels // 4, 1)
        return Crew(plan, 1, self.threads) if math.prod(plan.input) < pixels else None


def crew_for(network: UNet, shape: tuple[int, ...], tile: int, *, exact: bool) -> Crew:
    """Share out an image, ([Z,] Y, X).

    Parameters
    ----------
    network : UNet
    shape : tuple of int
    tile : int
        Edge of the tiles, px; 0: as large as memory allows, and cut so that all workers have work.
    exact : bool
        Whether the network computes in float32.
    """
    device = next(network.parameters()).device
    pixels = tile_pixels(network, device, exact=exact)
    threads = all_threads() if device.type == "cpu" else 0
    if tile or not threads:
        plan = _plan(network, shape, tile, pixels, 1)
        workers = max(1, min(threads, len(plan), pixels // math.prod(plan.input)))
        return Crew(plan, workers, threads // workers, _batch(plan, pixels // workers, workers))
    crews = []
    for workers in (n for n in range(1, threads + 1) if threads % n == 0):
        plan = _plan(network, shape, tile, pixels // workers, workers)
        crews.append(Crew(plan, min(workers, len(plan)), threads // workers))
    return min(crews, key=_effort)


def _plan(network: UNet, shape: tuple[int, ...], tile: int, pixels: int, parts: int) -> tiling.Tiling:
    padded = network.padding == "same"
    if tile:
        return tiling.plan(shape, network.depth, tile, padded=padded)
    return tiling.plan_within(shape, network.depth, pixels, padded=padded, parts=parts)


def _batch(plan: tiling.Tiling, pixels: int, workers: int) -> int:
    """Return how many small tiles the network takes at once: as many as have the pixels of the largest tile."""
    return max(1, min(pixels // math.prod(plan.input), -(-len(plan) // workers)))


def _effort(crew: Crew) -> float:
    """Estimate the time that an image takes."""
    speed = crew.threads * (_TOGETHER if crew.threads > 1 else 1)
    return math.prod(crew.plan.input) * -(-len(crew.plan) // crew.workers) / speed


def tile_pixels(network: UNet, device: torch.device, *, exact: bool = False) -> int:
    """Return how many input pixels (voxels) memory allows, for all tiles computed at the same time."""
    size = 2 if has_bfloat16(device) and not exact else 4
    return int(room_for_tiles(device, _MOST_MEMORY) / (_ALIVE[network.ndim] * size * network.features))
