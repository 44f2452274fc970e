"""How large a training tile is: for planes as the recipe says, for volumes as their shape and memory allow."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from napari_upaint.core import tiling
from napari_upaint.core.resize import scaled_shape
from napari_upaint.core.sample import Sample
from napari_upaint.engine.device import has_bfloat16, room_for_tiles
from napari_upaint.engine.step import MOST_TILES, share_out
from napari_upaint.engine.threads import all_threads
from napari_upaint.engine.unet import UNet
from napari_upaint.errors import EngineError

# Numbers in memory at the same time in a training step, per voxel and feature of the first level (9 to 10 measured).
_ALIVE = 12
_MOST_MEMORY = 4e9  # bytes for all tiles of a step; with larger tiles a step would take many seconds
_SHRINK = 0.75
# Voxels along each axis that a padded network learns from, although those near the edges see zeros. On confocal nuclei,
# a minute with ten times as many of these tiles taught more than one with tiles that hold all context of 28 voxels, see
# docs/choices.md.
_PADDED = 48
_LEAST = 4  # voxels of output along each axis


def training_tile(network: UNet, output: int, samples: Sequence[Sample], device: torch.device) -> tuple[int, ...]:
    """Return the network's input for one training tile, ([Z,] Y, X).

    Planes: a square with at least `output` x `output` pixels that are learnt from. Volumes: a cube as large as `output`
    and memory allow, and along each axis no larger than the largest sample as the network sees it at scale 1.

    Parameters
    ----------
    network : UNet
    output : int
        Pixels (voxels) along each axis that are learnt from.
    samples : sequence of Sample
    device : torch.device

    Raises
    ------
    EngineError
        If not even the smallest tile fits into memory.
    """
    padded = network.padding == "same"
    if network.ndim == 2:
        return (tiling.input_size(output, network.depth, padded=padded),) * 2
    shapes = [scaled_shape(sample.annotation.shape, 1.0, sample.spacing) for sample in samples]
    largest = [max(shape[axis] for shape in shapes) for axis in range(3)]
    most, wanted = _voxels(network, device), float(max(output, _PADDED) if padded else output)
    while True:
        outputs = [min(n, round(wanted)) for n in largest]
        tile = tuple(tiling.input_size(n, network.depth, padded=padded) for n in outputs)
        if math.prod(tile) <= most:
            return tile
        if wanted <= _LEAST:
            raise EngineError(
                f"A 3D network of depth {network.depth} learns from tiles of {' x '.join(map(str, tile))} voxels or"
                " more, which do not fit into memory; choose a smaller depth or width."
            )
        wanted *= _SHRINK


def _voxels(network: UNet, device: torch.device) -> int:
    """Return how many input voxels memory allows for one tile, given that several tiles are learnt at once."""
    memory = room_for_tiles(device, _MOST_MEMORY)
    memory /= MOST_TILES if device.type != "cpu" else share_out(all_threads())[0]
    return int(memory / (_ALIVE * (2 if has_bfloat16(device) else 4) * network.features))
