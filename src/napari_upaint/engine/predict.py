"""Prediction: overlap tiles, rotations averaged, memory minded (paper, sec. 2, fig. 2)."""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from functools import lru_cache

import numpy as np
import torch

from napari_upaint.core import tiling
from napari_upaint.core.normalize import Normalization
from napari_upaint.core.objects import label_scores
from napari_upaint.core.resize import resize_image, scaled_shape
from napari_upaint.engine.checkpoint import to_network
from napari_upaint.engine.device import autocast, choose, is_out_of_memory
from napari_upaint.engine.progress import PlaneResult, PredictProgress, Stop
from napari_upaint.engine.threads import prediction_threads
from napari_upaint.engine.unet import UNet
from napari_upaint.errors import EngineError, ImageError, ModelError
from napari_upaint.io.models import ModelFile
from napari_upaint.settings import ObjectSettings, PredictSettings

_Commands = Stop | None
LARGEST_TILE = 1036  # wastes 15 % on halo; larger ones gain little and cost memory


def segment_plane(
    image: np.ndarray,
    normalization: Normalization,
    model: ModelFile,
    *,
    settings: PredictSettings = PredictSettings(),  # noqa: B008 (frozen)
    objects: ObjectSettings = ObjectSettings(),  # noqa: B008 (frozen)
    device: str = "auto",
) -> Generator[PredictProgress | PlaneResult, _Commands, None]:
    """Segment one plane; the last value yielded is the `PlaneResult`, unless it was stopped.

    Parameters
    ----------
    image : numpy.ndarray
        Raw gray values, (C, Y, X).
    normalization : Normalization
        Of the whole image or stack that the plane belongs to.
    model : ModelFile
    settings, objects
    device : str
        "auto", "cpu", "cuda", ...

    Raises
    ------
    ImageError
        If the plane is empty, holds NaN or infinite pixels, or is not (C, Y, X).
    EngineError
        If memory runs out even for the smallest tile.
    """
    if image.ndim != 3:
        raise ImageError(f"A plane has three axes (C, Y, X); this one has shape {image.shape}.")
    if not image.size:
        raise ImageError(f"The image has no pixels (its shape is {image.shape}); choose another image.")
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise ImageError("The image has pixels that are NaN or infinite; replace them by numbers.")
    header = model.header
    if header.architecture.ndim != 2:
        raise ModelError(f"{header.name} is a {header.architecture.ndim}D model; choose one for planes.")
    network = cached_network(model, image.shape[0], str(choose(device)))
    scores = yield from predict_scores(network, normalization.apply(image), header.scale, settings)
    if scores is None:
        return
    labels = label_scores(scores, kind=header.kind, border=header.border, settings=objects)
    yield PlaneResult(labels, scores.astype(np.float16), header.output_names)


@lru_cache(maxsize=2)
def cached_network(model: ModelFile, in_channels: int, device: str) -> UNet:
    """Return a model's network on a device, ready to predict; the last two stay in memory."""
    return to_network(model, in_channels).to(device).eval()


def predict_scores(
    network: UNet,
    image: np.ndarray,
    scale: float,
    settings: PredictSettings = PredictSettings(),  # noqa: B008 (frozen)
) -> Generator[PredictProgress, _Commands, np.ndarray | None]:
    """Predict the scores of a normalised plane (C, Y, X) at its own size; None where stopped.

    The plane is resized by `scale` for the network and the scores are resized back.
    """
    small = resize_image(image, scaled_shape(image.shape[1:], scale))
    turns = list(range(settings.rotations))
    total: np.ndarray | None = None
    for number, turn in enumerate(turns):
        scores = yield from _predict_turned(network, _turn(small, turn), settings.tile, (number, len(turns)))
        if scores is None:
            return None
        back = _turn_back(scores, turn)
        total = back if total is None else total + back
    assert total is not None
    mean = resize_image(total / len(turns), image.shape[1:])
    return mean


def _turn(image: np.ndarray, turn: int) -> np.ndarray:
    """Return version `turn` (0..7) of a plane: quarter turns, from 4 on mirrored as well."""
    return np.rot90(image[:, :, ::-1] if turn >= 4 else image, turn % 4, axes=(1, 2))


def _turn_back(image: np.ndarray, turn: int) -> np.ndarray:
    back = np.rot90(image, -(turn % 4), axes=(1, 2))
    return back[:, :, ::-1] if turn >= 4 else back


def _predict_turned(
    network: UNet, image: np.ndarray, tile: int, turn: tuple[int, int]
) -> Generator[PredictProgress, _Commands, np.ndarray | None]:
    """Predict with the largest tile that memory allows: out of memory halves it and starts again."""
    size = tile or LARGEST_TILE
    while True:
        try:
            return (yield from _predict_tiled(network, image, size, turn))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if size <= tiling.input_size(1, network.depth):
                raise EngineError("Memory ran out even for the smallest tile; close other programs.") from error
            size //= 2
            if torch.cuda.is_available():
                torch.cuda.empty_cache()


def _predict_tiled(
    network: UNet, image: np.ndarray, tile: int, turn: tuple[int, int]
) -> Generator[PredictProgress, _Commands, np.ndarray | None]:
    plan = tiling.plan(image.shape[1:], network.depth, tile)
    scores = np.empty((network.n_classes, *image.shape[1:]), np.float32)
    threads = prediction_threads()
    for done, one in enumerate(plan, start=1):
        threads.use()
        began = time.perf_counter()
        part = tile_scores(network, tiling.cut(image, plan, one))
        threads.took((time.perf_counter() - began) / part[0].size)
        scores[(slice(None), *one.region)] = part[(slice(None), *(slice(n) for n in one.keep))]
        number, count = turn
        command = yield PredictProgress(number * len(plan) + done, count * len(plan))
        if isinstance(command, Stop):
            return None
    return scores


def tile_scores(network: UNet, tile: np.ndarray) -> np.ndarray:
    """Run the network on one normalised tile (C, Y, X); return its scores (K, y, x), float32."""
    device = next(network.parameters()).device
    batch = torch.from_numpy(np.ascontiguousarray(tile, np.float32))[None].to(device)
    batch = batch.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode(), autocast(device, exact=exact_arithmetic()):
        logits = network(batch)
        return np.asarray(torch.softmax(logits.float(), 1)[0].cpu().numpy())


def exact_arithmetic() -> bool:
    """Return whether float32 is asked for by the environment: UPAINT_EXACT=1, to compare results across machines."""
    return os.environ.get("UPAINT_EXACT") == "1"


def whole(network: UNet, image: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Predict the scores of a normalised plane (C, Y, X) without reporting progress."""
    steps = predict_scores(network, image, scale)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return np.asarray(end.value)
