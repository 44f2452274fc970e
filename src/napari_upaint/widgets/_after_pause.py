"""Work that follows what the user does: a pause first, then one job in a thread, and the newest state wins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_upaint.widgets._background import Work

# A function and its arguments: frozen values, since it is called in a thread.
Job = tuple[Any, ...]


class AfterPause(QObject):
    """Asked again and again it works now and then, never twice at a time, and once more after the last time.

    Parameters
    ----------
    milliseconds : int
        How long it waits before it looks what there is to do.
    take : callable
        Called on the main thread; returns the job as a function and its arguments, or None if nothing is to be done.
    """

    done = Signal(object)
    failed = Signal(str, str)

    def __init__(self, milliseconds: int, take: Callable[[], Job | None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._take = take
        self._again = False
        self._pause = QTimer(self, singleShot=True, interval=milliseconds)
        self._pause.timeout.connect(self.go)
        self._work = Work(self)
        self._work.done.connect(self._tell)
        self._work.failed.connect(self._fail)

    @property
    def busy(self) -> bool:
        """Whether it works, or is about to look whether there is work."""
        return self._work.busy or self._pause.isActive()

    def ask(self) -> None:
        """Work soon."""
        if not self._pause.isActive():
            self._pause.start()

    def go(self) -> None:
        """Work now; after the job that runs, if there is one."""
        self._again = self._work.busy
        if not self._again:
            job = self._take()
            if job is not None:
                self._work.start(*job)

    def close(self) -> None:
        """Work no more, and do not report what is running."""
        self._again = False
        self._pause.stop()
        self._work.forget()

    def _tell(self, outcome: object) -> None:
        self.done.emit(outcome)
        self._once_more()

    def _fail(self, sentence: str, details: str) -> None:
        self.failed.emit(sentence, details)
        self._once_more()

    def _once_more(self) -> None:
        if self._again:
            self._again = False
            self.ask()
