"""The third section: which model to start from and to segment with."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QGridLayout, QPushButton, QWidget

from napari_upaint.errors import ModelError
from napari_upaint.io.atomic import replacing
from napari_upaint.io.file_names import MODEL_ENDING, PACKAGE_ENDING
from napari_upaint.widgets._background import Work
from napari_upaint.widgets._dialogs import ask_file
from napari_upaint.widgets._eliding_combo import ElidingCombo
from napari_upaint.widgets._model_list import SCRATCH, ModelChoice, model_choices, read_choice
from napari_upaint.widgets._plain_text import plain
from napari_upaint.widgets._reasons import allow
from napari_upaint.widgets._wrapped_label import WrappedLabel

_FILTER = f"U-Paint models (*{MODEL_ENDING})"
_PACKAGES = f"Packages for other programs (*{PACKAGE_ENDING})"
_OPEN = "Open file…"
_SAVE_TIP = "Copy the chosen model to a file, to share it; a name that ends in .zip makes a package for other programs."


class ModelSection(QWidget):
    """Bundled models, the user's own runs, from scratch, or a file."""

    chosen = Signal()
    refused = Signal(str, str)  # sentence, details: the file that was picked is not a model, or cannot be written
    said = Signal(str)
    package_wanted = Signal(object)  # where to write the chosen model for other programs: pathlib.Path

    def __init__(self) -> None:
        super().__init__()
        self._opened: list[ModelChoice] = []
        self._choice: ModelChoice | None = None  # stays while 'Open file…' is the current line
        self._saving = Work(self, self._saved, self.refused, writes=True)
        self.combo = ElidingCombo()
        self.combo.setAccessibleName("Model")
        self.save_button = QPushButton("Save as…")
        self.save_button.clicked.connect(self._ask_where)
        self._summary = WrappedLabel()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(0, 1)
        grid.addWidget(self.combo, 0, 0)
        grid.addWidget(self.save_button, 0, 1)
        grid.addWidget(self._summary, 1, 0, 1, 2)
        self.refresh()
        self.combo.activated.connect(self._activated)
        self.combo.currentIndexChanged.connect(self._show)

    def choice(self) -> ModelChoice:
        """Return the chosen model."""
        return self._choice or SCRATCH

    def choose(self, path: Path | None) -> None:
        """Choose a model by its file, even one that is too old for the list; None: from scratch."""
        if not self._choose_listed(path) and path is not None:
            self.open_file(path)

    def _choose_listed(self, path: Path | None) -> bool:
        """Choose a model in the list; return whether it is there."""
        listed = ((at, self.combo.itemData(at)) for at in range(self.combo.count()))
        found = [at for at, choice in listed if isinstance(choice, ModelChoice) and choice.path == path]
        if found:
            self.combo.setCurrentIndex(found[0])
        return bool(found)

    def refresh(self) -> None:
        """Read the folders again; the chosen model stays chosen."""
        before = self._choice
        bundled, own = model_choices()
        self._opened = [choice for choice in self._opened if choice.path is not None and os.path.isfile(choice.path)]
        known = {choice.path for choice in own}
        own = [*(choice for choice in self._opened if choice.path not in known), *own]
        self.combo.blockSignals(True)
        self.combo.clear()
        for group in (bundled, own, [SCRATCH]):
            for choice in group:
                self.combo.addItem(choice.name, choice)
            if group:
                self.combo.insertSeparator(self.combo.count())
        self.combo.addItem(_OPEN, None)
        self.combo.setCurrentIndex(0)
        if before is not None:
            self._choose_listed(before.path)
        self.combo.blockSignals(False)
        self._show()

    def open_file(self, path: Path) -> None:
        """Add a model file to the list and choose it."""
        try:
            choice = read_choice(path)
        except ModelError as error:
            self.refused.emit(str(error), "")
            self.refresh()
            return
        if all(other.path != path for other in self._opened):
            self._opened.insert(0, choice)
        self.refresh()
        self._choose_listed(path)

    def save_to(self, path: Path) -> None:
        """Copy the chosen model to a file, in a thread: the disk may be far away. Packages are made elsewhere."""
        source = self.choice().path
        if path.suffix.lower() == PACKAGE_ENDING:
            self.package_wanted.emit(path)
        elif source is not None:
            self._saving.start(_copy, source, path)

    def _saved(self, path: Path) -> None:
        self.said.emit(f"Saved the model as {path}.")

    def _activated(self, _: int) -> None:
        if self.combo.currentText() == _OPEN:
            path, _filter = QFileDialog.getOpenFileName(self, "Open a model", "", _FILTER)
            if path:
                self.open_file(Path(path))
            else:
                self.refresh()

    def _ask_where(self) -> None:
        proposed, kinds = f"{self.choice().name}{MODEL_ENDING}", f"{_FILTER};;{_PACKAGES}"
        path, kind = ask_file(self, "Save the model as", proposed, kinds)
        if path is not None:
            self.save_to(_named_package(path) if kind == _PACKAGES else path)

    def _show(self, *_: object) -> None:
        data = self.combo.currentData()
        self._choice = choice = data if isinstance(data, ModelChoice) else self.choice()
        self._summary.setText(choice.summary)
        self.combo.setToolTip(plain(f"{choice.name}\n{choice.path or ''}".strip()))
        why = "" if choice.path else "A network from scratch is not a model yet; train it first."
        allow(self.save_button, why, _SAVE_TIP)
        self.chosen.emit()


def _named_package(path: Path) -> Path:
    name = path.name.removesuffix(MODEL_ENDING).removesuffix(PACKAGE_ENDING)  # the proposed ending, or the right one
    return path.with_name(name + PACKAGE_ENDING)


def _copy(model: Path, path: Path) -> Path:
    path = path if path.suffix == MODEL_ENDING else path.with_name(path.name + MODEL_ENDING)
    with replacing(path) as new:
        shutil.copyfile(model, new)
    return path
