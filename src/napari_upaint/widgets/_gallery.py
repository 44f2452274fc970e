"""Show what the network learns from: tiles drawn by the engine with the current settings and paint."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path

import numpy as np
from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QWidget

from napari_upaint.core.sample import Sample
from napari_upaint.engine.progress import TilesResult
from napari_upaint.session.protocol import TilesRequest
from napari_upaint.widgets._background import Work
from napari_upaint.widgets._gallery_window import GalleryWindow
from napari_upaint.widgets._gathering import Measure, gather_for
from napari_upaint.widgets._job_bridge import GuiJob, JobBridge
from napari_upaint.widgets._sections import Sections
from napari_upaint.widgets._tile_pictures import mosaic
from napari_upaint.widgets._training import TrainPlan
from napari_upaint.widgets._working import Working

COUNT = 9
_EDGE = 240  # pixels of a tile in the picture
_PAUSE = 300  # milliseconds: the user may still be typing a number


class Gallery(QObject):
    """Gathers samples in a thread, draws in the engine, makes the picture in a thread; one request at a time."""

    def __init__(self, sections: Sections, working: Working, bridge: JobBridge, dock: QWidget) -> None:
        super().__init__(dock)
        self._sections, self._working, self._bridge, self._dock = sections, working, bridge, dock
        self.window: GalleryWindow | None = None
        self._first = 0
        self._scale = 0.0  # found for an image and a start; found again for others
        self._scale_of: tuple[Hashable, Path | None] | None = None
        self._result: TilesResult | None = None
        self._job: GuiJob | None = None
        self._gathering = Work(self, self._ask_engine, self._fail)
        self._drawing = Work(self, self._show, self._fail)
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE)
        self._pause.timeout.connect(self._draw)
        sections.weights.gallery_button.clicked.connect(self.open)
        for wanted in (sections.train.train_wanted, sections.segment.wanted):
            wanted.connect(self._give_way)
        for form in (sections.settings.augment, sections.settings.weights, sections.settings.train):
            form.valueChanged.connect(self._settings_changed)

    @property
    def busy(self) -> bool:
        """Whether tiles are being made."""
        working = self._gathering.busy or self._job is not None or self._drawing.busy
        return working or self._pause.isActive()

    def open(self) -> None:
        """Open the window with the first tiles."""
        if self.window is None:
            self.window = GalleryWindow(self._dock)
            self.window.button.clicked.connect(self._others)
            self.window.finished.connect(self._rest)
        self.window.show()
        self.window.raise_()
        self._draw()

    def close(self) -> None:
        """Close the window with the dock."""
        self._rest()
        if self.window is not None:
            window, self.window = self.window, None
            window.close()
            window.deleteLater()

    def _others(self) -> None:
        self._first += COUNT
        self._draw()

    def _settings_changed(self) -> None:
        if self.window is not None and self.window.isVisible():
            self._pause.start()

    def _draw(self) -> None:
        window, plan = self.window, self._working.plan()
        if window is None:
            return
        why = self._sections.weights.gallery_why
        if why or plan is None:
            window.show_problem(why or "Open an image first.")
            return
        self._give_up()
        if self._scale_of != (plan.image.key, plan.start):
            self._scale_of, self._scale = (plan.image.key, plan.start), 0.0
        window.show_drawing(searching=plan.start is not None and not (plan.settings.scale or self._scale))
        self._gathering.start(_gather, plan, self._working.gray_values.of)

    def _ask_engine(self, gathered: tuple[TrainPlan, list[Sample]]) -> None:
        plan, samples = gathered
        settings = replace(plan.settings, scale=plan.settings.scale or self._scale)
        request = TilesRequest(
            tuple(samples), plan.kind, plan.start, settings, plan.weights, plan.augment, first=self._first, count=COUNT
        )
        self._result, self._job = None, self._bridge.begin(request, self._hear, self._finish, self._fail)

    def _hear(self, payload: object) -> None:
        if isinstance(payload, TilesResult):
            self._result = payload

    def _finish(self) -> None:
        self._job = None
        if self._result is not None:
            self._scale = self._result.scale
            self._drawing.start(mosaic, self._result.tiles, _EDGE)

    def _show(self, pixels: np.ndarray) -> None:
        if self.window is not None and self._result is not None:
            self.window.show_tiles(self._result, pixels)

    def _fail(self, sentence: str, _details: str) -> None:
        self._job = None
        if self.window is not None:
            self.window.show_problem(sentence)

    def _rest(self, *_: object) -> None:
        """Stop, since nobody is looking; begin with the first tiles the next time."""
        self._pause.stop()
        self._give_up()
        self._first = 0

    def _give_way(self, *_: object) -> None:
        """Let a training or a segmentation begin at once."""
        if self.window is not None and self.busy:
            self._give_up()
            self.window.show_problem("Interrupted; press 'Other tiles' afterwards.")

    def _give_up(self) -> None:
        for work in (self._gathering, self._drawing):
            work.forget()
        job, self._job = self._job, None
        if job is not None:
            job.abandon()


def _gather(plan: TrainPlan, measure_it: Measure) -> tuple[TrainPlan, list[Sample]]:
    return plan, gather_for(plan.start, plan.settings, plan.painted, plan.kind, measure_it)
