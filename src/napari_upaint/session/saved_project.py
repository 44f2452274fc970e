"""A project in a folder of the user's choice: annotations, which images they lie on, model, settings, trainings.

``project.json`` says what belongs together. It is replaced last, in one go: whatever happens while a project is saved,
the folder holds the one of before or the new one. Images are never copied.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_upaint.errors import FileError, ModelError
from napari_upaint.io.atomic import replacing
from napari_upaint.io.folders import user_models_folder
from napari_upaint.io.models import bundled_models, find_model
from napari_upaint.session.project import autosave, describe_autosave, restore
from napari_upaint.session.run import ENDING, list_runs
from napari_upaint.settings import Kind

FORMAT = "napari-upaint-project-1"
_FILE, _ANNOTATIONS, _MODELS = "project.json", "annotations", "models"


@dataclass(frozen=True, slots=True, eq=False)
class SavedAnnotation:
    """What is painted: integers, axes (..., Y, X), and notes (JSON) such as its name and kind.

    In a project that was read, `data` is None until `read_annotation`, and `path` says where it is.
    """

    notes: dict[str, Any]
    data: Any = None
    path: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SavedImage:
    """An image layer: its name and shape, where it came from (JSON), what is painted on it."""

    name: str
    shape: tuple[int, ...]
    origin: dict[str, Any]
    annotations: tuple[SavedAnnotation, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class SavedProject:
    """What a project consists of.

    Attributes
    ----------
    chosen : str
        Name of the chosen image.
    model : pathlib.Path or None
        The chosen model; None: from scratch.
    settings : dict
        Settings by their group, as JSON holds them.
    missing : str
        A sentence where the model is not there any more; empty otherwise.
    """

    images: tuple[SavedImage, ...]
    chosen: str = ""
    kind: Kind = "objects"
    model: Path | None = None
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    missing: str = ""


def is_project(folder: Path) -> bool:
    """Return whether there is a project in a folder."""
    return (folder / _FILE).is_file()


def save_project(project: SavedProject, folder: str | Path) -> Path:
    """Write a project; one that is there is replaced.

    Raises
    ------
    FileError
        If it cannot be written (what was there is left as it was), or the folder holds other files.
    """
    folder = Path(folder).expanduser()
    _check_free(folder)
    written: list[str] = []
    try:
        images = [_write_image(image, folder / _ANNOTATIONS, written) for image in project.images]
        model = _keep_model(project.model, folder / _MODELS)
        _keep_runs({image.name for image in project.images}, folder / _MODELS)
        content = {
            "format": FORMAT,
            "images": images,
            "chosen": project.chosen,
            "kind": project.kind,
            "model": model,
            "settings": project.settings,
        }
        with replacing(folder / _FILE) as new:
            new.write_text(json.dumps(content, indent=1, ensure_ascii=False), "utf-8")
    except OSError as error:
        _remove(folder / _ANNOTATIONS, written)
        raise FileError(f"Cannot write the project to {folder} ({error.strerror}); choose another folder.") from error
    except FileError:
        _remove(folder / _ANNOTATIONS, written)
        raise
    old = {path.name for path in (folder / _ANNOTATIONS).glob("*.npz")} - set(written)
    _remove(folder / _ANNOTATIONS, old)
    return folder


def read_project(folder: str | Path) -> SavedProject:
    """Read a project; its trainings join those of the user. Annotations are read one by one, by `read_annotation`.

    Raises
    ------
    FileError
        If there is none, or it is damaged.
    """
    folder = Path(folder).expanduser()
    try:
        raw: dict[str, Any] = json.loads((folder / _FILE).read_text("utf-8"))
        if raw["format"] != FORMAT:
            raise ValueError(f"format {raw['format']}")
        images = tuple(_read_image(one, folder / _ANNOTATIONS) for one in raw["images"])
        kind: Kind = "classes" if raw["kind"] == "classes" else "objects"
        chosen, named, settings = str(raw["chosen"]), str(raw["model"]), dict(raw["settings"])
    except FileNotFoundError as error:
        raise FileError(f"There is no project in {folder}; choose the folder that has {_FILE} in it.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileError(f"The project in {folder} cannot be read ({error}); choose another one.") from error
    _take_runs(folder / _MODELS)
    model, missing = _find_model(named, folder / _MODELS)
    return SavedProject(images, chosen, kind, model, settings, missing)


def read_annotation(annotation: SavedAnnotation) -> np.ndarray:
    """Return what was painted.

    Raises
    ------
    FileError
        If its file is gone or damaged.
    """
    assert annotation.path is not None
    return restore(describe_autosave(annotation.path))


def _check_free(folder: Path) -> None:
    if folder.is_dir() and not is_project(folder) and any(folder.iterdir()):
        raise FileError(f"{folder} holds other files and no project; choose a new folder for it.")
    if folder.exists() and not folder.is_dir():
        raise FileError(f"{folder} is a file; choose a folder for the project.")


def _write_image(image: SavedImage, folder: Path, written: list[str]) -> dict[str, Any]:
    annotations = []
    for one in image.annotations:
        name = f"{secrets.token_hex(8)}.npz"
        if autosave(one.data, folder / name, one.notes):
            written.append(name)
            annotations.append(name)
    return {"name": image.name, "shape": list(image.shape), "origin": image.origin, "annotations": annotations}


def _read_image(raw: dict[str, Any], folder: Path) -> SavedImage:
    # Only names, never paths: the folder may have moved, and must not point elsewhere.
    paths = [folder / Path(str(name)).name for name in raw["annotations"]]
    annotations = tuple(SavedAnnotation(describe_autosave(path).notes, path=path) for path in paths)
    return SavedImage(str(raw["name"]), tuple(int(n) for n in raw["shape"]), dict(raw["origin"]), annotations)


def _remove(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        with contextlib.suppress(OSError):
            (folder / name).unlink()


# -- models and trainings ----------------------------------------------------------------------------------------


def _keep_model(model: Path | None, folder: Path) -> str:
    """Copy the chosen model into the project; return what it is found by: '' from scratch."""
    if model is None:
        return ""
    if model in bundled_models():
        return model.stem
    _copy(model, folder / model.name)
    return model.name


def _find_model(named: str, folder: Path) -> tuple[Path | None, str]:
    if not named:
        return None, ""
    own = [user_models_folder() / Path(named).name, folder / Path(named).name]
    there = next((path for path in own if path.is_file()), None)
    if there is not None:
        return there, ""
    try:
        return find_model(named), ""
    except ModelError:
        return None, f"The model {named} is not there any more."


def _keep_runs(images: set[str], folder: Path) -> None:
    """Copy the trainings on these images, with their models."""
    for run in list_runs():
        if images & set(run.images):
            for source in (user_models_folder() / f"{run.id}{ENDING}", run.model):
                if source is not None:
                    _copy(source, folder / source.name)


def _take_runs(folder: Path) -> None:
    """Copy the trainings of a project to those of the user, unless they are there."""
    for run in list_runs(folder):
        record = user_models_folder() / f"{run.id}{ENDING}"
        if not record.exists():
            for source in (run.model, folder / f"{run.id}{ENDING}"):
                if source is not None:
                    _copy(source, user_models_folder() / source.name)


def _copy(source: Path, target: Path) -> None:
    """Copy a file whole or not at all; one that is there already is the same: models and records never change."""
    if target.exists() and target.stat().st_size == source.stat().st_size:
        return
    with replacing(target) as new:
        shutil.copyfile(source, new)
        shutil.copystat(source, new)  # lists of models are sorted by time


def settings_as_notes(**groups: Any) -> dict[str, dict[str, Any]]:
    """Return settings by the name of their group, as JSON holds them."""
    return {name: asdict(settings) for name, settings in groups.items()}
