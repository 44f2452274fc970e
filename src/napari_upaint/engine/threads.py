"""How many threads compute: all, or one if another program keeps a core busy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import ClassVar

import torch

_PROBES = 2  # timed steps in a row per choice
_AGAIN = 40  # steps after which all choices are tried again


class ThreadChoice:
    """Tries one thread and all threads on real steps, and uses the faster choice.

    On a quiet machine all threads win. If another program wants a core, they wait for each other at every layer, and
    one thread alone can be several times faster. This cannot be known beforehand, so the clock decides.

    Parameters
    ----------
    most : int
        Most threads to use.
    """

    steady: ClassVar[bool] = False  # set by `steady_threads` for all choices at once

    def __init__(self, most: int) -> None:
        self.choices = [most, 1] if most > 1 else [most]
        self._times: dict[int, list[float]] = {choice: [] for choice in self.choices}
        self._next = 0

    @property
    def threads(self) -> int:
        """Threads of the next step."""
        probe = self._next % _AGAIN
        if len(self.choices) == 1:
            return self.choices[0]
        if probe < _PROBES * len(self.choices):
            return self.choices[probe // _PROBES]
        return min(self.choices, key=lambda choice: min(self._times[choice]))

    def use(self) -> None:
        """Make torch use the threads of the next step."""
        threads = self.choices[0] if self.steady else self.threads
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)

    def took(self, seconds: float) -> None:
        """Note how long the last step took (in seconds, or in seconds per pixel if steps differ in size)."""
        if self.steady:  # no choice was made: the probes are not counted
            return
        threads = self.threads
        self._times[threads] = [*self._times[threads], seconds][-_PROBES:]
        self._next += 1


@contextmanager
def steady_threads(wanted: bool) -> Iterator[None]:
    """Use all threads in this context if `wanted`: the last bits of sums depend on the number of threads."""
    before = ThreadChoice.steady
    ThreadChoice.steady = wanted or before
    try:
        yield
    finally:
        ThreadChoice.steady = before


# One choice for each kind of work, which lives as long as the process and remembers what it found on the machine.
@lru_cache(maxsize=1)
def training_threads() -> ThreadChoice:
    """Return the choice for training steps."""
    return ThreadChoice(all_threads())


@lru_cache(maxsize=1)
def prediction_threads() -> ThreadChoice:
    """Return the choice for prediction, timed per pixel."""
    return ThreadChoice(all_threads())


@lru_cache(maxsize=1)
def all_threads() -> int:
    """Return how many threads torch may use, asked before any choice is made."""
    return torch.get_num_threads()
