"""Projects: from the viewer to a folder and back. Files are read and written in a thread, layers added one by one."""

from __future__ import annotations

import contextlib
import filecmp
import shutil
from collections.abc import Hashable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_upaint.errors import FileError, UserError
from napari_upaint.io.atomic import replacing
from napari_upaint.io.file_names import composed, is_another_file
from napari_upaint.session.autosaves import autosaved, new_autosave
from napari_upaint.session.paint_notes import PaintNotes
from napari_upaint.session.run import read_settings
from napari_upaint.session.saved_project import (
    SavedAnnotation,
    SavedImage,
    SavedProject,
    kept_in,
    read_annotation,
    read_project,
    save_project,
)
from napari_upaint.settings import (
    AugmentSettings,
    ObjectSettings,
    PredictSettings,
    TrainSettings,
    WeightSettings,
)
from napari_upaint.widgets._background import Work
from napari_upaint.widgets._choosing import Choosing
from napari_upaint.widgets._file_layers import Origin
from napari_upaint.widgets._layers import Layers
from napari_upaint.widgets._listed import listed
from napari_upaint.widgets._new_layers import annotation_name
from napari_upaint.widgets._reasons import Situation, busy
from napari_upaint.widgets._sections import Sections
from napari_upaint.widgets._turns import Turns

_GROUPS: dict[str, type[Any]] = {
    "train": TrainSettings,
    "augment": AugmentSettings,
    "weights": WeightSettings,
    "predict": PredictSettings,
    "objects": ObjectSettings,
}
Painted = dict[Path, np.ndarray]


class Projects(QObject):
    """Connects the menu *Project* with layers, forms and files."""

    failed = Signal(str, str)
    said = Signal(str)
    opened = Signal()  # it may have brought runs and models

    def __init__(self, layers: Layers, choosing: Choosing, sections: Sections, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers, self._choosing, self._sections, self._row = layers, choosing, sections, sections.project
        # Of the open project: images that were not found, and what could not be read. Saved again unchanged.
        self._kept: list[SavedImage] = []
        self._written: tuple[SavedImage, ...] = ()  # of these, what is in the project that is being saved
        self._seen: set[str] = set()  # files of paint opened or saved here: others must not be replaced
        self._turns = Turns(self)
        self._saving = Work(self, self._saved, self.failed, writes=True)
        self._reading = Work(self, self._read, self.failed)
        self._leaving = Work(self, writes=True)
        self._row.save_wanted.connect(self.save)
        self._row.open_wanted.connect(self.open)

    @property
    def busy(self) -> bool:
        """Whether a project is being saved or opened."""
        working = self._saving.busy or self._reading.busy or self._leaving.busy
        return working or len(self._turns) > 0

    def close(self) -> None:
        """Open nothing more; a save that runs is completed."""
        self._turns.clear()
        self._saving.forget()
        self._reading.forget()

    def allow(self, situation: Situation) -> None:
        """Enable or disable the menu's entries, depending on what runs and what is open."""
        image = self._choosing.image()
        self._row.suggestion = image.name if image is not None else "my project"
        self._row.allow(busy(situation), "" if situation.image else "Open an image first; there is nothing to save.")

    # -- saving --------------------------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Save everything to a folder."""
        if not self._saving.busy:
            self._written = tuple(self._kept)
            self._saving.start(save_project, self._project(), folder, frozenset(self._seen))

    def _saved(self, saved: tuple[Path, frozenset[str]]) -> None:
        folder, names = saved
        self._seen |= names
        kept = [(one, kept_in(folder, names, one) if one in self._written else one) for one in self._kept]
        self._kept = [left for one, left in kept if left.annotations or not one.annotations]
        self._row.show_folder(folder)
        self.said.emit(f"Saved the project to {folder}.")

    def _project(self) -> SavedProject:
        """Return what is open as frozen values."""
        s, image = self._sections, self._choosing.image()
        known, images = self._layers.forms(), dict[Hashable, SavedImage]()
        for choice in self._layers.images():
            origin = asdict(self._layers.files.origin(choice.key))
            images[choice.key] = SavedImage(choice.name, known[choice.key].shape, origin)
        for choice in self._layers.annotations():
            owner = self._image_of(choice.key, self._choosing.ownership.image_of(choice.key), images)
            if owner is not None:
                notes = PaintNotes(
                    self._layers.kinds.of(choice.key) or self._choosing.kind(),
                    choice.name,
                    images[owner].file,
                    corrected=self._layers.is_corrected_result(choice.key),
                    regions=self._layers.regions.of(owner),
                )
                _add(images, owner, notes, self._layers.annotation(choice.key).data)
        for one in self._layers.files.corrected_results():
            again = self._choosing.ownership.opened_again(one.key)
            owner = self._image_of(one.key, one.image if again is None else again, images)
            if owner is not None:
                _add(images, owner, PaintNotes(one.kind, one.name, images[owner].file, corrected=True), one.data)
        saved = _with_kept(list(images.values()), self._kept)
        groups = {name: getattr(s.settings, name).value() for name in _GROUPS}
        groups |= {"train": s.train_settings(), "predict": s.predict_settings()}
        settings = {name: asdict(group) for name, group in groups.items()}
        name = image.name if image is not None else ""
        return SavedProject(tuple(saved), name, self._choosing.kind(), s.model.choice().path, settings)

    def _image_of(
        self, labels: Hashable, owner: Hashable | None, images: dict[Hashable, SavedImage]
    ) -> Hashable | None:
        """Return the key of the image to save labels with, one that was closed included; None if nobody knows it."""
        if owner in images:
            self._choosing.ownership.remember(labels, owner, replace(images[owner], annotations=()))
            return owner
        closed = self._choosing.ownership.closed_image(labels)
        if closed is None:
            return None
        images.setdefault(*closed)
        return closed[0]

    # -- opening -------------------------------------------------------------------------------------------------

    def open(self, folder: Path) -> None:
        """Open the project in a folder; what is open stays open."""
        self._reading.start(_read, folder)

    def _read(self, read: tuple[Path, SavedProject, Painted]) -> None:
        folder, project, painted = read
        self._kept, self._seen = [], set()
        self._turns.add(
            *(partial(self._bring, image, painted) for image in project.images), partial(self._finish, folder, project)
        )

    def _bring(self, image: SavedImage, painted: Painted) -> None:
        """Bring back one image with what is painted on it."""
        key = self._find(image)
        if key is None:
            key = self._open(image)
        if key is None:
            self._kept.append(image)
        else:
            self._paint(key, image, painted)
        # Only now: if the project is saved while it is opened, what is not here yet must stay in it.
        self._seen |= {one.path.name for one in image.annotations if one.path is not None}

    def _paint(self, key: Hashable, image: SavedImage, painted: Painted) -> None:
        """Add labels with what is painted on an image."""
        damaged = tuple(one for one in image.annotations if one.damage)
        if damaged:
            self._kept.append(replace(image, annotations=damaged))
        for one in image.annotations:
            if one.path is None or one.damage:
                continue
            notes = PaintNotes.read(one.notes)
            made = self._layers.bring_back(key, notes.kind, painted[one.path], notes.corrected)
            self._layers.files.rename(made, notes.layer or annotation_name(image.name))
            self._layers.regions.put(key, notes.regions)
            if not notes.corrected:
                self._choosing.ownership.paint(key, made)
                self._choosing.ownership.choose(key, made)
            self._choosing.ownership.remember(made, key, replace(image, annotations=()))

    def _find(self, image: SavedImage, but: tuple[Hashable, ...] = ()) -> Hashable | None:
        """Return the open layer of an image, by name and shape, unless it is known to be of another file."""
        open_now = [self._layers.image(choice.key) for choice in self._layers.images() if choice.key not in but]
        fitting = [one for one in open_now if one.shape == image.shape and not is_another_file(one.file, image.file)]
        named = [one.key for one in fitting if composed(one.name) == composed(image.name)]
        # What was opened just now may have another name: files were renamed, or two layers had the same one.
        return next(iter(named or [one.key for one in fitting if but]), None)

    def _open(self, image: SavedImage) -> Hashable | None:
        before = tuple(choice.key for choice in self._layers.images()) or (None,)
        return self._find(image, but=before) if self._layers.files.open(Origin.read(image.origin)) else None

    def _finish(self, folder: Path, project: SavedProject) -> None:
        """Choose what was chosen: image, labels, kind, model, settings."""
        s = self._sections
        for name, declared in _GROUPS.items():
            value = _settings(declared, project.settings.get(name))
            getattr(s.settings, name).setValue(value)
            if isinstance(value, TrainSettings):
                s.train.seconds.setValue(round(value.seconds))
            elif isinstance(value, PredictSettings):
                s.segment.volume_box.setChecked(value.volumes)
        chosen = next((image for image in project.images if image.name == project.chosen), None)
        key = self._find(chosen) if chosen is not None else None
        if key is not None:
            s.image.combo.set_key(key)
            s.labels.set_kind(project.kind)  # of its labels: of others it would change what they hold
            self._choosing.show_image()
        s.model.refresh()
        if not project.missing:
            s.model.choose(project.model)
        self._row.show_folder(folder)
        self.opened.emit()
        missing = tuple(image for image in self._kept if self._find(image) is None)
        self._leaving.start(_leave_to_be_offered, missing)
        self.said.emit(_words(folder, project, [image.name for image in missing]))


def _read(folder: Path) -> tuple[Path, SavedProject, Painted]:
    project, painted, images = read_project(folder), Painted(), []
    for image in project.images:
        annotations = []
        for one in image.annotations:
            try:
                if one.path is not None and not one.damage:
                    painted[one.path] = read_annotation(one)
                annotations.append(one)
            except FileError as error:
                annotations.append(replace(one, damage=str(error)))
        images.append(replace(image, annotations=tuple(annotations)))
    return folder, replace(project, images=tuple(images)), painted


def _add(images: dict[Hashable, SavedImage], key: Hashable, notes: PaintNotes, data: Any) -> None:
    """Add labels to an image of a project."""
    saved = (*images[key].annotations, SavedAnnotation(notes.as_json(), data))
    images[key] = replace(images[key], annotations=saved)


def _with_kept(images: list[SavedImage], kept: list[SavedImage]) -> list[SavedImage]:
    """Add what was not brought back from the project; whether it has come otherwise is found out when it is saved."""
    result = list(images)
    for one in kept:
        same = (i for i, other in enumerate(result) if one.may_be(other.name, other.shape, other.file))
        at = next(same, None)
        if at is None:
            result.append(one)
        else:
            # Older paint first: of several, the last one is chosen when the project is opened.
            result[at] = replace(result[at], annotations=(*one.annotations, *result[at].annotations))
    return result


def _leave_to_be_offered(images: tuple[SavedImage, ...]) -> None:
    """Add the paint of images that were not found to the autosaves, so that it is offered once they are opened."""
    for image in images:
        for one in image.annotations:
            if one.path is None or one.damage:
                continue
            with contextlib.suppress(OSError, FileError):
                known = autosaved(image.name, image.shape)
                if not any(filecmp.cmp(one.path, old.path, shallow=False) for old in known):  # opened before
                    with replacing(new_autosave(image.name, image.shape)) as new:
                        shutil.copyfile(one.path, new)


def _settings(declared: type[Any], raw: Any) -> Any:
    try:
        return read_settings(declared, raw if isinstance(raw, dict) else {})
    except (UserError, TypeError):  # outside the limits of this version
        return declared()


def _words(folder: Path, project: SavedProject, missing: list[str]) -> str:
    found = len(project.images) - len(missing)
    images = "1 image" if found == 1 else f"{found} images"
    words = f"Opened the project {folder.name}: {images}."
    if missing:
        them = "it" if len(missing) == 1 else "them"
        words += f" Not found: {_quoted(missing)}; open {them} yourself, and what was painted on {them} is offered."
    damaged = [image.name for image in project.images if any(one.damage for one in image.annotations)]
    if damaged:
        words += f" What was painted on {_quoted(damaged)} cannot be read now; its files stay in the project."
    return f"{words} {project.missing}".strip()


def _quoted(names: list[str]) -> str:
    """Return names in words, of many only the first ones: a message with all of them would cover the dock."""
    return listed([f"'{name}'" for name in names])
