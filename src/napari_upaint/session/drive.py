"""Drive a generator of the engine, and tell it between two steps what it is to hear."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator, Iterator
from queue import Empty, SimpleQueue
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
    """What a running generator is to be told at its next step; filled from any thread."""

    def __init__(self) -> None:
        self._messages: SimpleQueue[Told] = SimpleQueue()
        self._stop: Stop | None = None
        self._samples: NewSamples | None = None
        self._view: PreviewView | None = None

    def put(self, message: Told) -> None:
        """Add a message."""
        self._messages.put(message)

    def take(self) -> Told | None:
        """Return the Stop if there ever was one, else the newest samples, else the newest view, else None.

        The Stop comes again at every step: a generator that does not listen at one of its yields does at the next.
        """
        while True:
            try:
                message = self._messages.get_nowait()
            except Empty:
                break
            if isinstance(message, Stop):
                self._stop = message
            elif isinstance(message, NewSamples):
                self._samples = message
            else:
                self._view = message
        if self._stop is not None:
            return self._stop
        if self._samples is not None:
            samples, self._samples = self._samples, None
            return samples
        view, self._view = self._view, None
        return view


def drive(steps: Steps, take: Callable[[], Told | None]) -> Iterator[Any]:
    """Yield what the generator yields, handing in between two steps what `take` returns."""
    message: Told | None = None
    try:
        while True:
            try:
                payload = steps.send(message)
            except StopIteration:
                return
            yield payload
            message = take()
    finally:
        steps.close()
