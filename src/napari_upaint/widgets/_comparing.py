"""Segment what is in view with two models, one after the other, to show their outlines together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import QObject, Signal

from napari_upaint.engine.progress import PlaneResult
from napari_upaint.errors import UserError
from napari_upaint.session.run import Run
from napari_upaint.settings import ObjectSettings, PredictSettings
from napari_upaint.widgets._job_bridge import JobBridge
from napari_upaint.widgets._layers import Layers
from napari_upaint.widgets._model_list import read_choice
from napari_upaint.widgets._segmenting import Segmented, Segmenting, SegmentPlan, Target
from napari_upaint.widgets._sights import Sights


@dataclass(frozen=True, slots=True, eq=False)
class ComparePlan:
    """Which runs to compare on which plane, and how objects are made."""

    runs: tuple[Run, Run]
    target: Target
    settings: PredictSettings
    objects: ObjectSettings


class Comparing(QObject):
    """Segments a plane with two models in the engine process."""

    progress = Signal(float, str)
    ended = Signal(str)  # what there is to see; '' if it was stopped
    failed = Signal(str, str)

    def __init__(self, layers: Layers, bridge: JobBridge, sights: Sights, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers = layers
        self._plan: ComparePlan | None = None
        self._number = 0
        self._segmenting = Segmenting(bridge, sights, self)
        self._segmenting.progress.connect(self._tell)
        self._segmenting.segmented.connect(self._put)
        self._segmenting.ended.connect(self._following)

    @property
    def running(self) -> bool:
        """Whether two models are being compared."""
        return self._plan is not None

    def start(self, plan: ComparePlan) -> None:
        """Begin; returns at once."""
        self._plan, self._number = plan, 0
        self._segment()

    def stop(self) -> None:
        """Stop, and keep what is there."""
        self._segmenting.stop()

    def abandon(self) -> None:
        """End without a message: the dock closes."""
        self._plan = None
        self._segmenting.abandon()

    def _segment(self) -> None:
        plan = self._plan
        assert plan is not None
        model = plan.runs[self._number].model
        try:
            if model is None:
                raise UserError(f"'{plan.runs[self._number].name}' has no model of its own; select another run.")
            choice = read_choice(model)
        except UserError as error:
            self._end(failure=(str(error), ""))
            return
        self._segmenting.start(
            SegmentPlan((plan.target,), model, choice.kind, plan.settings, plan.objects, choice.ndim)
        )

    def _tell(self, fraction: float, words: str) -> None:
        self.progress.emit((self._number + fraction) / 2, f"Comparing: {words}")

    def _put(self, segmented: SegmentPlan, target: Target, result: PlaneResult) -> None:
        plan = self._plan
        if plan is None or target.index is None:
            return
        try:
            self._layers.compared.put(
                target.image, target.index, result, segmented.kind, self._number, label(plan.runs, self._number)
            )
        except (UserError, MemoryError) as error:  # the layer was closed meanwhile, or memory is short
            self._end(failure=(str(error) or "There is not enough memory to compare models on this image.", ""))

    def _following(self, summary: Segmented) -> None:
        if self._plan is None:
            return
        if summary.failures or summary.stopped:
            self._end(failure=summary.failures[0] if summary.failures else None)
        elif self._number == 0:
            self._number = 1
            self._segment()
        else:
            image = self._plan.target.image.name
            names = " and ".join(f"'{image}: {label(self._plan.runs, number)}'" for number in (0, 1))
            self._end(
                f"Compared: the layers {names} show what each model finds; switch them on and off with their eyes."
            )

    def _end(self, words: str = "", failure: tuple[str, str] | None = None) -> None:
        self._plan = None
        if failure is not None:
            self.failed.emit(*failure)
        else:
            self.ended.emit(words)


def label(runs: Sequence[Run], number: int) -> str:
    """Return what to call a run next to the other one: its name, with the time if both have the same."""
    run = runs[number]
    return run.name if runs[0].name != runs[1].name else f"{run.name} {run.date[11:19]}"
