"""The first line of the dock: the project that is open, and a menu to open and save projects."""

from __future__ import annotations

import os
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QPushButton, QWidget
from superqt import QElidingLabel

from napari_upaint.io.file_names import from_home
from napari_upaint.io.folders import data_folder
from napari_upaint.widgets._reasons import allow

_TIPS = {
    "open": "Open a folder that a project was saved to: its images, what is painted on them, its model and settings.",
    "save": "Save what is painted, which images it lies on, the model, the settings and their trainings.",
    "save as": "Save the project to another folder; a new folder is made for it.",
}


class ProjectRow(QWidget):
    """A button with a menu, and the name of the project."""

    open_wanted = Signal(object)  # Path
    save_wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.folder: Path | None = None
        self.suggestion = "my project"
        self.button = QPushButton("Project")
        self.menu = QMenu(self.button)
        self.menu.setToolTipsVisible(True)
        self.actions_ = {
            "open": self.menu.addAction("Open project…", self._ask_open),
            "save": self.menu.addAction("Save project", self._save),
            "save as": self.menu.addAction("Save project as…", self._ask_save),
        }
        self.button.setMenu(self.menu)
        self.name = QElidingLabel()  # a long name is cut, so that it does not widen the dock
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.button)
        row.addWidget(self.name, 1)
        self.show_folder(None)
        self.allow("", "")

    def show_folder(self, folder: Path | None) -> None:
        """Show where the project is saved; None: nowhere yet."""
        self.folder = folder
        self.name.setText(folder.name if folder is not None else "not saved as a project")
        self.name.setToolTip(
            str(folder)
            if folder is not None
            else f"What you paint is saved automatically in {data_folder()}; a project keeps it with its images."
        )

    def allow(self, open_why: str, save_why: str) -> None:
        """Enable the menu's entries, or say why they are not (empty: enabled)."""
        for what, why in (("open", open_why), ("save", save_why), ("save as", save_why)):
            allow(self.actions_[what], why, _TIPS[what])
        self.button.setToolTip(
            open_why or "Open a project, or save what is painted with its images, model and settings."
        )

    def _save(self) -> None:
        if self.folder is None:
            self._ask_save()
        else:
            self.save_wanted.emit(self.folder)

    def _ask_open(self) -> None:
        start = self.folder.parent if self.folder is not None else projects_folder()
        path = QFileDialog.getExistingDirectory(self, "Open project: choose its folder", str(start))
        if path:
            self.open_wanted.emit(Path(path))

    def _ask_save(self) -> None:
        start = self.folder.parent if self.folder is not None else projects_folder()
        path, _filter = QFileDialog.getSaveFileName(
            self, "Save project as: name a new folder", str(start / self.suggestion)
        )
        if path:
            self.save_wanted.emit(Path(path))


def projects_folder() -> Path:
    """Return where projects are looked for first; the user's home while there are none."""
    folder = data_folder() / "projects"
    return folder if os.path.isdir(folder) else from_home("~")
