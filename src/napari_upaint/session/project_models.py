"""Copy models and trainings into a project's folder, and find them there again."""

from __future__ import annotations

import contextlib
import filecmp
import os
import shutil
from pathlib import Path

from napari_upaint.errors import FileError, ModelError, reason
from napari_upaint.io.atomic import replacing
from napari_upaint.io.folders import user_models_folder
from napari_upaint.io.models import bundled_models, find_model
from napari_upaint.session.history import trash_folder
from napari_upaint.session.run import ENDING, list_runs


def keep_model(model: Path | None, folder: Path) -> str:
    """Copy the chosen model into a project's folder; return the name to find it by, '' from scratch."""
    if model is None:
        return ""
    if model in bundled_models():
        return model.stem
    if model.is_file():  # a model that is gone must not keep paint from being saved
        _check_readable(model)
        _copy(model, folder / model.name)
    return model.name


def find_in_project(named: str, folder: Path) -> tuple[Path | None, str]:
    """Return the chosen model of a project, and a sentence if it is gone.

    The user's own file comes first if its content is the same: the list of models has it already. One of the same name
    with other content is another model.
    """
    if not named:
        return None, ""
    named = Path(named).name  # never a path: somebody else's project must not point elsewhere
    copied, own = folder / named, user_models_folder() / named
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
                if source is not None and os.access(source, os.R_OK):  # another window may have renamed it
                    _copy(source, folder / source.name)


def take_runs(folder: Path) -> None:
    """Copy the trainings of a project to the user's, except those that are there already, renamed, or in the trash."""
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


def _check_readable(model: Path) -> None:
    """Raise a FileError if a model cannot be read: copying it would blame the folder that it is copied to."""
    try:
        model.open("rb").close()
    except OSError as error:
        raise FileError(f"Cannot read {model} ({reason(error)}); choose another model.") from error


def _copy(source: Path, target: Path) -> None:
    """Copy a file whole or not at all. Different models may have the same size, so the contents are compared."""
    if target.exists() and filecmp.cmp(source, target, shallow=False):
        return
    with replacing(target) as new:
        shutil.copyfile(source, new)
        with contextlib.suppress(OSError):  # lists of models are sorted by time
            os.utime(new, ns=(source.stat().st_atime_ns, source.stat().st_mtime_ns))
