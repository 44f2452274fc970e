"""Questions with two buttons, each shown only while it needs an answer: bring back paint, continue a training."""

from __future__ import annotations

import time

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from napari_upaint.io.model_facts import steps
from napari_upaint.session.autosaves import Autosaved
from napari_upaint.session.interrupted import Interrupted
from napari_upaint.session.paint_notes import PaintNotes
from napari_upaint.widgets._colours import ThemeColours
from napari_upaint.widgets._dialogs import confirmed
from napari_upaint.widgets._progress_line import duration, grouped
from napari_upaint.widgets._reasons import allow
from napari_upaint.widgets._wrapped_label import WrappedLabel

_CONTINUE_TIP = "Go on with the training from the last weights that were saved, for the time that was left."


class Offer(QFrame):
    """A sentence and two buttons; empty, it takes no room.

    Parameters
    ----------
    accept, decline : tuple of str
        Text and tooltip of the buttons.
    """

    accepted = Signal(object)  # what was offered
    declined = Signal(object)

    def __init__(self, accept: tuple[str, str], decline: tuple[str, str]) -> None:
        super().__init__()
        self.offered: object | None = None
        self._words = WrappedLabel()
        self.accept_button, self.decline_button = QPushButton(accept[0]), QPushButton(decline[0])
        self.accept_button.setToolTip(accept[1])
        self.decline_button.setToolTip(decline[1])
        self.accept_button.clicked.connect(lambda: self.accepted.emit(self.offered))
        self.decline_button.clicked.connect(lambda: self.declined.emit(self.offered))
        row = QHBoxLayout()
        row.addWidget(self.accept_button)
        row.addWidget(self.decline_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 4, 6)
        column.addWidget(self._words)
        column.addLayout(row)
        self.setObjectName("upaintOffer")
        self._ask(None, "")

    def _ask(self, thing: object | None, words: str) -> None:
        self.offered = thing
        self._words.setText(words)
        self.setAccessibleName(words)
        self.setVisible(thing is not None)

    def words(self) -> str:
        """Return the question, '' while there is none."""
        return self._words.text()

    def set_colours(self, colours: ThemeColours) -> None:
        """Follow the theme."""
        self.setStyleSheet(
            f"#upaintOffer {{ border-left: 4px solid {colours.current}; background: {colours.foreground};"
            " border-radius: 2px; }"
        )


class RestoreOffer(Offer):
    """Asks whether to bring back what was painted before."""

    discard_wanted = Signal(object)  # Autosaved

    def __init__(self) -> None:
        super().__init__(
            ("Restore", "Add what was painted or corrected as a labels layer; layers that are open stay as they are."),
            ("Discard", "Delete what was painted or corrected then, for good; you are asked once more."),
        )
        self.declined.connect(self._ask_discard)

    def show_offer(self, saved: Autosaved | None) -> None:
        """Ask about a saved annotation, or about none."""
        words = f"Bring back {_what(saved)} on {_when(saved.saved)}?" if saved else ""
        self._ask(saved, f"{words} ({grouped(saved.pixels)} pixels)" if saved and saved.pixels else words)

    def _ask_discard(self, saved: Autosaved) -> None:
        """Make sure: nothing brings the paint back, and the button is next to *Restore*."""
        question = f"Delete {_what(saved)} on {_when(saved.saved)} for good?"
        if confirmed(self, "Discard", question):
            self.discard_wanted.emit(saved)


def _what(saved: Autosaved) -> str:
    if not saved.pixels:
        return "the regions that were drawn"
    return "the result that was corrected" if PaintNotes.read(saved.notes).corrected else "what was painted"


class ResumeOffer(Offer):
    """Asks whether to continue an interrupted training."""

    def __init__(self) -> None:
        super().__init__(
            ("Continue", _CONTINUE_TIP),
            ("Discard", "Delete what this training had learnt, for good; the models in the list stay."),
        )

    def show_offer(self, one: Interrupted | None) -> None:
        """Ask about an interrupted training, or about none."""
        if one is None:
            self._ask(None, "")
            return
        settings = one.asked.settings
        total = steps(settings.steps) if settings.steps else duration(settings.seconds)
        done = f"{steps(one.steps)} in {duration(one.seconds)} of {total} are saved."
        self._ask(one, f"A training was interrupted on {_when(one.saved)}. Continue it? ({done})")

    def allow(self, why: str) -> None:
        """Enable *Continue*, or say why it cannot be pressed (empty: it can)."""
        allow(self.accept_button, why, _CONTINUE_TIP)


def _when(seconds: float) -> str:
    """Return a time as words in the user's zone: '23 November 2026, 14:05'."""
    then = time.localtime(seconds)
    return f"{then.tm_mday} {time.strftime('%B %Y, %H:%M', then)}"
