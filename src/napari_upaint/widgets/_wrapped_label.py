"""A text on as many lines as it needs: file names, which have no blanks, are broken, too, and do not widen the dock."""

from __future__ import annotations

import re

from qtpy.QtCore import Qt
from qtpy.QtGui import QAction, QKeyEvent, QKeySequence
from qtpy.QtWidgets import QApplication, QLabel, QSizePolicy

# A zero-width space, at which a line may end.
_BREAK = "\u200b"
_LONG = re.compile(r"\S{17,}")
_PIECE = re.compile(r".{1,15}?[/\\_.-]+|.{1,16}")


def breakable(text: str) -> str:
    """Return a text that may be broken inside of long names, which reads the same."""
    return _LONG.sub(lambda word: _BREAK.join(_PIECE.findall(word[0])), text)


class WrappedLabel(QLabel):
    """A label whose text is read and copied as it was set."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)  # names from files may look like HTML
        self.setWordWrap(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.setText(text)

    def text(self) -> str:
        """Return the text."""
        return super().text().replace(_BREAK, "")

    def setText(self, text: str | None) -> None:  # noqa: N802 (Qt's name)
        """Show a text."""
        super().setText(breakable(text or ""))

    def make_selectable(self) -> None:
        """Let the mouse select the text, so that it can be copied."""
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        copy = QAction("Copy", self)
        copy.triggered.connect(self._copy)
        self.addAction(copy)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        """Copy the selected text as it was set."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self._copy()
        else:
            super().keyPressEvent(event)

    def _copy(self, *_: object) -> None:
        QApplication.clipboard().setText((self.selectedText() or self.text()).replace(_BREAK, ""))
