"""Work that follows what the user does: first a pause, then one job in a thread; the newest state wins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, QTimer

from napari_upaint.widgets._background import Work

# A function and its arguments: frozen values, since it is called in a thread.
Job = tuple[Any, ...]


class AfterPause(QObject):
    """Works now and then while it is asked again and again: one job at a time, and once more after the last request.

    Parameters
    ----------
    milliseconds : int
        How long it waits before it looks for something to do.
    take : callable
        Called on the main thread; returns the job as a function and its arguments, or None if nothing is to be done.
    done, failed : callable
        As in `Work`.
    """

    def __init__(
        self,
        milliseconds: int,
        take: Callable[[], Job | None],
        parent: QObject,
        done: Callable[[Any], object],
        failed: Callable[[str, str], object] | None = None,
    ) -> None:
        super().__init__(parent)
        self._take = take
        self._again = False
        self._pause = QTimer(self, singleShot=True, interval=milliseconds)
        self._pause.timeout.connect(self.go)
        self._work = Work(self, done, failed)
        for ended in (self._work.done, self._work.failed):
            ended.connect(self._once_more)

    @property
    def busy(self) -> bool:
        """Whether it works, or is about to check whether there is work."""
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
        """Start nothing more, and do not report what is running."""
        self._again = False
        self._pause.stop()
        self._work.forget()

    def _once_more(self, *_: object) -> None:
        if self._again:
            self._again = False
            self.ask()
