"""Find what a finished run started from, rename the run, or move it to the trash. Nothing is ever lost."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import replace
from pathlib import Path, PureWindowsPath
from typing import Any

from napari_upaint.errors import FileError, ModelError, UserError, reason
from napari_upaint.io.atomic import write_json
from napari_upaint.io.file_names import MODEL_ENDING, delete, from_home
from napari_upaint.io.folders import user_models_folder
from napari_upaint.io.models import find_model, load_model, save_model
from napari_upaint.session.run import ENDING, Run, free_id, list_runs, new_id


def run_of(model: Path | None, runs: list[Run]) -> Run | None:
    """Return the run that made a model, None if it was not trained here (or its record is gone)."""
    return next((run for run in runs if model is not None and run.model == model), None)


def start_of(run: Run) -> Path | None:
    """Return the file of the model that a training started from; None: from scratch.

    Raises
    ------
    ModelError
        If the model is gone.
    """
    try:
        return find_start(run.start)
    except ModelError as error:
        raise ModelError(f"'{run.name}' cannot be undone: {error}") from None


def find_start(start: str) -> Path | None:
    """Return the file of the model that a record names, None if it names none; `ModelError` if it is gone."""
    if not start:
        return None
    # The folder may have moved to another computer, of whatever system: then a model of the same name will do.
    file = PureWindowsPath(start).name
    name = file.removesuffix(MODEL_ENDING)
    for there in (from_home(start), user_models_folder() / file):
        if os.path.isfile(there):
            return there
    for run in list_runs():  # it may have another name by now
        if name in run.former and run.model is not None:
            return run.model
    try:
        return find_model(name)
    except ModelError:
        raise ModelError(f"the model {name} that it started from is gone; choose another one.") from None


def trash_folder() -> Path:
    """Return where deleted runs go; nothing in it is ever deleted by this program."""
    return user_models_folder() / "trash"


def delete_run(run: Run) -> Path:
    """Move the record and the model of a run to the trash; return the trash folder.

    Raises
    ------
    FileError
        If they cannot be moved; then they stay where they were.
    """
    trash = trash_folder()
    free = free_id(run.id, trash)
    moved: list[tuple[Path, Path]] = []
    try:
        trash.mkdir(parents=True, exist_ok=True)
        for ending in (MODEL_ENDING, ENDING):
            source, target = user_models_folder() / f"{run.id}{ending}", trash / f"{free}{ending}"
            if source.exists():
                source.rename(target)
                moved.append((source, target))
    except OSError as error:
        for source, target in moved:
            with contextlib.suppress(OSError):
                target.rename(source)
        raise FileError(f"Cannot move {run.id} to {trash} ({reason(error)}); is the folder writable?") from error
    return trash


def rename_run(run: Run, name: str) -> Run:
    """Rename a run, its files and its model; records of trainings that started from it follow.

    Raises
    ------
    UserError
        If the name is empty.
    FileError, ModelError
        If its files cannot be read or written; then the old ones are left.
    """
    name = " ".join(name.split())
    if not name:
        raise UserError("The name is empty; type one.")
    where = user_models_folder()
    renamed = replace(run, name=name, former=(*run.former, run.id))
    renamed = replace(renamed, id=new_id(renamed, where))
    old, new = (where / f"{one.id}{ENDING}" for one in (run, renamed))
    if run.model is not None:
        renamed = replace(renamed, model=_named_anew(run.model, name, where / f"{renamed.id}{MODEL_ENDING}"))
    model = renamed.model.name if renamed.model else None
    try:
        _rewrite(old, new, name=name, model=model, former=renamed.former)
    except FileError:
        delete(renamed.model)  # or there would be two models
        raise
    if run.model is not None and renamed.model is not None:
        _follow(run.model, renamed.model)
    # Last of all, so that the old files are still there whatever fails before.
    delete(old, run.model)
    return renamed


def _named_anew(source: Path, name: str, target: Path) -> Path:
    """Copy a model under another name; keep its time, by which lists of models are sorted."""
    model = load_model(source)
    save_model(replace(model, header=replace(model.header, name=name)), target)
    with contextlib.suppress(OSError):
        os.utime(target, ns=(source.stat().st_atime_ns, source.stat().st_mtime_ns))
    return target


def _follow(old: Path, new: Path) -> None:
    for run in list_runs():
        if Path(run.start) == old:
            path = user_models_folder() / f"{run.id}{ENDING}"
            _rewrite(path, path, start=str(new))


def _rewrite(source: Path, target: Path, **changed: Any) -> None:
    """Rewrite a record with some entries changed; entries that this version does not know are kept."""
    try:
        content = json.loads(source.read_text("utf-8")) | changed
    except (OSError, ValueError) as error:
        raise FileError(f"Cannot read {source} ({reason(error)}); was it moved?") from error
    write_json(target, content)
