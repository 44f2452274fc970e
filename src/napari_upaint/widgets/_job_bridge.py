"""Bring messages of jobs from the engine's threads to the main thread, as Qt signals."""

from __future__ import annotations

import threading
from collections.abc import Callable

from qtpy.QtCore import QObject, Qt, Signal

from napari_upaint.engine.progress import NewSamples, PreviewView
from napari_upaint.session.drive import TASKS
from napari_upaint.session.job import EngineProcess, Job
from napari_upaint.session.protocol import Event, Failed, JobMessage, Request


class GuiJob(QObject):
    """A job of the engine whose signals arrive on the main thread, in order.

    After `finished` or `failed` nothing more comes.
    """

    payload = Signal(object)  # what the generator yielded
    finished = Signal()
    failed = Signal(str, str)  # sentence, details
    _message = Signal(object)  # crosses from the engine's thread

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._job: Job | None = None
        self._quiet = False
        self._message.connect(self._hear, Qt.ConnectionType.QueuedConnection)

    def begin(self, engine: EngineProcess, request: Request) -> None:
        """Hand the request to the engine; returns at once."""
        self._job = engine.submit(request, self._listen)

    def stop(self) -> None:
        """Ask the job to finish with what it has."""
        if self._job is not None:
            self._job.stop()

    def send(self, message: NewSamples | PreviewView) -> None:
        """Send a message to the running job."""
        if self._job is not None:
            self._job.send(message)

    def abandon(self) -> None:
        """End the job and drop its result; no more signals come."""
        self._quiet = True
        if self._job is not None:
            self._job.cancel()

    def _listen(self, message: JobMessage) -> None:
        try:
            self._message.emit(message)
        except RuntimeError:  # the dock was closed: this object is gone
            return

    def _hear(self, message: JobMessage) -> None:
        if isinstance(message, Event):
            if not self._quiet:
                self.payload.emit(message.payload)
            return
        if not self._quiet:
            if isinstance(message, Failed):
                self.failed.emit(message.sentence, message.details)
            else:
                self.finished.emit()
        self._job = None  # it holds what it yielded last
        self.deleteLater()


class JobBridge(QObject):
    """The engine process of a dock: started with the first job, ended with the dock."""

    def __init__(self, parent: QObject | None = None, tasks: str = TASKS) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self.device = "auto"  # for all requests
        self._engine: EngineProcess | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the engine, None while there is none."""
        return self._engine.pid if self._engine is not None else None

    def begin(
        self,
        request: Request,
        hear: Callable[[object], None],
        finish: Callable[[], None] | None = None,
        fail: Callable[[str, str], None] | None = None,
    ) -> GuiJob:
        """Start a job; returns at once.

        Parameters
        ----------
        hear, finish, fail : callable
            Called on the main thread, as the signals `payload`, `finished` and `failed` of the job.
        """
        job = GuiJob(self)
        for signal, slot in ((job.payload, hear), (job.finished, finish), (job.failed, fail)):
            if slot is not None:
                signal.connect(slot)
        job.begin(self.engine(), request.on(self.device))
        return job

    def engine(self) -> EngineProcess:
        """Return the engine; its process starts with its first request."""
        if self._engine is None:
            self._engine = EngineProcess(tasks=self._tasks)
        return self._engine

    def let_go(self) -> EngineProcess | None:
        """Hand the engine over to be closed, which takes a while; a later job starts a new one."""
        engine, self._engine = self._engine, None
        return engine

    def close_meanwhile(self) -> None:
        """End the engine process in a thread: it has half a second to end by itself. Python waits for that at exit."""
        engine = self.let_go()
        if engine is not None:
            threading.Thread(target=engine.close, name="upaint-end", daemon=False).start()

    def close(self) -> None:
        """End the engine process; a later job starts a new one."""
        engine = self.let_go()
        if engine is not None:
            engine.close()
