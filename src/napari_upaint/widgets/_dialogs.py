"""Questions that wait for an answer: before something is lost, and where to write a file."""

from __future__ import annotations

from pathlib import Path

from napari.utils.history import get_save_history, update_save_history
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_upaint.widgets._plain_text import plain
from napari_upaint.widgets._wrapped_label import breakable


def confirmed(parent: QWidget, title: str, question: str) -> bool:
    """Return whether the answer to a question is yes; Enter answers no."""
    yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
    return bool(QMessageBox.question(parent, title, _shown(question), yes | no, no) == yes)


def once_more(parent: QWidget, title: str, problem: str) -> bool:
    """Return whether to try again what has failed, or to do without it; Enter tries again."""
    again, without = QMessageBox.StandardButton.Retry, QMessageBox.StandardButton.Discard
    return bool(QMessageBox.warning(parent, title, _shown(problem), again | without, again) == again)


def _shown(text: str) -> str:
    """Return a text that a box shows whole: what is wider than half of the screen would be cut off."""
    return plain(breakable(text))


def ask_file(parent: QWidget, title: str, name: str, kinds: str) -> tuple[Path | None, str]:
    """Return the chosen file, None if the dialog was cancelled, and the chosen kind of file.

    It starts in the folder last saved to, as napari's own dialogs do.
    """
    path, kind = QFileDialog.getSaveFileName(parent, title, str(Path(get_save_history()[0], name)), kinds)
    if not path:
        return None, kind
    update_save_history(path)
    return Path(path), kind
