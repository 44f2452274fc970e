"""Trainings interrupted by the end of their process: what they were, how far they got, how to continue.

While a training runs, there are two files: a record of what was asked for (JSON, written once) and the weights (a model
file, written by the engine every few seconds). Both are removed when the training ends; if the engine or the window
ends first, they stay.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from platform import node
from typing import Any

from napari_upaint.errors import FileError
from napari_upaint.io.atomic import sweep_unfinished, write_json
from napari_upaint.io.file_names import MODEL_ENDING, delete, files_in, is_another_file
from napari_upaint.io.folders import data_folder
from napari_upaint.io.models import read_header
from napari_upaint.session.run import CurvePoint, Run, read_settings
from napari_upaint.settings import AugmentSettings, Kind, TrainSettings, WeightSettings

_ENDING = ".training.json"
# Seconds. A running training writes its weights more often than this; one that has not written for longer is over.
_SILENT = 120.0
_OLD = 30 * 24 * 3600.0
_FORMAT = "napari-upaint-training-1"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a training was asked to do, apart from its paint. `start`: a path, "" from scratch; `shape`: the image's."""

    image: str
    shape: tuple[int, ...]
    kind: Kind
    start: str
    settings: TrainSettings
    weights: WeightSettings
    augment: AugmentSettings


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A training that can be continued.

    Attributes
    ----------
    model : pathlib.Path
        Its weights.
    saved : float
        When its weights were last written, in seconds since 1970.
    steps, seconds : int, float
        Done until then, including those of the training that it continued.
    file : str
        The image's file, "" if it has none.
    """

    model: Path
    asked: Asked
    saved: float
    steps: int
    seconds: float
    file: str = ""

    def remaining(self) -> TrainSettings:
        """Return the settings for what is left to do: at least one step, or one second."""
        settings = self.asked.settings
        if settings.steps:
            return replace(settings, steps=max(1, settings.steps - self.steps))
        return replace(settings, seconds=max(1.0, settings.seconds - self.seconds))


def begin_training(asked: Asked, continued: Interrupted | None = None, file: str = "") -> Path:
    """Write the record of a training that begins; return the file for its weights.

    `file` is the image's: many images have the same name.

    Raises
    ------
    FileError
        If it cannot be written.
    """
    model = _folder() / f"{secrets.token_hex(8)}{MODEL_ENDING}"
    before = (
        {"steps": continued.steps, "seconds": continued.seconds, "model": continued.model.name} if continued else None
    )
    owner = {"pid": os.getpid(), "computer": node()}
    content = {"format": _FORMAT, **owner, "asked": asdict(asked), "file": file, "continued": before}
    write_json(_record_of(model), content)
    return model


def end_training(model: Path) -> None:
    """Remove the files of a training that ended, and of those that it continued."""
    for one in (model, *_continued(model)):
        delete(one, _record_of(one))


def give_up(model: Path) -> None:
    """Remove the record of a training that ended before it wrote any weights; those it was to continue from stay."""
    with contextlib.suppress(OSError):
        if not model.exists():
            _record_of(model).unlink()


def interrupted_trainings(
    image: str, shape: tuple[int, ...], running: Collection[Path] = (), file: str = ""
) -> list[Interrupted]:
    """Return the trainings on an image of this name and shape that can be continued, newest first.

    Parameters
    ----------
    running : collection of Path
        Weights of the trainings that run in this process.
    file : str
        The image's file: trainings on another file of the same name are left out.
    """
    found, replaced = [], set()
    sweep_unfinished(_folder())
    for record in files_in(_folder(), f"[!.]*{_ENDING}"):
        model = record.with_name(record.name.removesuffix(_ENDING) + MODEL_ENDING)
        if model in running:
            continue
        try:
            one, owner, computer = _read(record, model)
        except Exception:  # no weights yet, or changed by somebody's editor: nothing to continue
            _sweep(record)
            continue
        replaced.update(_continued(model))
        of_it = (one.asked.image, one.asked.shape) == (image, tuple(shape)) and not is_another_file(file, one.file)
        if of_it and not _alive(owner, computer, one.saved):
            found.append(one)
    return sorted((one for one in found if one.model not in replaced), key=lambda one: one.saved, reverse=True)


def whole_run(run: Run, continued: Interrupted) -> Run:
    """Return one record of a training and the one that it continued, as if there had been no interruption."""
    curve = tuple(
        CurvePoint(one.step + continued.steps, one.seconds + continued.seconds, one.loss, one.validation)
        for one in run.curve
    )
    return replace(
        run,
        settings=continued.asked.settings,
        curve=curve,
        steps=run.steps + continued.steps,
        seconds=run.seconds + continued.seconds,
    )


def _read(record: Path, model: Path) -> tuple[Interrupted, int, str]:
    """Return a training, and the process and the computer that it runs or ran on."""
    raw: dict[str, Any] = json.loads(record.read_text("utf-8"))
    if raw["format"] != _FORMAT:
        raise FileError(f"{record} is not a record of an interrupted training.")
    asked, before = raw["asked"], raw["continued"] or {"steps": 0, "seconds": 0.0}
    asked["shape"] = tuple(int(n) for n in asked["shape"])
    asked["settings"] = read_settings(TrainSettings, asked["settings"])
    asked["weights"] = read_settings(WeightSettings, asked["weights"])
    asked["augment"] = read_settings(AugmentSettings, asked["augment"])
    done = read_header(model).training
    steps, seconds = int(done["steps_done"]), float(done["seconds_done"])
    if not math.isfinite(seconds):
        raise FileError(f"{model} does not say how long it was trained.")
    saved = model.stat().st_mtime
    done_in_all = steps + before["steps"], seconds + before["seconds"]
    one = Interrupted(model, Asked(**asked), saved, *done_in_all, str(raw.get("file", "")))
    return one, int(raw["pid"]), str(raw.get("computer") or node())


def _continued(model: Path) -> list[Path]:
    """Return the weights that a training continued from, and theirs in turn; useless once it has written its own."""
    chain: list[Path] = []
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        while True:
            raw = json.loads(_record_of(model).read_text("utf-8"))
            model = model.with_name(Path(raw["continued"]["model"]).name)
            if model in chain:
                break
            chain.append(model)
    return chain


def _sweep(record: Path) -> None:
    """Remove a record without weights if it is old."""
    with contextlib.suppress(OSError):
        if time.time() - record.stat().st_mtime > _OLD:
            record.unlink()


def _alive(owner: int, computer: str, saved: float) -> bool:
    """Return whether another window's process still trains: it lives and has written its weights lately."""
    if time.time() - saved > _SILENT:
        return False
    if computer != node():  # in a folder that several computers share
        return True
    if owner == os.getpid():
        return False
    if os.name != "posix":
        return True
    try:
        os.kill(owner, 0)
    except ProcessLookupError:
        return False
    except OSError:  # a process of another user has this number
        return True
    return True


def _record_of(model: Path) -> Path:
    return model.with_name(model.stem + _ENDING)


def _folder() -> Path:
    return data_folder() / "trainings"
