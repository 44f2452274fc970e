"""When a training has time for a preview."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from napari_upaint.engine.progress import PreviewView

# Of the time spent on training itself.
SHARE = 0.15
# Least seconds of training between previews: before that nobody would see a difference.
PAUSE = 1.0
# Seconds per pixel before anything has been measured, for a network like the bundled ones on one thread.
GUESS = 0.8e-6


class PreviewShare:
    """Decides when a view is predicted again, so that previews cost less than `SHARE` of the training.

    Parameters
    ----------
    clock : callable
        Returns seconds.

    Attributes
    ----------
    view : PreviewView or None
        What is being viewed.
    spent : float
        Seconds on previews so far.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._first: float | None = None  # when the first step was done
        self._began = 0.0  # when the present preview was begun
        self._new = False  # whether the view has not been shown yet
        self._step = -1  # of the weights that were shown last
        self._at = 0.0  # seconds of training when they were shown
        self._per_pixel = GUESS
        self.view: PreviewView | None = None
        self.spent = 0.0

    def look_at(self, view: PreviewView | None) -> None:
        """Take another view, or none."""
        self.view = view if view is not None and view.image is not None else None
        self._new = self.view is not None

    @property
    def trained(self) -> float:
        """Seconds since the first step that were not spent on previews."""
        return 0.0 if self._first is None else self._clock() - self._first - self.spent

    def cost(self, scale: float = 1.0) -> float:
        """Return how many seconds a preview will take: a guess at first, then as long per pixel as the last one.

        Parameters
        ----------
        scale : float
            How much more a pixel costs than with the bundled network; used for the guess.
        """
        assert self.view is not None and self.view.image is not None
        per_pixel = self._per_pixel * (scale if self._per_pixel == GUESS else 1)
        return per_pixel * math.prod(self.view.image.shape[1:])

    def due(self, step: int, scale: float = 1.0) -> bool:
        """Return whether there is time for a preview after a step."""
        if self._first is None:
            self._first = self._clock()
        if self.view is None or (step == self._step and not self._new):
            return False
        trained, cost = self.trained, self.cost(scale)
        if self.spent + cost > SHARE * trained:
            return False
        # A new view is shown as soon as possible; the same one not before it can have changed visibly.
        return self._new or trained - self._at >= max(PAUSE, cost / SHARE)

    def begin(self) -> None:
        """Note that a preview is being made."""
        self._began = self._clock()

    def end(self, step: int | None) -> None:
        """Note that it was made with the weights of a step; None: it was given up for something more urgent."""
        seconds = self._clock() - self._began
        self.spent += seconds
        if step is not None and self.view is not None and self.view.image is not None:
            self._per_pixel = seconds / math.prod(self.view.image.shape[1:])
            self._new, self._step, self._at = False, step, self.trained
