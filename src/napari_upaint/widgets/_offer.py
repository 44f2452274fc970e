"""A question with two buttons, shown only while it has to be answered."""

from __future__ import annotations

import time

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_upaint.widgets._colours import ThemeColours
from napari_upaint.widgets._wrapped_label import WrappedLabel


class Offer(QFrame):
    """A sentence and two buttons; empty, it takes no room.

    Parameters
    ----------
    name : str
        Of the widget, for its style sheet.
    accept, decline : tuple of str
        Text and tooltip of the buttons.
    """

    accepted = Signal(object)  # what was offered
    declined = Signal(object)

    def __init__(
        self, name: str, accept: tuple[str, str], decline: tuple[str, str], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._thing: object | None = None
        self._tip = accept[1]
        self._words = WrappedLabel()
        self.accept_button, self.decline_button = QPushButton(accept[0]), QPushButton(decline[0])
        self.accept_button.setToolTip(accept[1])
        self.decline_button.setToolTip(decline[1])
        self.accept_button.clicked.connect(lambda: self.accepted.emit(self._thing))
        self.decline_button.clicked.connect(lambda: self.declined.emit(self._thing))
        row = QHBoxLayout()
        row.addWidget(self.accept_button)
        row.addWidget(self.decline_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 4, 6)
        column.addWidget(self._words)
        column.addLayout(row)
        self.setObjectName(name)
        self.ask(None, "")

    def ask(self, thing: object | None, words: str) -> None:
        """Ask about something, or (None) about nothing."""
        self._thing = thing
        self._words.setText(words)
        self.setAccessibleName(words)
        self.setVisible(thing is not None)

    def allow(self, why: str) -> None:
        """Enable the button that accepts, or say why it cannot be pressed (empty: it can)."""
        self.accept_button.setEnabled(not why)
        self.accept_button.setToolTip(why or self._tip)

    def words(self) -> str:
        """Return the question."""
        return self._words.text() if self._thing is not None else ""

    def set_colours(self, colours: ThemeColours) -> None:
        """Follow the theme."""
        self.setStyleSheet(
            f"#{self.objectName()} {{ border-left: 4px solid {colours.current}; background: {colours.foreground};"
            " border-radius: 2px; }"
        )


def when(seconds: float) -> str:
    """Return a time as words in the user's zone: '23 November 2026, 14:05'."""
    then = time.localtime(seconds)
    return f"{then.tm_mday} {time.strftime('%B %Y, %H:%M', then)}"
