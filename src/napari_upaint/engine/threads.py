"""How many threads compute: all, or one where another program keeps a core busy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import ClassVar

import torch

_PROBES = 2  # steps in a row that are timed
_AGAIN = 40  # steps after which the other choice is tried once more


class ThreadChoice:
    """Tries one thread and all of them on real steps, and keeps to what was faster.

    On a quiet machine all threads win. Where something else wants a core they wait for each other at every layer, and
    one thread alone can be several times faster; nobody can know beforehand, so the clock decides.

    Parameters
    ----------
    most : int
        Threads to use at the most.
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
        """Note what the last step took (seconds, or seconds per pixel where steps differ)."""
        if self.steady:  # no choice was made: the probes are still to come, or stay where they were
            return
        threads = self.threads
        self._times[threads] = [*self._times[threads], seconds][-_PROBES:]
        self._next += 1


@contextmanager
def steady_threads(wanted: bool) -> Iterator[None]:
    """Keep to all threads inside, if `wanted`: sums differ in their last bits between numbers of threads."""
    before = ThreadChoice.steady
    ThreadChoice.steady = wanted or before
    try:
        yield
    finally:
        ThreadChoice.steady = before


# One choice for each kind of work, for as long as the process lives: it remembers what it learnt about the machine.
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
