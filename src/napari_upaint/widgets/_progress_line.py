"""A progress bar with a line of words below; while nothing runs, its text is shown in full, on several lines."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from napari_upaint.widgets._plain_text import plain
from napari_upaint.widgets._wrapped_label import WrappedLabel

_STEPS = 1000
_TELLING = 3.0  # seconds of work before the remaining time can be told


class ProgressLine(QWidget):
    """Fraction 0..1 and what is being done; with a button beside the bar if one is given."""

    def __init__(self, button: QWidget | None = None) -> None:
        super().__init__()
        self._said = ""
        self._bar = QProgressBar()
        self._bar.setRange(0, _STEPS)
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(10)
        self._bar.setAccessibleName("Progress")
        self._words = WrappedLabel()
        # The words change many times a second: they are cut rather than widen the dock or make it jump.
        self._words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        row = QHBoxLayout()
        row.addWidget(self._bar, 1, Qt.AlignmentFlag.AlignVCenter)
        if button is not None:
            row.addWidget(button)
        column.addLayout(row)
        column.addWidget(self._words)

    def show_fraction(self, fraction: float | None, words: str) -> None:
        """Show how far it has got; None if unknown."""
        # Qt redraws a bar at once, and the image in the window with it: quick steps of a training would come faster
        # than they are drawn, and nothing else would get its turn.
        self._bar.setUpdatesEnabled(False)
        self._bar.setRange(0, 0 if fraction is None else _STEPS)
        if fraction is not None:
            self._bar.setValue(round(min(max(fraction, 0.0), 1.0) * _STEPS))
        self._bar.setUpdatesEnabled(True)
        self.show_words(words)

    def show_words(self, words: str) -> None:
        """Change the words only."""
        self._said = words
        self._words.setWordWrap(False)
        room = self._words.width() if self._words.isVisible() else 0
        shown = self._words.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, room) if room else words
        self._words.setText(shown)
        self._words.setToolTip(plain(words))

    def rest(self, words: str) -> None:
        """Show that nothing runs, and why: this will be read, and must not be cut."""
        self.show_fraction(0.0, words)
        self._words.setWordWrap(True)
        self._words.setText(words)

    def words(self) -> str:
        """Return the words shown."""
        return self._said

    def fraction(self) -> float:
        """Return the fraction shown."""
        return self._bar.value() / _STEPS if self._bar.maximum() else 0.0


def duration(seconds: float) -> str:
    """Return seconds in words: '45 s', '3 min 20 s', '2 h 5 min'."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def left(seconds: float, done: float, rest: float) -> str:
    """Return how long the rest takes at the pace so far, as '40 s left'; '' as long as that would be a guess.

    Parameters
    ----------
    seconds : float
        Taken so far.
    done, rest : float
        Shares of the work.
    """
    return f"{duration(seconds / done * rest)} left" if seconds >= _TELLING and done > 0 else ""


def grouped(number: int) -> str:
    """Return a number with spaces between thousands: to half of the world, a comma is the decimal sign."""
    return f"{number:,}".replace(",", " ")
