"""Segment planes of layers: run the session's batch in a thread, turn its events into Qt signals on the main thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from qtpy.QtCore import QObject, Qt, Signal

from napari_upaint.engine.progress import PredictProgress, Sight
from napari_upaint.errors import ImageError, UserError
from napari_upaint.session.batch import BatchEvent, BatchPlan, Source, run_batch
from napari_upaint.session.job import EngineProcess
from napari_upaint.session.looking import Looking
from napari_upaint.session.protocol import Event, JobMessage
from napari_upaint.settings import Kind, ObjectSettings, PredictSettings
from napari_upaint.widgets._background import describe
from napari_upaint.widgets._job_bridge import JobBridge
from napari_upaint.widgets._memory import holding
from napari_upaint.widgets._progress_line import left
from napari_upaint.widgets._score_cache import ScoreCache, empty_cache
from napari_upaint.widgets._sights import Sights
from napari_upaint.widgets._sources import ImageSource, batch_source
from napari_upaint.widgets._volumes import may_be_volumes, one_slice, volume_source


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """An image to be segmented: the plane (or volume) at an index, or all of them (None)."""

    image: ImageSource
    index: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SegmentPlan:
    """What to segment, with which model and how. `kind` is the model's: objects or classes.

    `scores`: where those of each image are to be kept; those that do not fit are replaced. `labels`: likewise.
    `made`: what the planes of each image that exist already were made from; new ones are noted there, too.
    """

    targets: tuple[Target, ...]
    model: Path
    kind: Kind
    settings: PredictSettings
    objects: ObjectSettings
    ndim: int = 2  # of the model
    scores: dict[Hashable, ScoreCache] | None = None
    labels: dict[Hashable, np.ndarray] = field(default_factory=dict)
    made: dict[Hashable, dict[tuple[int, ...], str]] = field(default_factory=dict)

    def takes_volumes(self, target: Target) -> bool:
        """Return whether a target is seen as volumes: by a 3D model, or as a whole by a 2D model that sees planes."""
        return self.ndim == 3 or (self.settings.volumes and target.index is None and may_be_volumes(target.image))


@dataclass(frozen=True, slots=True)
class Segmented:
    """The outcome: planes done, a sentence and details for each layer that failed, whether it was stopped.

    `kept` planes were there already; `several`: whether more than one was wanted. On `empty` planes nothing was found.
    `scales`: those that were found for the images, if the model has not learnt from paint.
    """

    done: int
    failures: tuple[tuple[str, str], ...]
    stopped: bool
    what: str = "plane"  # or "volume"
    model: Path | None = None
    kept: int = 0
    several: bool = False
    empty: int = 0
    scales: tuple[float, ...] = ()


class _Round:
    """One press of a button, as the thread sees it."""

    def __init__(self, plan: SegmentPlan, engine: EngineProcess) -> None:
        self.plan, self.engine = plan, engine
        self.stop = threading.Event()
        self.slices: dict[Target, int] = {}  # which slice was wanted of the part of the volume that is read
        self.left: set[Hashable] = set()  # images of which no more is wanted
        self.total = 1  # planes
        self.empty = 0
        self.scales: set[float] = set()  # found without paint


class Segmenting(QObject):
    """Reads and waits in a thread, computes in the engine process; a layer that fails does not stop the others."""

    progress = Signal(float, str)
    segmented = Signal(object, object, object)  # SegmentPlan, Target (with its index), PlaneResult
    ended = Signal(object)  # Segmented
    # From the thread: _Round, and a BatchEvent, a fraction, an error, or None for the end.
    _happened = Signal(object, object)

    def __init__(self, bridge: JobBridge, sights: Sights, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge, self._sights = bridge, sights
        self._round: _Round | None = None
        self._done, self._kept, self._finished, self._name = 0, 0, 0, ""
        self._failures: dict[int, tuple[str, str]] = {}
        self._since: tuple[float, float] | None = None  # when computing began, and at which fraction
        self._happened.connect(self._hear, Qt.ConnectionType.QueuedConnection)

    @property
    def running(self) -> bool:
        """Whether planes are being segmented."""
        return self._round is not None

    def start(self, plan: SegmentPlan) -> None:
        """Begin; returns at once."""
        self._round = _Round(plan, self._bridge.engine())
        self._done, self._kept, self._finished, self._failures = 0, 0, 0, {}
        self._name, self._since = plan.targets[0].image.name, None
        self.progress.emit(0.0, f"Reading {self._name}…")
        threading.Thread(target=self._run, args=(self._round,), name="upaint-segment", daemon=True).start()

    def stop(self) -> None:
        """Stop, and keep what is done."""
        if self._round is not None:
            self._round.stop.set()

    def leave(self, image: Hashable) -> None:
        """Segment no more of an image, since there is no place for its results; stop if nothing else was wanted."""
        if self._round is not None:
            self._round.left.add(image)
            if all(target.image.key in self._round.left for target in self._round.plan.targets):
                self.stop()

    def abandon(self) -> None:
        """End without a message: the dock closes."""
        self.stop()
        self._round = None

    # -- in the thread -------------------------------------------------------------------------------------------

    def _run(self, this: _Round) -> None:
        end: Exception | None = None
        try:
            plan = this.plan
            sources = tuple(self._source(this, target) for target in plan.targets)
            batch = BatchPlan(sources, plan.model, plan.settings, plan.objects, device=self._bridge.device)
            this.total = max(1, batch.n_planes)
            for event in run_batch(
                batch, this.engine, stopped=this.stop.is_set, listener=lambda m: self._listen(this, m)
            ):
                self._tell(this, _ready(this, event))
        except Exception as error:  # the window must hear of it, whatever it is
            end = error
        self._tell(this, end)

    def _source(self, this: _Round, target: Target) -> Source:
        image, source = target.image, self._whole_source(this, target)
        made = dict(this.plan.made.get(image.key, {})) if target.index is None else {}

        def read(index: tuple[int, ...]) -> np.ndarray:
            if image.key in this.left:
                raise ImageError(f"{image.name} was closed or changed, or memory is short; the rest of it is left out.")
            return source.read_plane(index)

        return replace(source, read_plane=read, sight=partial(self._sight, this, image), made=made)

    def _sight(self, this: _Round, image: ImageSource) -> Sight | None:
        plan = this.plan
        looking = Looking(plan.model, this.engine, plan.settings, self._bridge.device, this.stop.is_set)
        sight = self._sights.of(image, looking)
        if sight is not None and not plan.settings.scale:
            this.scales.add(sight.scale)
        return sight

    def _whole_source(self, this: _Round, target: Target) -> Source:
        in_volume, normalization, sight = this.plan.takes_volumes(target), None, None
        with suppress(Exception):  # the batch will meet it again, and report it for this source alone
            normalization = self._sights.gray_values.of(target.image)
            if in_volume and target.index is not None:  # the scale decides how many slices are seen around one
                sight = self._sight(this, target.image)
        if in_volume:
            scale = sight.scale if sight is not None else 0.0
            source, wanted = volume_source(target.image, target.index, this.plan.model, normalization, scale)
            if wanted is not None:
                this.slices[target] = wanted
            return source
        return batch_source(target.image, target.index, normalization)

    def _listen(self, this: _Round, message: JobMessage) -> None:
        if isinstance(message, Event) and isinstance(message.payload, PredictProgress):
            self._tell(this, message.payload.done / max(1, message.payload.total))

    def _tell(self, this: _Round, what: object) -> None:
        try:
            self._happened.emit(this, what)
        except RuntimeError:  # the dock was closed meanwhile
            this.stop.set()

    # -- in the main thread --------------------------------------------------------------------------------------

    def _hear(self, this: _Round, what: object) -> None:
        if this is not self._round:
            return
        if isinstance(what, BatchEvent):
            self._take(this, what)
        elif isinstance(what, float):
            self._say(this, (self._finished + what) / this.total)
        else:
            self._end(this, what)

    def _take(self, this: _Round, event: BatchEvent) -> None:
        self._finished = event.done
        target = this.plan.targets[event.source]
        if event.kept:
            self._kept, self._since = self._kept + 1, None  # that plane took no time
        elif event.result is None:
            self._failures.setdefault(event.source, (event.error, event.details))
        else:
            self._done += 1
            self.segmented.emit(this.plan, Target(target.image, event.plane), event.result)
        there = f"{self._kept} {'was' if self._kept == 1 else 'were'} there already, " * (self._kept > 0)
        self._name = there + event.name
        self._say(this, event.done / this.total)

    def _say(self, this: _Round, fraction: float) -> None:
        if this.stop.is_set():
            return  # the line says already that it is being stopped
        # How far it has got comes first: a long name is cut off at its end.
        plane = f"{_what(this.plan).capitalize()} {min(self._finished + 1, this.total)} of {this.total}"
        far = ", ".join(filter(None, (plane * (this.total > 1), self._left(fraction))))
        self.progress.emit(fraction, f"{far}: {self._name}" if far else self._name)

    def _left(self, fraction: float) -> str:
        """Return how long the rest will take at the present pace; '' as long as that would be a guess."""
        now = time.monotonic()
        began, first = self._since = self._since or (now, fraction)
        return left(now - began, fraction - first, 1 - fraction)

    def _end(self, this: _Round, error: object) -> None:
        self._round = None
        failures = list(self._failures.values())
        if isinstance(error, Exception):
            failures.append(describe(error))
        what, several = _what(this.plan), this.total > 1
        self.ended.emit(
            Segmented(
                self._done,
                tuple(failures),
                this.stop.is_set(),
                what,
                this.plan.model,
                self._kept,
                several,
                this.empty,
                tuple(sorted(this.scales)),
            )
        )


def _what(plan: SegmentPlan) -> str:
    slices = any(one.index is not None and len(one.index) == len(one.image.shape) - 2 for one in plan.targets)
    return "volume" if all(map(plan.takes_volumes, plan.targets)) and not slices else "plane"


def _ready(this: _Round, event: BatchEvent) -> BatchEvent:
    """Return what is to be shown of an event, with the index of its plane, after keeping its scores and labels.

    Called in the thread: writing to memory for the first time takes a fifth of a second for the scores of a large
    plane, and for its labels.
    """
    target, result, plan = this.plan.targets[event.source], event.result, this.plan
    index = target.index if target.index is not None else event.plane
    if result is None or index is None:
        return event
    if target in this.slices:
        result = one_slice(result, this.slices[target])
    this.empty += not result.labels.any()
    plan.made.setdefault(target.image.key, {})[index] = event.made
    if plan.scores is not None:
        image, cache = target.image, plan.scores.get(target.image.key)
        try:
            if cache is None or (cache.names, cache.kind) != (result.names, plan.kind) or not cache.fits(image.shape):
                cache = plan.scores[image.key] = empty_cache(image, result.names, plan.kind)
            cache.write(index, result.scores)
            labels = np.asarray(result.labels, np.int32)
            plan.labels[image.key] = holding(image, index, labels, plan.labels.get(image.key))
        except UserError:  # memory is short: reported when they are to be shown
            plan.scores.pop(image.key, None)
            plan.labels.pop(image.key, None)
    return replace(event, plane=index, result=result)
