"""One training, from the layers' arrays to a saved model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar
from weakref import WeakSet

from qtpy.QtCore import QObject, Signal

from napari_upaint.core.sample import Sample
from napari_upaint.engine.progress import (
    NewSamples,
    PreviewResult,
    PreviewView,
    SamplesHeard,
    TrainProgress,
    TrainResult,
)
from napari_upaint.errors import FileError
from napari_upaint.session.interrupted import Asked, Interrupted, begin_training, end_training, give_up, whole_run
from napari_upaint.session.protocol import TrainRequest
from napari_upaint.session.run import Run, record, save_run
from napari_upaint.settings import AugmentSettings, Kind, TrainSettings, WeightSettings
from napari_upaint.widgets._background import Work
from napari_upaint.widgets._gathering import PaintedImage, gather_for
from napari_upaint.widgets._job_bridge import GuiJob, JobBridge
from napari_upaint.widgets._per_image import GrayValues
from napari_upaint.widgets._sources import ImageSource

# At most this many seconds of training are lost if anything ends the engine or the window.
CHECKPOINT = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class TrainPlan:
    """What to train on, from where, and how.

    `painted`: the chosen image first; `start` None: from scratch; `resume`: an interrupted training to continue.
    """

    painted: tuple[PaintedImage, ...]
    kind: Kind
    start: Path | None
    settings: TrainSettings
    weights: WeightSettings
    augment: AugmentSettings
    resume: Interrupted | None = None

    @property
    def image(self) -> ImageSource:
        """The chosen image."""
        return self.painted[0].image


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """The end of a training: its result, and the model's file (None if the start was kept)."""

    result: TrainResult
    path: Path | None


class Training(QObject):
    """Gathers samples in a thread, trains in the engine process, saves the model in a thread."""

    progress = Signal(object)  # TrainProgress
    ended = Signal(object)  # Trained
    failed = Signal(str, str)
    unsaved = Signal(str, str)  # what was learnt is only in memory: answer with `save` or `fail`
    stopped = Signal()  # before there was a result
    begun = Signal()  # messages can be sent to it from now on
    previewed = Signal(object)  # PreviewResult
    samples_heard = Signal(object)  # SamplesHeard

    _all: ClassVar[WeakSet[Training]] = WeakSet()  # a program may show several viewers, each with a dock

    def __init__(self, bridge: JobBridge, gray_values: GrayValues, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._all.add(self)
        self._bridge, self._gray_values = bridge, gray_values
        self.plan: TrainPlan | None = None  # what is being trained
        self.checkpoint: Path | None = None  # where the running training writes its weights now and then
        self._job: GuiJob | None = None
        self._request: TrainRequest | None = None
        self._heard: list[TrainProgress] = []
        self._result: TrainResult | None = None
        self._sent: NewSamples | None = None  # samples that were sent after it began
        self._gathering = Work(self, self._train, self.fail)
        self._saving = Work(self, self._saved, self.unsaved, writes=True)

    @property
    def running(self) -> bool:
        """Whether a training is under way."""
        return self.plan is not None

    @classmethod
    def checkpoints(cls) -> tuple[Path, ...]:
        """Return where the trainings that run in this process write their weights."""
        return tuple(one.checkpoint for one in cls._all if one.checkpoint is not None)

    @property
    def listening(self) -> bool:
        """Whether messages can be sent to it."""
        return self._job is not None and self._result is None

    def send(self, message: NewSamples | PreviewView) -> None:
        """Send new samples, or what is in view, to the training."""
        if isinstance(message, NewSamples):
            self._sent = message
        if self._job is not None:
            self._job.send(message)

    def start(self, plan: TrainPlan) -> None:
        """Begin; returns at once."""
        self.plan, self._result, self._heard = plan, None, []
        self._gathering.start(self._gather, plan)

    def stop(self) -> None:
        """Finish with the best model so far."""
        if self._gathering.busy:
            self._gathering.forget()
            self._rest()
            self.stopped.emit()
        elif self._job is not None:
            self._job.stop()

    def abandon(self) -> None:
        """End without a result and without a message: the dock closes."""
        for work in (self._gathering, self._saving):
            work.forget()
        if self._job is not None:
            self._job.abandon()
        self._rest()

    def _gather(self, plan: TrainPlan) -> tuple[list[Sample], Path | None]:
        return gather_for(plan.start, plan.settings, plan.painted, plan.kind, self._gray_values.of), _begin(plan)

    def _train(self, gathered: tuple[list[Sample], Path | None]) -> None:
        plan = self.plan
        assert plan is not None
        samples, self.checkpoint = gathered
        self._request = request = TrainRequest(
            tuple(samples),
            kind=plan.kind,
            start=plan.start,
            settings=plan.settings,
            weights=plan.weights,
            augment=plan.augment,
            name=plan.image.name,
            checkpoint=self.checkpoint,
            checkpoint_seconds=CHECKPOINT,
            resume=plan.resume.model if plan.resume is not None else None,
        )
        self._job = self._bridge.begin(request, self._hear, self._finish, self.fail)
        self.begun.emit()

    def _hear(self, payload: object) -> None:
        if isinstance(payload, TrainProgress):
            self._heard.append(payload)
            self.progress.emit(payload)
        elif isinstance(payload, TrainResult):
            self._result = payload
        elif isinstance(payload, PreviewResult):
            self.previewed.emit(payload)
        elif isinstance(payload, SamplesHeard):
            self._take_samples(payload)

    def _take_samples(self, answer: SamplesHeard) -> None:
        if not answer.problem and self._sent is not None and self._request is not None:
            self._request = replace(self._request, samples=self._sent.samples)  # as the record will name them
        self.samples_heard.emit(answer)

    def _finish(self) -> None:
        self._job = None
        if self._result is None or not self._result.steps:
            self._give_up()
            self._rest()
            self.stopped.emit()
        else:
            self.save()

    def save(self) -> None:
        """Save what was learnt."""
        assert self.plan is not None
        self._saving.start(_save, self._request, tuple(self._heard), self._result, self.plan.resume)

    def _saved(self, run: Run) -> None:
        result = self._result
        assert result is not None
        self._rest()
        self.ended.emit(Trained(result, run.model))

    def fail(self, sentence: str, details: str) -> None:
        """End without a result, and say why."""
        self._give_up()
        self._rest()
        self.failed.emit(sentence, details)

    def _give_up(self) -> None:
        if self.checkpoint is not None:
            give_up(self.checkpoint)

    def _rest(self) -> None:
        self._sent = None
        self.plan = self._job = self._result = self._request = self.checkpoint = None


def _begin(plan: TrainPlan) -> Path | None:
    """Record what is being trained, so that it can be continued; return None if nothing can be written."""
    start = str(plan.start) if plan.start is not None else ""
    image, settings = plan.image, plan.resume.asked.settings if plan.resume is not None else plan.settings
    asked = Asked(image.name, image.shape, plan.kind, start, settings, plan.weights, plan.augment)
    try:
        return begin_training(asked, plan.resume, file=image.file)
    except FileError:  # a full disk is no reason not to train
        return None


def _save(
    request: TrainRequest, heard: tuple[TrainProgress, ...], result: TrainResult, continued: Interrupted | None
) -> Run:
    """Save the record of a training in the user's folder, and its model if that is better than the start in any way."""
    model = result.model if result.improved or result.knows_more or request.start is None else None
    run = record(request, heard, result)
    saved = save_run(run if continued is None else whole_run(run, continued), model)
    if request.checkpoint is not None:
        end_training(request.checkpoint)
    return saved
