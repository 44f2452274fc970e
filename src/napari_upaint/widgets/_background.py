"""Work off the GUI thread: in a plain thread, with its outcome as a Qt signal on the main thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, Qt, Signal

from napari_upaint.errors import UserError
from napari_upaint.session import faults


class Work(QObject):
    """Runs a function in a thread; after a newer start, the outcome of an older one is ignored.

    The function gets frozen values only: a layer touched from a thread crashes napari.

    Parameters
    ----------
    done, failed : callable or None
        Called on the main thread: `done` with the outcome, `failed` with a sentence for the user and details. They
        may be signals.
    writes : bool
        Whether it writes something that the user wants to keep: Python, and so napari, ends only when that is done.
    """

    done = Signal(object)
    failed = Signal(str, str)  # sentence for the user, details
    _returned = Signal(int, object, object)  # turn, value, error: crosses from the thread

    def __init__(
        self,
        parent: QObject | None = None,
        done: Callable[[Any], object] | None = None,
        failed: Callable[[str, str], object] | None = None,
        *,
        writes: bool = False,
    ) -> None:
        super().__init__(parent)
        for signal, slot in ((self.done, done), (self.failed, failed)):
            if slot is not None:
                signal.connect(slot)
        self.writes = writes
        self._turn = 0
        self.busy = False
        self._returned.connect(self._hear, Qt.ConnectionType.QueuedConnection)

    def start(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Call ``function(*arguments)`` in a thread."""
        self._turn += 1
        self.busy = True
        name, run = f"upaint-{function.__name__}", (self._turn, function, arguments)
        threading.Thread(target=self._run, args=run, name=name, daemon=not self.writes).start()

    def forget(self) -> None:
        """Do not report what is running; threads cannot be killed, but nobody has to listen."""
        self._turn += 1
        self.busy = False

    def _run(self, turn: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        value, error = None, None
        try:
            value = function(*arguments)
        except Exception as caught:  # whatever it is, the window must hear of it
            error = caught
        try:
            self._returned.emit(turn, value, error)
        except RuntimeError:  # the window was closed meanwhile
            return

    def _hear(self, turn: int, value: object, error: Exception | None) -> None:
        if turn != self._turn:
            return
        self.busy = False
        if error is None:
            self.done.emit(value)
        else:
            self.failed.emit(*describe(error))


def describe(error: BaseException) -> tuple[str, str]:
    """Return a sentence for the user and, for an unforeseen error, the traceback as details."""
    sentence, details = faults.describe(error)
    return sentence, "" if isinstance(error, UserError) else details
