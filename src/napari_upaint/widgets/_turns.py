"""Do one thing per turn of the event loop, so that the window stays alive: napari takes 0.2 s to add a layer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer

# Long enough for the window to be drawn and for a key or a click to get through in between.
_PAUSE = 5


class Turns(QObject):
    """A queue of things to be done on the main thread, in order, each in a turn of its own."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._queue: deque[Callable[[], None]] = deque()
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE)
        self._timer.timeout.connect(self._next)

    def add(self, *things: Callable[[], None]) -> None:
        """Do these later, one after the other."""
        self._queue.extend(things)
        if not self._timer.isActive():
            self._timer.start()

    def clear(self) -> None:
        """Forget what waits."""
        self._queue.clear()
        self._timer.stop()

    def __len__(self) -> int:
        return len(self._queue)

    def _next(self) -> None:
        if not self._queue:
            return
        thing = self._queue.popleft()
        try:
            thing()
        finally:
            if self._queue:
                self._timer.start()
