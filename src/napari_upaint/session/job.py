"""Jobs of the engine process: asked for from any thread, done one after the other, never in the caller's way."""

from __future__ import annotations

import atexit
import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Self

from napari_upaint.engine.progress import NewSamples, PreviewResult, PreviewView
from napari_upaint.errors import EngineError
from napari_upaint.session.drive import TASKS
from napari_upaint.session.protocol import Event, Failed, Finished, JobMessage, Payload, Request
from napari_upaint.session.supervisor import Supervisor

Listener = Callable[[JobMessage], None]
_log = logging.getLogger(__name__)


class Job:
    """One request on its way. Made by `EngineProcess.submit`; all methods may be called from any thread.

    Attributes
    ----------
    id : int
        Number of the job; its messages carry it.
    request : Request or None
        What was asked for; None once it is done, so that a finished job holds no images.
    """

    def __init__(self, number: int, request: Request, supervisor: Supervisor, listener: Listener | None = None) -> None:
        self.id = number
        self.request: Request | None = request
        self._supervisor, self._listener = supervisor, listener
        self._messages: list[JobMessage | None] = []  # None: a picture after which another one came
        self._picture: int | None = None  # place of the last one
        self._changed = threading.Condition()

    def __repr__(self) -> str:
        return f"<Job {self.id}{' (done)' if self.done else ''}>"

    # What happened ------------------------------------------------------------------------------------------------

    @property
    def outcome(self) -> Finished | Failed | None:
        """How the job ended, or None while it has not."""
        last = self._messages[-1] if self._messages else None
        return last if isinstance(last, Finished | Failed) else None

    @property
    def done(self) -> bool:
        """Whether the job ended, one way or the other."""
        return self.outcome is not None

    @property
    def result(self) -> Payload | None:
        """What the job yielded last: the result when it is done; None if it yielded nothing."""
        events = (one.payload for one in reversed(self._messages) if isinstance(one, Event))
        return next(events, None)

    def __iter__(self) -> Iterator[Payload]:
        """Yield every payload, past and future; `EngineError` if the job fails.

        Of past pictures of the view the last one: those of a long training would fill the memory.
        """
        for position in itertools.count():
            with self._changed:
                self._changed.wait_for(lambda at=position: len(self._messages) > at)  # type: ignore[misc]
                message = self._messages[position]
            if isinstance(message, Event):
                yield message.payload
            elif message is not None:
                return _raise_failure(message)

    def wait(self, timeout: float | None = None) -> Payload | None:
        """Wait for the end and return the result.

        Returns
        -------
        Payload or None
            What was yielded last; None for a job that was stopped before it began.

        Raises
        ------
        EngineError
            If the job failed: its sentence.
        TimeoutError
            If it is not done within `timeout` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self.done, timeout):
                raise TimeoutError(f"Job {self.id} is not done after {timeout} s.")
        assert self.outcome is not None
        _raise_failure(self.outcome)
        return self.result

    # What to do ---------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ask the job to finish with what there is; it is killed if it does not react within the grace."""
        self._supervisor.post_stop(self, hard=False)

    def cancel(self) -> None:
        """Stop the job without interest in its result: it is killed if it has not ended within the grace."""
        self._supervisor.post_stop(self, hard=True)

    def send(self, message: NewSamples | PreviewView) -> None:
        """Hand new samples, or what is in view, into a training that runs or waits; nothing happens if it is done."""
        self._supervisor.post_tell(self, message)

    def deliver(self, message: JobMessage) -> None:
        """Record a message and pass it on (called by the engine)."""
        with self._changed:
            if isinstance(message, Event) and isinstance(message.payload, PreviewResult):
                if self._picture is not None:
                    self._messages[self._picture] = None
                self._picture = len(self._messages)
            self._messages.append(message)
            if not isinstance(message, Event):
                self.request = None
            self._changed.notify_all()
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
        Seconds that a job gets to finish once it was handed the stop; more where its steps are long.

    Notes
    -----
    Arrays of a request are read when it is sent: at once if the engine is idle, later if jobs are waiting. Hand over
    copies of arrays that may change, such as an annotation.
    """

    def __init__(self, *, tasks: str = TASKS, grace: float = 5.0, finish: float = 20.0) -> None:
        self._supervisor = Supervisor(tasks, grace, finish)
        self._numbers = itertools.count(1)
        atexit.register(self.close)  # before the interpreter takes its threads away

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
            Called with every message of the job, in order, from a thread of the engine: never touch a widget in it,
            and never wait in it for a job.

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
        """End the process, whatever it does, and fail the jobs that are not done. Takes about a second at most."""
        atexit.unregister(self.close)
        self._supervisor.close()


def _raise_failure(outcome: JobMessage) -> None:
    if isinstance(outcome, Failed):
        error = EngineError(outcome.sentence)
        if outcome.details:
            error.add_note(outcome.details)
        raise error
