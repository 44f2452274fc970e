"""Drive a generator of the engine, and pass it messages between two steps."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator, Iterator
from threading import Lock
from typing import Any

from napari_upaint.engine.progress import NewSamples, PreviewView, Stop, Told
from napari_upaint.session.protocol import Payload, Request

TASKS = "napari_upaint.engine.tasks"
Steps = Generator[Payload, Told | None, None]


def begin(request: Request, tasks: str = TASKS) -> Steps:
    """Return the generator that fulfils a request.

    Parameters
    ----------
    tasks : str
        Name of a module with a dictionary ``TASKS`` of generator functions. It is imported here, at run time, so that
        torch is loaded where the work is done and nowhere else.
    """
    table: dict[str, Callable[..., Steps]] = importlib.import_module(tasks).TASKS
    return table[request.task](**request.arguments())


class Inbox:
    """Messages for the next step of a running generator; filled from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._newest: dict[type[Told], Told] = {}

    def put(self, message: Told) -> None:
        """Add a message; it replaces an older one of its kind."""
        with self._lock:
            self._newest[type(message)] = message

    def take(self) -> Told | None:
        """Return the Stop if there ever was one, else the newest samples, else the newest view, else None.

        The Stop is repeated at every step: a generator that ignores it at one of its yields hears it at the next.
        """
        with self._lock:
            if Stop in self._newest:
                return self._newest[Stop]
            return self._newest.pop(NewSamples, None) or self._newest.pop(PreviewView, None)


def drive(steps: Steps, take: Callable[[], Told | None]) -> Iterator[Any]:
    """Yield what the generator yields; between two steps, send it what `take` returns."""
    message: Told | None = None
    try:
        while True:
            try:
                payload = steps.send(message)
            except StopIteration:
                return
            yield payload
            del payload  # a result is large, and was sent already
            message = take()
    finally:
        steps.close()
