"""Counts painted pixels in a thread, some time after the last stroke: counting must not slow painting down."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, Signal

from napari_upaint.widgets._after_pause import AfterPause, Job
from napari_upaint.widgets._sources import AnnotationSource, count_painted

_PAUSE = 150  # milliseconds


class PaintedCount(QObject):
    """Emits painted pixels per label; `take` gives the annotation at the moment of counting, or None."""

    counted = Signal(object)  # dict of label to pixels
    failed = Signal(str, str)

    def __init__(self, take: Callable[[], AnnotationSource | None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._take = take
        self._counting = AfterPause(_PAUSE, self._job, self)
        self._counting.done.connect(self.counted)
        self._counting.failed.connect(self.failed)

    def ask(self, *_: object) -> None:
        """Count soon; asked again and again while painting, it counts now and then."""
        self._counting.ask()

    def close(self) -> None:
        """Count no more."""
        self._counting.close()

    def _job(self) -> Job | None:
        annotation = self._take()
        if annotation is None:
            self.counted.emit({})
            return None
        return count_painted, annotation
