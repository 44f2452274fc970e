"""Tell a user who is looking at another window that something long has ended."""

from __future__ import annotations

import time

from napari.utils.notifications import show_info
from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QApplication, QWidget

from napari_upaint.widgets._message import MessageLine
from napari_upaint.widgets._plain_text import plain
from napari_upaint.widgets._reasons import Situation

LONG = 30.0  # seconds; nobody leaves for less
_ENDED = {"training": "The training ended", "segmenting": "Segmenting ended"}


class Notifying(QObject):
    """Watches what runs. When it ends, the window's entry in the task bar blinks, and napari shows a note."""

    def __init__(self, dock: QWidget, message: MessageLine) -> None:
        super().__init__(dock)
        self._dock, self._message = dock, message
        self._activity, self._began = "", 0.0
        self._stood = ""  # what the message line said when it began
        self._ended, self._before = "", ""  # what is to be reported, and what the message line said before
        self._soon = QTimer(self, singleShot=True)  # the message line has the outcome a moment later
        self._soon.timeout.connect(self._tell)

    def close(self) -> None:
        """Do not report what ends because the dock is closed."""
        self._activity = ""

    def follow(self, situation: Situation) -> None:
        """Take note of what runs now."""
        if situation.activity == self._activity:
            return
        ended, seconds, stood = self._activity, time.monotonic() - self._began, self._stood
        self._activity, self._began, self._stood = situation.activity, time.monotonic(), self._message.text()
        if ended in _ENDED and seconds >= LONG and not self._dock.window().isActiveWindow():
            self._ended, self._before = _ENDED[ended], stood
            self._soon.start()

    def _tell(self) -> None:
        QApplication.alert(self._dock.window())
        # A message that was there before is of something else: of the training after which the view is segmented.
        outcome = self._message.text().removeprefix(self._before).strip()
        show_info(f"{self._ended}: {plain(outcome)}" if outcome else f"{self._ended}.")
