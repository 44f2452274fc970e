"""Predict scores tile by tile, while the next tiles are cut (paper, sec. 2, fig. 2).

Tile by tile, unpadded networks predict exactly what they would for the whole image. Tiles of padded ones overlap by
half and are blended.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch

from napari_upaint.core import tiling
from napari_upaint.core.stitching import Stitching
from napari_upaint.engine.blocks import layout_on
from napari_upaint.engine.crew import Crew, crew_for
from napari_upaint.engine.device import autocast, is_out_of_memory
from napari_upaint.engine.progress import PredictProgress, Stop
from napari_upaint.engine.unet import UNet
from napari_upaint.errors import EngineError


def predict_tiled(
    network: UNet, image: np.ndarray, tile: int, turn: tuple[int, int]
) -> Generator[PredictProgress, Stop | None, np.ndarray | None]:
    """Predict an image with the largest tiles that memory allows; if memory runs out, start again with smaller ones.

    Parameters
    ----------
    network : UNet
    image : numpy.ndarray
        Normalised, (C, [Z,] Y, X), at the network's scale.
    tile : int
        Edge of the network's input, px; 0: as large as memory allows.
    turn : tuple of int
        Which of how many rotations of the image this is, counted from 0; for the progress.

    Returns
    -------
    numpy.ndarray or None
        float32, (K, [Z,] Y, X); None if stopped.

    Raises
    ------
    EngineError
        If memory runs out even for the smallest tile.
    """
    crew = crew_for(network, image.shape[1:], tile, exact=exact_arithmetic())
    while True:
        try:
            return (yield from _predict_with(network, image, crew, turn))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            smaller = crew.smaller(network)
            if smaller is None:
                raise EngineError("Memory ran out even for the smallest tile; close other programs.") from error
            crew = smaller
            if torch.cuda.is_available():
                torch.cuda.empty_cache()


def _predict_with(
    network: UNet, image: np.ndarray, crew: Crew, turn: tuple[int, int]
) -> Generator[PredictProgress, Stop | None, np.ndarray | None]:
    stitching = Stitching(crew.plan, network.n_classes)

    def predict(tiles: Sequence[tiling.Tile], batch: np.ndarray) -> int:
        began = crew.begin()
        for tile, part in zip(tiles, batch_scores(network, batch), strict=True):
            stitching.put(tile, part)
        crew.end(began, batch.size // batch.shape[1])
        return len(tiles)

    number, count = turn
    done, total = number * len(crew.plan), count * len(crew.plan)
    for finished in _pipeline(image, crew, predict):
        for _ in range(finished):
            done += 1
            if isinstance((yield PredictProgress(done, total)), Stop):
                return None
    return stitching.scores


def _pipeline(
    image: np.ndarray, crew: Crew, predict: Callable[[Sequence[tiling.Tile], np.ndarray], int]
) -> Iterator[int]:
    """Predict all tiles in batches, cutting the next while the network computes; yield what `predict` returns."""
    tiles = list(crew.plan)
    waiting: deque[Future[int]] = deque()
    pool = ThreadPoolExecutor(crew.workers, "tiles")
    try:
        for first in range(0, len(tiles), crew.batch):
            some = tiles[first : first + crew.batch]
            waiting.append(pool.submit(predict, some, _cut(image, crew.plan, some)))
            if len(waiting) > crew.workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _cut(image: np.ndarray, plan: tiling.Tiling, tiles: Sequence[tiling.Tile]) -> np.ndarray:
    if len(tiles) == 1:
        return tiling.cut(image, plan, tiles[0])[None]
    return np.stack([tiling.cut(image, plan, tile) for tile in tiles])


def batch_scores(network: UNet, tiles: np.ndarray) -> np.ndarray:
    """Run the network on normalised tiles (B, C, [Z,] Y, X); return their scores (B, K, [z,] y, x), float32."""
    device = next(network.parameters()).device
    layout = layout_on(device, tiles.ndim - 2)
    batch = torch.from_numpy(np.ascontiguousarray(tiles, np.float32)).to(device).contiguous(memory_format=layout)
    with torch.inference_mode(), autocast(device, exact=exact_arithmetic()):
        logits = network(batch)
        return np.asarray(torch.softmax(logits.float(), 1).cpu().numpy())


def tile_scores(network: UNet, tile: np.ndarray) -> np.ndarray:
    """Run the network on one normalised tile (C, [Z,] Y, X); return its scores (K, [z,] y, x), float32."""
    return np.asarray(batch_scores(network, tile[None])[0])


def exact_arithmetic() -> bool:
    """Return whether the environment asks for float32 (UPAINT_EXACT=1), to compare results across machines."""
    return os.environ.get("UPAINT_EXACT") == "1"
