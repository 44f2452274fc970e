"""Segmenting one plane after the other: the next is read while the engine works on the one before."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_upaint.core.normalize import Normalization
from napari_upaint.engine.progress import PlaneResult, PredictProgress
from napari_upaint.session.protocol import SegmentRequest
from napari_upaint.settings import ObjectSettings, PredictSettings
from napari_upaint.widgets._background import Work
from napari_upaint.widgets._job_bridge import GuiJob, JobBridge
from napari_upaint.widgets._measured import MeasuredImages
from napari_upaint.widgets._sources import ImageSource


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A plane to be segmented."""

    image: ImageSource
    index: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SegmentPlan:
    """Which planes, with which model, how."""

    planes: tuple[Plane, ...]
    model: Path
    settings: PredictSettings
    objects: ObjectSettings


@dataclass(frozen=True, slots=True, eq=False)
class ReadPlane:
    """A plane whose pixels were read, axes (C, Y, X)."""

    plane: Plane
    pixels: np.ndarray
    normalization: Normalization


@dataclass(frozen=True, slots=True)
class Segmented:
    """The end: planes done, one sentence for each layer that failed with its details, whether it was stopped."""

    done: int
    total: int
    failures: tuple[tuple[str, str], ...]
    stopped: bool


class Segmenting(QObject):
    """Reads in a thread, segments in the engine process; a layer that fails is left out, the others go on."""

    progress = Signal(float, str)
    segmented = Signal(object, object)  # Plane, PlaneResult
    ended = Signal(object)  # Segmented

    def __init__(self, bridge: JobBridge, measured: MeasuredImages, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge, self._measured = bridge, measured
        self._plan: SegmentPlan | None = None
        self._waiting: deque[Plane] = deque()
        self._reading: Plane | None = None
        self._read: ReadPlane | None = None
        self._job: GuiJob | None = None
        self._at: Plane | None = None
        self._done = 0
        self._failures: list[tuple[str, str]] = []
        self._stopped = False
        self._work = Work(self)
        self._work.done.connect(self._take)
        self._work.failed.connect(self._unreadable)

    @property
    def running(self) -> bool:
        """Whether planes are being segmented."""
        return self._plan is not None

    def start(self, plan: SegmentPlan) -> None:
        """Begin; returns at once."""
        self._plan, self._done, self._failures, self._stopped = plan, 0, [], False
        self._waiting = deque(plan.planes)
        self.progress.emit(0.0, "Reading…")
        self._advance()

    def stop(self) -> None:
        """Keep what is done."""
        self._stopped = True
        self._waiting.clear()
        self._work.forget()
        self._reading = self._read = None
        if self._job is not None:
            self._job.stop()
        else:
            self._advance()

    def abandon(self) -> None:
        """End without a word: the dock closes."""
        self._work.forget()
        if self._job is not None:
            self._job.abandon()
        self._plan = self._job = self._reading = self._read = self._at = None

    def _advance(self) -> None:
        """Give the engine the plane that was read, and read another."""
        if self._plan is None:
            return
        if self._job is None and self._read is not None:
            self._segment(self._read)
            self._read = None
        if self._reading is None and self._read is None and self._waiting:
            self._reading = self._waiting.popleft()
            self._work.start(self._load, self._reading)
        if self._job is None and self._reading is None and self._read is None:
            self._end()

    def _load(self, plane: Plane) -> ReadPlane:
        normalization = self._measured.of(plane.image)
        return ReadPlane(plane, np.ascontiguousarray(plane.image.plane(plane.index)), normalization)

    def _take(self, read: ReadPlane) -> None:
        self._reading, self._read = None, read
        self._advance()

    def _unreadable(self, sentence: str, details: str) -> None:
        assert self._reading is not None
        image, self._reading = self._reading.image, None
        self._leave_out(image, sentence, details)
        self._advance()

    def _leave_out(self, image: ImageSource, sentence: str, details: str) -> None:
        self._failures.append((sentence, details))
        self._waiting = deque(plane for plane in self._waiting if plane.image.key != image.key)

    def _segment(self, read: ReadPlane) -> None:
        assert self._plan is not None
        plan, self._at, self._job = self._plan, read.plane, self._bridge.job()
        self._job.payload.connect(self._hear)
        self._job.finished.connect(self._finish)
        self._job.failed.connect(self._fail)
        self._tell(0.0)
        request = SegmentRequest(
            read.pixels, read.normalization, plan.model, settings=plan.settings, objects=plan.objects
        )
        self._bridge.begin(self._job, request)

    def _hear(self, payload: object) -> None:
        if isinstance(payload, PredictProgress):
            self._tell(payload.done / max(1, payload.total))
        elif isinstance(payload, PlaneResult) and not self._stopped:
            self._done += 1
            self.segmented.emit(self._at, payload)

    def _tell(self, fraction: float) -> None:
        assert self._plan is not None and self._at is not None
        total = len(self._plan.planes)
        left = len(self._waiting) + (self._reading is not None) + (self._read is not None) + 1
        before = total - left
        which = f", plane {before + 1} of {total}" if total > 1 else ""
        self.progress.emit((before + fraction) / total, f"{self._at.image.name}{which}")

    def _finish(self) -> None:
        self._job = None
        self._advance()

    def _fail(self, sentence: str, details: str) -> None:
        assert self._at is not None
        self._job = None
        self._leave_out(self._at.image, sentence, details)
        if self._read is not None and self._read.plane.image.key == self._at.image.key:
            self._read = None
        self._advance()

    def _end(self) -> None:
        assert self._plan is not None
        summary = Segmented(self._done, len(self._plan.planes), tuple(self._failures), self._stopped)
        self._plan = self._at = None
        self.ended.emit(summary)


def planes_of(images: list[ImageSource]) -> tuple[Plane, ...]:
    """List every plane of every image, in order."""
    return tuple(chain.from_iterable((Plane(image, index) for index in image.indices()) for image in images))
