"""Models and trainings that go along with a project: copies in its folder, and what becomes of them later."""

from __future__ import annotations

import contextlib
import filecmp
import os
import shutil
from pathlib import Path

from napari_upaint.errors import ModelError
from napari_upaint.io.atomic import replacing
from napari_upaint.io.folders import user_models_folder
from napari_upaint.io.models import bundled_models, find_model
from napari_upaint.session.history import trash_folder
from napari_upaint.session.run import ENDING, list_runs


def keep_model(model: Path | None, folder: Path) -> str:
    """Copy the chosen model into a project's folder; return what it is found by: '' from scratch."""
    if model is None:
        return ""
    if model in bundled_models():
        return model.stem
    if model.is_file():  # who saves what is painted is not stopped by a model that is gone
        _copy(model, folder / model.name)
    return model.name


def find_in_project(named: str, folder: Path) -> tuple[Path | None, str]:
    """Return the chosen model of a project, and a sentence where it is gone.

    The user's own file goes first where it is the same: the list of models has it already. Another one of that name is
    another model.
    """
    if not named:
        return None, ""
    copied, own = folder / Path(named).name, user_models_folder() / Path(named).name
    if os.path.isfile(own) and (not os.path.isfile(copied) or filecmp.cmp(own, copied, shallow=False)):
        return own, ""
    if os.path.isfile(copied):
        return copied, ""
    try:
        return find_model(named), ""
    except ModelError:
        return None, f"The model {named} is not there any more."


def keep_runs(images: set[str], folder: Path) -> None:
    """Copy the trainings on these images, with their models."""
    for run in list_runs():
        if images & set(run.images):
            for source in (user_models_folder() / f"{run.id}{ENDING}", run.model):
                if source is not None:
                    _copy(source, folder / source.name)


def take_runs(folder: Path) -> None:
    """Copy the trainings of a project to those of the user, but for those that are there, renamed or in the trash."""
    brought = list_runs(folder)
    renamed = {name for run in (*brought, *list_runs()) for name in run.former}
    for run in brought:
        record, model = f"{run.id}{ENDING}", run.model
        there = (user_models_folder() / record, trash_folder() / record)
        taken = model is not None and os.path.exists(user_models_folder() / model.name)
        if run.id in renamed or taken or any(map(os.path.exists, there)):
            continue
        for source in (model, folder / record):
            if source is not None:
                _copy(source, user_models_folder() / source.name)


def _copy(source: Path, target: Path) -> None:
    """Copy a file whole or not at all. Models that differ may be equally large: their content is compared."""
    if target.exists() and filecmp.cmp(source, target, shallow=False):
        return
    with replacing(target) as new:
        shutil.copyfile(source, new)
        with contextlib.suppress(OSError):  # lists of models are sorted by time
            os.utime(new, ns=(source.stat().st_atime_ns, source.stat().st_mtime_ns))
