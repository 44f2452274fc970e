"""The weight map of what is painted, computed by the engine: the map that the loss uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_upaint.engine.progress import WeightMapResult
from napari_upaint.session.protocol import WeightMapRequest
from napari_upaint.settings import Kind, WeightSettings
from napari_upaint.widgets._background import Work
from napari_upaint.widgets._job_bridge import GuiJob, JobBridge
from napari_upaint.widgets._measured import MeasuredImages
from napari_upaint.widgets._sources import AnnotationSource, ImageSource, PaintedRegion, gather


@dataclass(frozen=True, slots=True, eq=False)
class WeightPlan:
    """What to weigh and how."""

    image: ImageSource
    annotation: AnnotationSource
    kind: Kind
    settings: WeightSettings


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """The maps of the painted regions, in order."""

    image: ImageSource
    regions: tuple[PaintedRegion, ...]
    maps: tuple[np.ndarray, ...]


class Weighing(QObject):
    """Gathers the painted regions in a thread, asks the engine for the map of each."""

    progress = Signal(float, str)
    ended = Signal(object)  # Weighed, or None if it was stopped
    failed = Signal(str, str)

    def __init__(self, bridge: JobBridge, measured: MeasuredImages, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge, self._measured = bridge, measured
        self._plan: WeightPlan | None = None
        self._regions: list[PaintedRegion] = []
        self._maps: list[np.ndarray] = []
        self._job: GuiJob | None = None
        self._work = Work(self)
        self._work.done.connect(self._begin)
        self._work.failed.connect(self._fail)

    @property
    def running(self) -> bool:
        """Whether maps are being computed."""
        return self._plan is not None

    def start(self, plan: WeightPlan) -> None:
        """Begin; returns at once."""
        self._plan, self._maps = plan, []
        self._work.start(self._gather, plan)
        self.progress.emit(0.0, "Looking at what is painted…")

    def stop(self) -> None:
        """Give up."""
        self.abandon()
        self.ended.emit(None)

    def abandon(self) -> None:
        """End without a word: the dock closes."""
        self._work.forget()
        if self._job is not None:
            self._job.abandon()
        self._plan = self._job = None

    def _gather(self, plan: WeightPlan) -> list[PaintedRegion]:
        return gather(plan.image, plan.annotation, plan.kind, self._measured.of)

    def _begin(self, regions: list[PaintedRegion]) -> None:
        self._regions = regions
        self._next()

    def _next(self) -> None:
        self._job = None
        if self._plan is None:
            return
        if len(self._maps) == len(self._regions):
            weighed = Weighed(self._plan.image, tuple(self._regions), tuple(self._maps))
            self._plan = None
            self.ended.emit(weighed)
            return
        self.progress.emit(len(self._maps) / len(self._regions), "Weight map")
        sample = self._regions[len(self._maps)].sample
        self._job = self._bridge.job()
        self._job.payload.connect(self._hear)
        self._job.finished.connect(self._next)
        self._job.failed.connect(self._fail)
        request = WeightMapRequest(sample.annotation, self._plan.kind, self._plan.settings, sample.spacing)
        self._bridge.begin(self._job, request)

    def _hear(self, payload: object) -> None:
        if isinstance(payload, WeightMapResult):
            self._maps.append(payload.weights)

    def _fail(self, sentence: str, details: str) -> None:
        self._plan = self._job = None
        self.failed.emit(sentence, details)
