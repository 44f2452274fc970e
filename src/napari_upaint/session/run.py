"""The record of a training: what was asked for, how it went, what came out. A JSON file next to the model's."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar, get_args

from napari_upaint.core.labels import as_classes, painted_pixels
from napari_upaint.engine.progress import TrainProgress, TrainResult
from napari_upaint.errors import FileError, reason
from napari_upaint.io.atomic import write_json
from napari_upaint.io.file_names import MODEL_ENDING, delete, file_name, files_in
from napari_upaint.io.folders import user_models_folder
from napari_upaint.io.models import ModelFile, save_model
from napari_upaint.session.protocol import TrainRequest
from napari_upaint.settings import AugmentSettings, Kind, TrainSettings, WeightSettings

FORMAT = "napari-upaint-run-1"
ENDING = ".run.json"
# A curve with more points looks no different on any screen.
_MOST_POINTS = 1000
Settings = TypeVar("Settings", TrainSettings, WeightSettings, AugmentSettings)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The losses at a step; None if they were not measured."""

    step: int
    seconds: float
    loss: float | None
    validation: float | None


@dataclass(frozen=True, slots=True)
class Run:
    """One training.

    Attributes
    ----------
    id : str
        Name of its files; empty until it is saved.
    name : str
        What the user calls the model.
    date : str
        When it ended, local time, ISO 8601.
    start : str
        Model that it started from; empty: from scratch.
    before, after : float or None
        Loss of the start and of the result on held-out paint; None if there was no such paint.
    painted : mapping of int to int
        Pixels of each label in the annotations; for kind "objects", of 1 (background) and 2 (all objects).
    model : pathlib.Path or None
        The model's file; None if the start was no worse, or the file is gone.
    former : tuple of str
        What `id` was before the run was renamed.
    """

    name: str
    date: str
    kind: Kind
    start: str
    settings: TrainSettings
    weights: WeightSettings
    augment: AugmentSettings
    curve: tuple[CurvePoint, ...]
    before: float | None
    after: float | None
    improved: bool
    steps: int
    seconds: float
    message: str
    images: tuple[str, ...]
    painted: Mapping[int, int] = field(default_factory=dict)
    id: str = ""
    model: Path | None = None
    former: tuple[str, ...] = ()


def record(request: TrainRequest, progress: Iterable[TrainProgress], result: TrainResult) -> Run:
    """Make the record of a training from its request, progress and result."""
    start = request.start
    return Run(
        name=request.name,
        date=datetime.now().astimezone().isoformat(),  # to the microsecond: runs are sorted by it
        kind=request.kind,
        start=start.header.name if isinstance(start, ModelFile) else str(start or ""),
        settings=request.settings,
        weights=request.weights,
        augment=request.augment,
        curve=curve_of(progress),
        before=_finite(result.before),
        after=_finite(result.after),
        improved=result.improved,
        steps=result.steps,
        seconds=result.seconds,
        message=result.message,
        images=tuple(dict.fromkeys(sample.name for sample in request.samples)),
        painted=painted_pixels(as_classes(sample.annotation, request.kind) for sample in request.samples),
    )


def curve_of(progress: Iterable[TrainProgress]) -> tuple[CurvePoint, ...]:
    """Return the losses of a training, thinned out; every validation is kept."""
    points = [
        _point(one.step, one.seconds, one.loss, one.validation)
        for one in progress
        if one.loss is not None or one.validation is not None
    ]
    every = max(1, math.ceil(len(points) / _MOST_POINTS))
    last = len(points) - 1
    return tuple(one for i, one in enumerate(points) if i % every == 0 or i == last or one.validation is not None)


def save_run(run: Run, model: ModelFile | None) -> Run:
    """Save a run and its model in the user's folder; return the run with its `id` and `model`.

    Parameters
    ----------
    model : ModelFile or None
        None saves only the record, for instance of a training that did not help.

    Raises
    ------
    FileError
        If it cannot be written. Then there is neither record nor model.
    """
    folder = user_models_folder()
    path = _reserve(run, folder)
    saved = replace(run, id=path.name.removesuffix(ENDING), model=None)
    target = folder / f"{saved.id}{MODEL_ENDING}"
    try:
        if model is not None:
            saved = replace(saved, model=save_model(model, target))
        content = asdict(saved) | {"format": FORMAT, "model": target.name if model is not None else None}
        write_json(path, content, allow_nan=False)
        return saved
    except BaseException:
        delete(path, target)
        raise


def _reserve(run: Run, folder: Path) -> Path:
    """Make an empty record with a free name: another window may save a run of the same name in the same second."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            path = folder / f"{new_id(run, folder)}{ENDING}"
            with contextlib.suppress(FileExistsError):
                path.touch(exist_ok=False)
                return path
    except OSError as error:
        raise FileError(f"Cannot write to {folder} ({reason(error)}); choose another folder or make room.") from error


def list_runs(folder: Path | None = None) -> list[Run]:
    """Return the runs of a folder (None: the user's), newest first; files that are not records are left out."""
    runs = []
    for path in files_in(folder or user_models_folder(), f"[!.]*{ENDING}"):
        try:
            runs.append(load_run(path))
        except FileError:
            continue
    return sorted(runs, key=lambda run: datetime.fromisoformat(run.date).timestamp(), reverse=True)


def load_run(path: str | Path) -> Run:
    """Read the record of a run.

    Raises
    ------
    FileError
        If the file is not such a record.
    """
    path = Path(path)
    try:
        raw: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if raw.pop("format", None) != FORMAT:
            raise ValueError("another format")
        datetime.fromisoformat(raw["date"]).timestamp()  # runs are sorted by it
        if raw["kind"] not in get_args(Kind):
            raise ValueError(f"its kind is {raw['kind']!r}")
        raw["settings"] = read_settings(TrainSettings, raw["settings"])
        raw["weights"] = read_settings(WeightSettings, raw["weights"])
        raw["augment"] = read_settings(AugmentSettings, raw["augment"])
        raw["curve"] = tuple(_point(**_known(CurvePoint, point)) for point in raw["curve"])
        raw["seconds"] = _finite(raw["seconds"]) or 0.0
        raw["before"], raw["after"] = _finite(raw["before"]), _finite(raw["after"])
        raw["name"], raw["start"] = str(raw["name"]), str(raw["start"])
        raw["images"], raw["former"] = (tuple(map(str, raw.get(names, ()))) for names in ("images", "former"))
        raw["painted"] = {int(label): int(pixels) for label, pixels in raw["painted"].items()}
        # Only a name, never a path: the folder may have moved, and must not point elsewhere.
        model = path.parent / Path(raw["model"]).name if raw["model"] else None
        raw["model"] = model if model is not None and model.is_file() else None
        return Run(**(_known(Run, raw) | {"id": path.name.removesuffix(ENDING)}))
    except Exception as error:  # whatever somebody's editor did to it
        raise FileError(f"{path} is not a record of a training ({error}); choose another file.") from error


def read_settings(kind: type[Settings], raw: dict[str, Any]) -> Settings:
    """Read settings that another version may have written: unknown ones, and values of another type, are left out."""
    known: dict[str, Any] = {}
    for one in fields(kind):
        wanted = (int, float) if isinstance(one.default, float) else type(one.default)
        if isinstance(value := raw.get(one.name), wanted):
            known[one.name] = value
    return kind(**known)


def _known(kind: type[Run | CurvePoint], raw: dict[str, Any]) -> dict[str, Any]:
    """Return the entries that this version knows: a newer one may have written more."""
    known = {one.name for one in fields(kind)}
    return {name: value for name, value in raw.items() if name in known}


def new_id(run: Run, folder: Path) -> str:
    """Return the name for the files of a run in a folder, such as "nuclei 2026-01-31 12.00.00"."""
    return free_id(f"{file_name(run.name, 'model', 40)} {datetime.fromisoformat(run.date):%Y-%m-%d %H.%M.%S}", folder)


def free_id(wanted: str, folder: Path) -> str:
    """Return a name for the files of a run that is free in a folder: the wanted one, with a number if that is taken."""
    free, number = wanted, 1
    while any(os.path.exists(folder / f"{free}{ending}") for ending in (ENDING, MODEL_ENDING)):
        number += 1
        free = f"{wanted} {number}"
    return free


def _point(step: int, seconds: float, loss: float | None, validation: float | None) -> CurvePoint:
    return CurvePoint(step, _finite(seconds) or 0.0, _finite(loss), _finite(validation))


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
