"""How well a network does on held-out paint: how well it knows the pixels, and whether it keeps objects apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from napari_upaint.engine.blocks import layout_on
from napari_upaint.engine.device import autocast
from napari_upaint.engine.losses import keep_apart, painted_cross_entropy
from napari_upaint.engine.sampling import ValidationTile
from napari_upaint.engine.unet import UNet


class Judgement(NamedTuple):
    """How well a network does on held-out paint.

    Attributes
    ----------
    pixels : float
        Mean over classes of the mean loss of their held-out pixels, in which a class counts as in training; infinity if
        there are no such pixels.
    together : float
        Mean over tiles of how far painted objects merge, see `losses.keep_apart`.
    """

    pixels: float
    together: float


def judge(
    network: UNet, tiles: Sequence[ValidationTile], device: torch.device, *, border: bool, balance: float = 1.0
) -> Judgement:
    """Judge a network on tiles.

    Both figures are needed: strokes lie inside objects, so by pixels alone the best network would be one that calls
    everything between two objects object.

    Parameters
    ----------
    network : UNet
        In evaluation mode, on `device`.
    tiles : sequence of ValidationTile
    device : torch.device
    border : bool
        Whether the last output is the border between objects.
    balance : float
        How far classes count alike, see `core.weight_map.balance_power`: 1 all the same, 0 as common as they are.
    """
    sums: dict[int, list[float]] = {}
    together = list[float]()
    for tile in tiles:
        image = torch.from_numpy(tile.image)[None].to(device)
        image = image.contiguous(memory_format=layout_on(device, network.ndim))
        target = torch.from_numpy(tile.target)[None].to(device)
        with torch.inference_mode(), autocast(device):
            logits = network(image)
            for value in np.unique(tile.target[tile.target >= 0]).tolist():
                weights = (target == value).float()
                count = float(weights.sum())
                loss = float(painted_cross_entropy(logits, target, weights, border=border))
                entry = sums.setdefault(value, [0.0, 0.0])
                entry[0] += loss * count
                entry[1] += count
            if tile.objects is not None and len(np.unique(tile.objects[tile.objects > 0])) > 1:
                together.append(float(keep_apart(logits, torch.from_numpy(tile.objects)[None], border=border)))
    totals, counts = np.array(list(sums.values())).reshape(-1, 2).T
    pixels = float(np.average(totals / counts, weights=counts ** (1 - balance))) if sums else float("inf")
    return Judgement(pixels, float(np.mean(together)) if together else 0.0)
