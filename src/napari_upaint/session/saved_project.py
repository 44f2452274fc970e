"""A project in a folder of the user's choice: annotations, the images they belong to, model, settings, trainings.

``project.json`` says what belongs together. It is replaced last, in one go: whatever happens while a project is saved,
the folder holds either the old project or the new one. Images are never copied. Annotations whose image was not found,
or that cannot be read just now, stay in the project however often it is saved.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_upaint.errors import FileError, reason
from napari_upaint.io.atomic import replacing, write_json
from napari_upaint.io.file_names import composed, delete, from_home, is_another_file, is_there
from napari_upaint.session.autosaves import autosave, describe_autosave, is_here, restore
from napari_upaint.session.paint_notes import PaintNotes
from napari_upaint.session.project_models import find_in_project, keep_model, keep_runs, take_runs
from napari_upaint.settings import Kind

_FORMATS = "napari-upaint-project-"
FORMAT = f"{_FORMATS}1"
_FILE, _ANNOTATIONS, _MODELS = "project.json", "annotations", "models"
_RELATIVE = "path_from_project"  # of an image


@dataclass(frozen=True, slots=True, eq=False)
class SavedAnnotation:
    """An annotation of a project.

    Attributes
    ----------
    notes : dict
        JSON, such as its name and kind; empty if it cannot be read.
    data : array or None
        Integers, axes (..., Y, X); None: what is in the file.
    path : pathlib.Path or None
        Its file in a project that was read.
    damage : str
        Why it cannot be read; empty otherwise.
    """

    notes: dict[str, Any]
    data: Any = None
    path: Path | None = None
    damage: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class SavedImage:
    """An image layer: its name and shape, where it came from (JSON), what is painted on it."""

    name: str
    shape: tuple[int, ...]
    origin: dict[str, Any]
    annotations: tuple[SavedAnnotation, ...] = ()

    @property
    def file(self) -> str:
        """Where it was opened from, "" if unknown."""
        return str(self.origin.get("path") or "")

    def may_be(self, name: str, shape: tuple[int, ...], file: str) -> bool:
        """Return whether an open image seems to be this one: by name and shape, unless its file is known to differ."""
        named = composed(name) == composed(self.name)
        return named and shape == self.shape and not is_another_file(file, self.file)


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
        Settings by group, as in the JSON file.
    missing : str
        A sentence if the model is gone; empty otherwise.
    """

    images: tuple[SavedImage, ...]
    chosen: str = ""
    kind: Kind = "objects"
    model: Path | None = None
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    missing: str = ""


def is_project(folder: Path) -> bool:
    """Return whether there is a project in a folder."""
    return os.path.isfile(folder / _FILE)


def save_project(
    project: SavedProject, folder: str | Path, seen: Collection[str] | None = None
) -> tuple[Path, frozenset[str]]:
    """Write a project, replacing one that is there; return its folder and the names of its files of annotations.

    Annotations without data are kept as they are in their files.

    Parameters
    ----------
    seen : collection of str or None
        Names of files of annotations that may be replaced, as returned when they were saved; None: any.

    Raises
    ------
    FileError
        If it cannot be written (what was there is left as it was), or the folder holds other files or other paint.
    """
    folder = from_home(folder)
    written = list[str]()
    try:
        _check_free(folder)
        before = _check_seen(folder, seen)
        images = [_write_image(image, folder / _ANNOTATIONS, written) for image in project.images]
        model = keep_model(project.model, folder / _MODELS)
        keep_runs({image.name for image in project.images}, folder / _MODELS)
        content = {
            "format": FORMAT,
            "images": images,
            "chosen": project.chosen,
            "kind": project.kind,
            "model": model,
            "settings": project.settings,
        }
        _check_seen(folder, seen)  # again: all this takes a while, and another window may have saved meanwhile
        write_json(folder / _FILE, content)
    except (OSError, FileError) as error:
        delete(*(folder / _ANNOTATIONS / name for name in written))
        if isinstance(error, FileError):
            raise
        raise FileError(f"Cannot write the project to {folder} ({reason(error)}); choose another folder.") from error
    # Only those of the project before: another window may be writing into the same folder.
    kept = frozenset(name for image in images for name in image["annotations"])
    delete(*(folder / _ANNOTATIONS / name for name in before - kept))
    return folder, kept


def kept_in(folder: Path, names: Collection[str], image: SavedImage) -> SavedImage:
    """Return an image with those of its annotations that `save_project` has kept, and where; see what it returns."""
    places = [(one, one.path) for one in image.annotations]
    kept = [(one, path.name) for one, path in places if path is not None and path.name in names]
    moved = tuple(replace(one, path=folder / _ANNOTATIONS / name) for one, name in kept)
    return replace(image, annotations=moved)


def read_project(folder: str | Path) -> SavedProject:
    """Read a project; its trainings join those of the user. Annotations are read one by one, by `read_annotation`.

    Raises
    ------
    FileError
        If there is none, or it is damaged.
    """
    folder = from_home(folder)
    try:
        raw: dict[str, Any] = json.loads((folder / _FILE).read_text("utf-8"))
        if raw["format"] != FORMAT:
            newer = str(raw["format"]).startswith(_FORMATS)
            raise ValueError("a newer U-Paint wrote it, update yours" if newer else f"format {raw['format']}")
        images = tuple(_read_image(one, folder / _ANNOTATIONS) for one in raw["images"])
        kind: Kind = "classes" if raw["kind"] == "classes" else "objects"
        chosen, named, settings = str(raw["chosen"]), str(raw["model"]), dict(raw["settings"])
    except FileNotFoundError as error:
        raise FileError(f"There is no project in {folder}; choose the folder that has {_FILE} in it.") from error
    except Exception as error:  # whatever somebody's editor did to it
        raise FileError(f"The project in {folder} cannot be read ({error}); choose another one.") from error
    with contextlib.suppress(FileError, OSError):  # paint can be read where trainings cannot be written
        take_runs(folder / _MODELS)
    model, missing = find_in_project(named, folder / _MODELS)
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
    others = (path.name for path in folder.iterdir()) if os.path.isdir(folder) and not is_project(folder) else ()
    # What a failed save left, and hidden files of file managers, do no harm.
    if any(name not in (_ANNOTATIONS, _MODELS) and not name.startswith(".") for name in others):
        raise FileError(f"{folder} holds other files and no project; choose a new folder for it.")
    if os.path.isfile(folder):
        raise FileError(f"{folder} is a file; choose a folder for the project.")


def _check_seen(folder: Path, seen: Collection[str] | None) -> set[str]:
    """Return the file names of the annotations in a folder; `FileError` if there are others than may be replaced."""
    there = _annotation_files(folder)
    if seen is not None and not there <= set(seen):
        raise FileError(
            f"{folder} holds paint that this window has not seen: another one may have saved the project since. Open"
            " it first (what is open here stays open), or choose 'Save project as…' and a new folder."
        )
    return there


def _annotation_files(folder: Path) -> set[str]:
    """Return the file names of the annotations of the project in a folder; none if there is no project."""
    try:
        raw = json.loads((folder / _FILE).read_text("utf-8"))
        return {Path(str(name)).name for image in raw["images"] for name in image["annotations"]}
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except Exception as error:  # nobody knows what is painted in it: not to be replaced
        raise FileError(
            f"The project in {folder} cannot be read ({reason(error)}), so it is not replaced; choose 'Save project"
            " as…' and a new folder."
        ) from error


def _write_image(image: SavedImage, folder: Path, written: list[str]) -> dict[str, Any]:
    annotations = []
    for one in image.annotations:
        if one.data is None and one.path is not None:
            if _was_brought(one, image):
                continue
            _keep_file(one.path, folder, written)
            annotations.append(one.path.name)
            continue
        name = f"{secrets.token_hex(8)}.npz"
        if autosave(one.data, folder / name, one.notes):
            written.append(name)
            annotations.append(name)
    origin = image.origin | _from_project(image.file, folder.parent)
    return {"name": image.name, "shape": list(image.shape), "origin": origin, "annotations": annotations}


def _was_brought(kept: SavedAnnotation, image: SavedImage) -> bool:
    """Return whether all that a file of the project holds is open by now: the dock offered it, and the user took it."""
    assert kept.path is not None
    now = [(one.data, PaintNotes.read(one.notes)) for one in image.annotations if one.data is not None]
    try:
        saved = describe_autosave(kept.path)
    except FileError:
        return False
    return any(data.shape == saved.shape and is_here(saved, data, notes) for data, notes in now)


def _from_project(file: str, project: Path) -> dict[str, str]:
    """Return where an image lies as seen from the project, as JSON; nothing if it is gone, or on another drive."""
    if not os.path.exists(file):
        return {}
    with contextlib.suppress(ValueError):
        return {_RELATIVE: Path(os.path.relpath(file, project)).as_posix()}
    return {}


def _keep_file(path: Path, folder: Path, written: list[str]) -> None:
    """Copy an annotation's file unless it is there already; if it is gone, the rest must still be saved."""
    if (folder / path.name).exists() or not is_there(path):
        return
    with replacing(folder / path.name) as new:
        shutil.copyfile(path, new)
    written.append(path.name)


def _read_image(raw: dict[str, Any], folder: Path) -> SavedImage:
    # Only names, never paths: the folder may have moved, and must not point elsewhere.
    annotations = tuple(_describe(folder / Path(str(name)).name) for name in raw["annotations"])
    image = SavedImage(str(raw["name"]), tuple(int(n) for n in raw["shape"]), dict(raw["origin"]), annotations)
    relative = str(image.origin.get(_RELATIVE) or "")
    moved = os.path.abspath(folder.parent / relative)
    # The images may have moved with the folder, even to another computer.
    there = os.path.isabs(image.file) and os.path.exists(image.file)
    if relative and not there and os.path.exists(moved):
        return replace(image, origin=image.origin | {"path": moved})
    return image


def _describe(path: Path) -> SavedAnnotation:
    try:
        return SavedAnnotation(describe_autosave(path).notes, path=path)
    except FileError as error:  # the others can be read
        return SavedAnnotation({}, path=path, damage=str(error))
