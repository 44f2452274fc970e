"""Ask before something is lost."""

from __future__ import annotations

from qtpy.QtWidgets import QMessageBox, QWidget

from napari_upaint.widgets._plain_text import plain


def confirmed(parent: QWidget, title: str, question: str) -> bool:
    """Return whether the answer to a question is yes; Enter answers no."""
    yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
    return bool(QMessageBox.question(parent, title, plain(question), yes | no, no) == yes)


def once_more(parent: QWidget, title: str, problem: str) -> bool:
    """Return whether to try again what has failed, or to do without it; Enter tries again."""
    again, without = QMessageBox.StandardButton.Retry, QMessageBox.StandardButton.Discard
    return bool(QMessageBox.warning(parent, title, plain(problem), again | without, again) == again)
