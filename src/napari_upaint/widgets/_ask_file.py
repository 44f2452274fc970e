"""Ask where to write a file, starting in the folder last saved to, as napari's own dialogs do."""

from __future__ import annotations

from pathlib import Path

from napari.utils.history import get_save_history, update_save_history
from qtpy.QtWidgets import QFileDialog, QWidget


def ask_file(parent: QWidget, title: str, name: str, kinds: str) -> tuple[Path | None, str]:
    """Return the chosen file, None if the dialog was cancelled, and the chosen kind of file."""
    path, kind = QFileDialog.getSaveFileName(parent, title, str(Path(get_save_history()[0], name)), kinds)
    if not path:
        return None, kind
    update_save_history(path)
    return Path(path), kind
