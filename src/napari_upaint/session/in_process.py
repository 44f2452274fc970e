"""The engine without a process: for the command line, scripts and tests. Same interface, same generators."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from typing import Self

from napari_upaint.engine.progress import NewSamples, PreviewView, Stop
from napari_upaint.errors import EngineError, UserError
from napari_upaint.session.drive import TASKS, Inbox, begin, drive
from napari_upaint.session.faults import describe
from napari_upaint.session.job import Listener
from napari_upaint.session.protocol import Event, Failed, Finished, JobMessage, Payload, Request


class DirectJob:
    """A job that runs in the thread that waits for it or iterates over it. See `napari_upaint.session.job.Job`."""

    def __init__(self, number: int, request: Request, tasks: str, listener: Listener | None) -> None:
        self.id = number
        self._inbox = Inbox()
        self._listener = listener
        self._error: UserError | None = None
        self._last: Payload | None = None
        self._stopped = False
        self._payloads = self._run(request, tasks)
        self.done = False

    def stop(self) -> None:
        """Let the job finish with what there is, at its next step."""
        self._stopped = True
        self._inbox.put(Stop())

    cancel = stop

    def send(self, message: NewSamples | PreviewView) -> None:
        """Hand new samples, or what is in view, into a running training."""
        self._inbox.put(message)

    def wait(self, timeout: float | None = None) -> Payload | None:
        """Run to the end and return the result.

        Raises
        ------
        UserError
            If the job failed.
        TimeoutError
            If it is not done within `timeout` seconds, looked at between two steps. It goes on when waited for again.
        """
        end = math.inf if timeout is None else time.monotonic() + timeout
        for _ in self._payloads:
            if time.monotonic() > end:
                raise TimeoutError(f"Job {self.id} is not done after {timeout} s.")
        if self._error is not None:
            raise self._error
        return self._last

    def __iter__(self) -> Iterator[Payload]:
        """Run, yielding every payload."""
        yield from self._payloads
        if self._error is not None:
            raise self._error

    def _run(self, request: Request, tasks: str) -> Iterator[Payload]:
        outcome: JobMessage = Finished(self.id)
        try:
            if not self._stopped:
                for payload in drive(begin(request, tasks), self._inbox.take):
                    self._last = payload
                    self._tell(Event(self.id, payload))
                    yield payload
        except Exception as error:
            sentence, details = describe(error)
            outcome = Failed(self.id, sentence, details)
            self._error = error if isinstance(error, UserError) else EngineError(sentence)
            self._error.__cause__ = None if self._error is error else error
        self.done = True
        self._tell(outcome)

    def _tell(self, message: JobMessage) -> None:
        if self._listener is not None:
            self._listener(message)


class InProcess:
    """Runs requests in the caller's own process and thread, when their job is waited for."""

    def __init__(self, *, tasks: str = TASKS) -> None:
        self._tasks = tasks
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, request: Request, listener: Listener | None = None) -> DirectJob:
        """Return the job of a request; it runs when it is waited for or iterated over."""
        return DirectJob(next(self._numbers), request, self._tasks, listener)

    def close(self) -> None:
        """Do nothing: there is no process."""
