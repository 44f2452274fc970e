"""The table of generators that the engine process (or the command line) can run, by name of request."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Sequence
from functools import lru_cache
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np

from napari_upaint.core.compiled import compile_ahead
from napari_upaint.core.normalize import Normalization
from napari_upaint.core.sample import Sample
from napari_upaint.engine.progress import (
    DeviceLine,
    PlaneResult,
    PredictProgress,
    PreviewResult,
    PreviewView,
    SamplesHeard,
    Sight,
    Stop,
    TilesResult,
    Told,
    TrainProgress,
    TrainResult,
)
from napari_upaint.io.bioimage import PackageWritten
from napari_upaint.io.models import ModelFile, find_model, load_model
from napari_upaint.settings import AugmentSettings, Kind, ObjectSettings, PredictSettings, TrainSettings, WeightSettings

# torch is imported inside the functions: the table can be read without it.


def train(
    samples: Sequence[Sample],
    kind: Kind,
    start: ModelFile | str | Path | None,
    settings: TrainSettings,
    weights: WeightSettings,
    augment: AugmentSettings,
    device: str,
    name: str,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 10.0,
    resume: ModelFile | Path | None = None,
) -> Generator[TrainProgress | TrainResult | SamplesHeard | PredictProgress | PreviewResult, Told | None, None]:
    """Train; see `napari_upaint.engine.train.train`. `start` may also be a bundled model's name or a path.

    There is no result if it is stopped before torch is loaded.
    """
    told = yield TrainProgress("getting ready", 0, 0.0, settings.seconds, 0.0)  # at once: loading torch takes a while
    if isinstance(told, Stop):
        return
    Thread(target=load_ahead, daemon=True).start()  # while torch loads
    from napari_upaint.engine.train import train as run

    yield from run(
        samples,
        kind=kind,
        start=None if start is None else _model(start),
        settings=settings,
        weights=weights,
        augment=augment,
        device=device,
        name=name,
        told=told,
        checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds,
        resume=None if resume is None else _model(resume),
    )


def segment(
    image: np.ndarray,
    normalization: Normalization,
    model: ModelFile | str | Path,
    settings: PredictSettings,
    objects: ObjectSettings,
    device: str,
    spacing: tuple[float, ...] | None = None,
    sight: Sight | None = None,
) -> Generator[PredictProgress | PlaneResult, Stop | None, None]:
    """Segment a plane or a volume; see `napari_upaint.engine.segment.segment_plane`."""
    from napari_upaint.engine.segment import segment_plane

    yield from segment_plane(
        image,
        normalization,
        _model(model),
        settings=settings,
        objects=objects,
        device=device,
        spacing=spacing,
        sight=sight,
    )


def look(
    windows: Sequence[np.ndarray],
    normalization: Normalization,
    model: ModelFile | str | Path,
    settings: PredictSettings,
    device: str,
    spacing: tuple[float, ...] | None = None,
) -> Generator[PredictProgress | Sight, Stop | None, None]:
    """Find how a model sees an image, see `napari_upaint.engine.sight.look`; yield it last, unless stopped."""
    from napari_upaint.engine.sight import look as run

    normalised = [normalization.apply(window) for window in windows]
    sight = yield from run(normalised, _model(model), settings, device, spacing)
    if sight is not None:
        yield sight


def preview(
    view: PreviewView, model: ModelFile | str | Path, device: str
) -> Generator[PredictProgress | PreviewResult, Stop | None, None]:
    """Predict what is in view; see `napari_upaint.engine.preview.preview_view`."""
    from napari_upaint.engine.preview import preview_view

    yield from preview_view(view, _model(model), device)


def tiles(
    samples: Sequence[Sample],
    kind: Kind,
    start: ModelFile | str | Path | None,
    settings: TrainSettings,
    weights: WeightSettings,
    augment: AugmentSettings,
    device: str,
    first: int,
    count: int,
) -> Generator[PredictProgress | TilesResult, Stop | None, None]:
    """Draw tiles as a training would; see `napari_upaint.engine.gallery.draw_tiles`."""
    from napari_upaint.engine.gallery import draw_tiles

    model = None if start is None else _model(start)
    yield from draw_tiles(samples, kind, model, settings, weights, augment, device, first, count)


def export(
    model: ModelFile | str | Path, path: Path, scale: float = 0.0, authors: Sequence[str] = ()
) -> Generator[PackageWritten, Stop | None, None]:
    """Write a model for other programs; see `napari_upaint.engine.exported.write_model`."""
    from napari_upaint.engine.exported import write_model

    yield write_model(_model(model), path, scale=scale, authors=authors)


def describe_device(device: str) -> Generator[DeviceLine, object, None]:
    """Say what the engine computes on."""
    from napari_upaint.engine.device import describe

    yield DeviceLine(describe(device))
    # Nearly every request needs this; loading it now saves the first preview a second.
    import napari_upaint.engine.preview  # noqa: F401

    load_ahead()


def load_ahead() -> None:
    """Load and compile what the first training would wait for: four seconds, more on the first run on a machine."""
    compile_ahead()
    import sklearn.ensemble  # noqa: F401
    import torch

    torch.optim.AdamW([torch.zeros(1)])  # the first optimiser loads eight hundred modules, a second and a half


TASKS: dict[str, Callable[..., Generator[Any, Any, None]]] = {
    "train": train,
    "segment": segment,
    "look": look,
    "preview": preview,
    "tiles": tiles,
    "export": export,
    "device": describe_device,
}

# The last model that came in a request itself; a file's is kept by `_loaded`.
_last: deque[ModelFile] = deque(maxlen=1)


def _model(model: ModelFile | str | Path) -> ModelFile:
    """Return a model: the very same object as last time if it is equal, so that the network made from it is reused."""
    if not isinstance(model, ModelFile):
        path = find_model(model)
        state = os.stat(path)
        return _loaded(path, state.st_mtime_ns, state.st_size)
    if not (_last and _equal(_last[0], model)):
        _last.append(model)
    return _last[0]


@lru_cache(maxsize=1)
def _loaded(path: Path, _changed: int, _size: int) -> ModelFile:
    return load_model(path)


def _equal(a: ModelFile, b: ModelFile) -> bool:
    """Return whether two models are equal; a model in memory arrives as a new copy with every plane."""
    if a is b:
        return True
    if a.header != b.header or a.weights.keys() != b.weights.keys():
        return False
    return all(np.array_equal(a.weights[name], b.weights[name]) for name in a.weights)
