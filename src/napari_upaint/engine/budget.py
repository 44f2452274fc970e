"""The time that a training may take, and takes when there is new paint."""

from __future__ import annotations

import time
from collections.abc import Callable

from napari_upaint.settings import TrainSettings

# Of the time that was granted, at least so much is left again after new paint.
LEFT_AFTER_PAINT = 0.5


class Budget:
    """Seconds or, where they are limited, steps.

    Parameters
    ----------
    settings : TrainSettings
    clock : callable
        Returns seconds; it runs from now.

    Attributes
    ----------
    seconds : float
        Granted; 0 where steps rule.
    """

    def __init__(self, settings: TrainSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._began, self._settings = clock, clock(), settings
        self.seconds = 0.0 if settings.steps else settings.seconds

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._began

    def fraction(self, step: int) -> float:
        """Return how much is used after a step: 1 and more when it is time to end."""
        return step / self._settings.steps if self._settings.steps else self.spent / self.seconds

    def extend(self) -> None:
        """Grant time for new paint. A number of steps stays what it is: somebody wanted exactly so many."""
        if not self._settings.steps:
            self.seconds = max(self.seconds, self.spent + LEFT_AFTER_PAINT * self._settings.seconds)
