"""What the network would learn from: the very tiles that a training with these settings draws."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np

from napari_upaint.core.labels import check_samples
from napari_upaint.core.sample import Sample
from napari_upaint.engine.progress import PredictProgress, ShownTile, Stop, TilesResult
from napari_upaint.engine.scale import find_scale
from napari_upaint.engine.start import check_fit
from napari_upaint.engine.telling import returned
from napari_upaint.engine.trainer import Trainer
from napari_upaint.io.models import ModelFile
from napari_upaint.settings import AugmentSettings, Kind, TrainSettings, WeightSettings


def draw_tiles(
    samples: Sequence[Sample],
    kind: Kind,
    start: ModelFile | None,
    settings: TrainSettings,
    weights: WeightSettings,
    augment: AugmentSettings,
    device: str,
    first: int,
    count: int,
) -> Generator[PredictProgress | TilesResult, Stop | None, None]:
    """Draw tiles `first` to `first + count - 1` of a training; the last value yielded is the `TilesResult`.

    Parameters
    ----------
    samples, kind, start, settings, weights, augment, device
        As for `engine.train.train`. If no scale is set it is found first, as in training.

    Raises
    ------
    AnnotationError, ImageError, ModelError
        As `engine.train.train`.
    """
    check_samples(samples, kind)
    check_fit(samples, start, settings)
    if isinstance((yield PredictProgress(0, count)), Stop):
        return
    run = Trainer(list(samples), kind, start, settings, weights, augment, device)
    if start is not None and not settings.scale:
        for scale in find_scale(run.network, run.samples, kind=kind, border=run.border, start=start.header):
            run.scale = scale
            if isinstance((yield PredictProgress(0, count)), Stop):
                return
    sampler, tiles = run.sampler(returned(run.preparing())), list[ShownTile]()
    for number in range(first, first + count):
        tile = sampler.draw(number)
        tiles.append(ShownTile(tile.image, tile.target, np.where(tile.target >= 0, tile.weights, np.float32(0))))
        if isinstance((yield PredictProgress(len(tiles), count)), Stop):
            return
    yield TilesResult(tuple(tiles), first, run.scale)
