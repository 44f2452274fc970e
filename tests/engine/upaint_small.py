"""What several tests of the engine need: small networks and images, and the end of a generator."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import torch

from napari_upaint.core.normalize import Normalization
from napari_upaint.engine.family import build
from napari_upaint.engine.unet import UNet
from napari_upaint.io.models import Architecture, ModelFile, ModelHeader


def network_of(depth: int, seed: int = 0, **changes: Any) -> UNet:
    torch.manual_seed(seed)
    return build(Architecture(**{"width": 4, "depth": depth, "n_outputs": 3} | changes)).eval()


def header_of(depth: int, **changes: Any) -> ModelHeader:
    architecture = Architecture(width=4, depth=depth, n_outputs=3)
    return ModelHeader(name="small", architecture=architecture, border=True, **changes)


def image_of(shape: tuple[int, ...], channels: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.4, 0.5, (channels, *shape)).astype(np.float32)


def unit(channels: int = 1) -> Normalization:
    """Return the normalisation that changes nothing between -1 and 3."""
    return Normalization((0.0,) * channels, (1.0,) * channels)


def end_of(generator: Generator[Any, Any, Any], *, send: Any = None, after: int = 0) -> tuple[list[Any], Any]:
    """Run to the end; return what was yielded and what was returned."""
    seen: list[Any] = []
    try:
        seen.append(next(generator))
        while True:
            seen.append(generator.send(send if len(seen) > after else None))
    except StopIteration as end:
        return seen, end.value


def same_weights(a: ModelFile, b: ModelFile) -> bool:
    return a.weights.keys() == b.weights.keys() and all(np.array_equal(a.weights[n], b.weights[n]) for n in a.weights)
