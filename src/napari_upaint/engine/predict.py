"""Prediction of the scores of planes and volumes: resized for the network, rotations averaged (paper, sec. 4)."""

from __future__ import annotations

import math
from collections.abc import Generator
from functools import lru_cache

import numpy as np
import torch

from napari_upaint.core.resize import resize_image, scaled_shape
from napari_upaint.core.uncertainty import Spread
from napari_upaint.engine.blocks import moved_to
from napari_upaint.engine.checkpoint import to_network
from napari_upaint.engine.progress import PredictProgress, Stop
from napari_upaint.engine.telling import returned
from napari_upaint.engine.tiled import predict_tiled
from napari_upaint.engine.unet import UNet
from napari_upaint.io.models import ModelFile

# If it is left to the program: at most so many rotations, with at most so many pixels for the network together.
_MOST_ROTATIONS, _MOST_PIXELS = 4, 2**20
# Mean scores, and how far the averaged predictions differ, if there were several.
Averaged = tuple[np.ndarray, np.ndarray | None]


@lru_cache(maxsize=2)
def cached_network(model: ModelFile, in_channels: int, device: str) -> UNet:
    """Return a model's network on a device, ready to predict; the two used last stay in memory."""
    return moved_to(torch.device(device), to_network(model, in_channels)).eval()


def automatic_rotations(shape: tuple[int, ...]) -> int:
    """Return how many rotations to average if that is left to the program: 1 to 4, for volumes 1.

    As many as take no longer than one prediction of a plane of a million pixels, so nobody notices the wait.

    Parameters
    ----------
    shape : tuple of int
        Of the image as the network sees it, ([Z,] Y, X).
    """
    if len(shape) != 2:
        return 1
    return min(_MOST_ROTATIONS, max(1, _MOST_PIXELS // math.prod(shape)))


def predict_scores(
    network: UNet, image: np.ndarray, scale: float, *, tile: int = 0
) -> Generator[PredictProgress, Stop | None, np.ndarray | None]:
    """Predict the scores of a normalised image (C, [Z,] Y, X) at its own size; return None if stopped.

    The image is resized by `scale` for the network and the scores are resized back.
    """
    return (yield from predict_mean(network, image, scaled_shape(image.shape[1:], scale), tile=tile))


def predict_mean(
    network: UNet, image: np.ndarray, shape: tuple[int, ...], *, tile: int = 0, rotations: int = 1
) -> Generator[PredictProgress, Stop | None, np.ndarray | None]:
    """Predict mean scores, see `predict_averaged`."""
    found = yield from predict_averaged(network, image, shape, tile=tile, rotations=rotations)
    return found[0] if found is not None else None


def predict_averaged(
    network: UNet, image: np.ndarray, shape: tuple[int, ...], *, tile: int = 0, rotations: int = 1
) -> Generator[PredictProgress, Stop | None, Averaged | None]:
    """Predict mean scores and how far the rotations differ, float16 (None: there is only one); None if stopped.

    The network sees the image resized to `shape`, tile by tile (edge in px, 0: as large as memory allows).
    """
    own = image.shape[1:]
    small = resize_image(image, shape)
    del image  # the last reference to it, unless the caller keeps one
    apart: Spread | None = None
    for turn in range(rotations):
        scores = yield from predict_tiled(network, _turn(small, turn), tile, (turn, rotations))
        if scores is None:
            return None
        if rotations == 1:
            del small
            return resize_image(scores, own), None
        scores = _turn_back(scores, turn)
        apart = apart or Spread(scores.shape)
        apart.add(scores, turn + 1)
        del scores  # not needed while the next ones are computed
    assert apart is not None
    spread = resize_image(apart.value(rotations)[None], own)[0]
    return resize_image(apart.mean, own), spread.astype(np.float16)


def _turn(image: np.ndarray, turn: int) -> np.ndarray:
    """Return version `turn` (0..7) of an image: turned in the plane by quarters, and from 4 up mirrored as well."""
    return np.rot90(image[..., ::-1] if turn >= 4 else image, turn % 4, axes=(-2, -1))


def _turn_back(image: np.ndarray, turn: int) -> np.ndarray:
    back = np.rot90(image, -(turn % 4), axes=(-2, -1))
    return back[..., ::-1] if turn >= 4 else back


def whole(network: UNet, image: np.ndarray) -> np.ndarray:
    """Predict the scores of a normalised image (C, [Z,] Y, X) without reporting progress."""
    return np.asarray(returned(predict_scores(network, image, 1.0)))
