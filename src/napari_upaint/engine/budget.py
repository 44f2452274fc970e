"""The time that a training may take, extended when there is new paint."""

from __future__ import annotations

import time
from collections.abc import Callable

from napari_upaint.settings import TrainSettings

# After new paint, at least this share of the granted time is left again.
LEFT_AFTER_PAINT = 0.5


class Budget:
    """The seconds that a training may take or, if they are set, the steps.

    Parameters
    ----------
    settings : TrainSettings
    clock : callable
        Returns seconds; time counts from now.

    Attributes
    ----------
    seconds : float
        Granted; 0 if steps are counted.
    """

    def __init__(self, settings: TrainSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._began, self._settings = clock, clock(), settings
        self.seconds = 0.0 if settings.steps else settings.seconds

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._began

    def fraction(self, step: int) -> float:
        """Return the share that is used after `step` steps: 1 or more when it is time to end."""
        return step / self._settings.steps if self._settings.steps else self.spent / self.seconds

    def extend(self) -> None:
        """Grant time for new paint; a set number of steps does not change, as exactly that many were asked for."""
        if not self._settings.steps:
            self.seconds = max(self.seconds, self.spent + LEFT_AFTER_PAINT * self._settings.seconds)
