"""The question whether to bring back what was painted before, shown only while it has to be answered."""

from __future__ import annotations

import time

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_upaint.session.project import Autosaved
from napari_upaint.widgets._colours import ThemeColours


class RestoreOffer(QFrame):
    """A sentence with two buttons; empty, it takes no room."""

    restore_wanted = Signal(object)  # Autosaved
    discard_wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._saved: Autosaved | None = None
        self._words = QLabel(wordWrap=True)
        self._words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.restore_button = QPushButton("Restore")
        self.restore_button.setToolTip("Add what was painted as a labels layer; layers that are open stay as they are.")
        self.discard_button = QPushButton("Discard")
        self.discard_button.setToolTip("Delete what was painted then, for good.")
        self.restore_button.clicked.connect(lambda: self.restore_wanted.emit(self._saved))
        self.discard_button.clicked.connect(lambda: self.discard_wanted.emit(self._saved))
        row = QHBoxLayout()
        row.addWidget(self.restore_button)
        row.addWidget(self.discard_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 4, 6)
        column.addWidget(self._words)
        column.addLayout(row)
        self.setObjectName("upaintRestore")
        self.show_offer(None)

    def show_offer(self, saved: Autosaved | None) -> None:
        """Ask about a saved annotation, or about none."""
        self._saved = saved
        if saved is not None:
            self._words.setText(f"Bring back what was painted on {when(saved.saved)}? ({saved.pixels:,} pixels)")
            self.setAccessibleName(self._words.text())
        self.setVisible(saved is not None)

    def offered(self) -> Autosaved | None:
        """Return what is asked about."""
        return self._saved

    def words(self) -> str:
        """Return the question."""
        return self._words.text() if self._saved is not None else ""

    def set_colours(self, colours: ThemeColours) -> None:
        """Follow the theme."""
        self.setStyleSheet(
            f"#upaintRestore {{ border-left: 4px solid {colours.current}; background: {colours.foreground};"
            " border-radius: 2px; }"
        )


def when(seconds: float) -> str:
    """Return a time as words in the user's zone: '23 November 2026, 14:05'."""
    then = time.localtime(seconds)
    return f"{then.tm_mday} {time.strftime('%B %Y, %H:%M', then)}"
