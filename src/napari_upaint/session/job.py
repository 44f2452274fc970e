"""Jobs of the engine process: submitted from any thread, done one after another, without blocking the caller."""

from __future__ import annotations

import atexit
import itertools
import logging
import threading
from collections.abc import Callable
from typing import Self

from napari_upaint.engine.progress import NewSamples, PreviewView
from napari_upaint.errors import EngineError
from napari_upaint.session.drive import TASKS
from napari_upaint.session.protocol import Event, Failed, Finished, JobMessage, Payload, Request
from napari_upaint.session.supervisor import Supervisor

Listener = Callable[[JobMessage], None]
# Seconds between two checks whether to stop.
_LOOK = 0.1
_log = logging.getLogger(__name__)


class Job:
    """One request, made by `EngineProcess.submit`; all methods may be called from any thread.

    Attributes
    ----------
    id : int
        Number of the job; its messages carry it.
    request : Request or None
        What was asked for; None once it has begun, so that images are not held twice.
    outcome : Finished, Failed or None
        How the job ended; None until then.
    """

    def __init__(self, number: int, request: Request, supervisor: Supervisor, listener: Listener | None = None) -> None:
        self.id = number
        self.request: Request | None = request
        self.outcome: Finished | Failed | None = None
        self._supervisor, self._listener = supervisor, listener
        self._last: Payload | None = None
        self._done = threading.Event()

    def wait(self, timeout: float | None = None) -> Payload | None:
        """Wait for the end and return the result.

        Returns
        -------
        Payload or None
            What was yielded last; None for a job that was stopped before it began.

        Raises
        ------
        EngineError
            If the job failed, with the sentence for the user.
        TimeoutError
            If it is not done within `timeout` seconds.
        """
        if not self._done.wait(timeout):
            raise TimeoutError(f"Job {self.id} is not done after {timeout} s.")
        if isinstance(self.outcome, Failed):
            error = EngineError(self.outcome.sentence)
            if self.outcome.details:
                error.add_note(self.outcome.details)
            raise error
        return self._last

    def wait_unless(self, stopped: Callable[[], bool]) -> Payload | None:
        """Wait as `wait` does, but cancel the job as soon as a stop is wanted: half a result is of no use."""
        told = False
        while True:
            if stopped() and not told:
                told = True
                self.cancel()
            try:
                return self.wait(_LOOK)
            except TimeoutError:
                continue

    def stop(self) -> None:
        """Ask the job to finish with what it has; it is killed if it does not react within the grace period."""
        self._supervisor.post_stop(self, hard=False)

    def cancel(self) -> None:
        """Stop the job and drop its result; it is killed if it has not ended within the grace period."""
        self._supervisor.post_stop(self, hard=True)

    def send(self, message: NewSamples | PreviewView) -> None:
        """Send new samples, or what is in view, to a training that runs or waits; nothing happens if it is over."""
        self._supervisor.post_tell(self, message)

    def deliver(self, message: JobMessage) -> None:
        """Record a message and pass it on (called by the supervisor)."""
        if isinstance(message, Event):
            self._last = message.payload
        else:
            self.request, self.outcome = None, message
            self._done.set()
        if self._listener is not None:
            try:
                self._listener(message)
            except Exception:  # a listener's fault must not stop the engine
                _log.exception("The listener of job %s failed.", self.id)


class EngineProcess:
    """The engine in a process of its own: started with the first request, kept warm, replaced when it dies.

    Parameters
    ----------
    tasks : str
        Module with the table of generators, imported in the engine process.
    grace : float
        Seconds after which a job that does not react to a stop is killed.
    finish : float
        Seconds that a job has to finish once it has heard the stop; more if its steps are long.

    Notes
    -----
    Arrays of a request are read when it is sent: at once if the engine is idle, later if jobs are waiting. Hand over
    copies of arrays that may change, such as an annotation.
    """

    def __init__(self, *, tasks: str = TASKS, grace: float = 5.0, finish: float = 20.0) -> None:
        self._supervisor = Supervisor(tasks, grace, finish)
        self._numbers = itertools.count(1)
        atexit.register(self.close)  # before the interpreter ends its threads

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Process id, None while there is no process."""
        return self._supervisor.pid

    def submit(self, request: Request, listener: Listener | None = None) -> Job:
        """Queue a request and return its job at once.

        Parameters
        ----------
        listener : callable or None
            Called with every message of the job, in order, from the supervisor's thread: it must neither touch a
            widget nor wait for a job.

        Raises
        ------
        EngineError
            If the engine was closed.
        """
        job = Job(next(self._numbers), request, self._supervisor, listener)
        if not self._supervisor.post_submit(job):
            raise EngineError("The engine was closed; open the U-Paint dock again.")
        return job

    def close(self) -> None:
        """End the process, whatever it is doing, and fail the jobs that are not done. Takes about a second at most."""
        atexit.unregister(self.close)
        self._supervisor.close()
