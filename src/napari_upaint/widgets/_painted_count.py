"""Counts painted pixels in a thread, some time after the last stroke: counting must not slow painting down."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer, Signal

from napari_upaint.widgets._background import Work
from napari_upaint.widgets._sources import AnnotationSource, count_painted

_PAUSE = 150  # milliseconds


class PaintedCount(QObject):
    """Emits painted pixels per label; `take` gives the annotation at the moment of counting, or None."""

    counted = Signal(object)  # dict of label to pixels
    failed = Signal(str, str)

    def __init__(self, take: Callable[[], AnnotationSource | None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._take = take
        self._again = False
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE)
        self._pause.timeout.connect(self._count)
        self._work = Work(self)
        self._work.done.connect(self._tell)
        self._work.failed.connect(self.failed)

    def ask(self, *_: object) -> None:
        """Count soon; asked again and again while painting, it counts now and then."""
        if not self._pause.isActive():
            self._pause.start()

    def close(self) -> None:
        """Count no more."""
        self._pause.stop()
        self._work.forget()

    def _count(self) -> None:
        if self._work.busy:
            self._again = True
            return
        annotation = self._take()
        if annotation is None:
            self.counted.emit({})
        else:
            self._work.start(count_painted, annotation)

    def _tell(self, pixels: dict[int, int]) -> None:
        self.counted.emit(pixels)
        if self._again:
            self._again = False
            self.ask()
