"""What runs: training, segmenting. One at a time, each with its words at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QPushButton

from napari_upaint.engine.progress import PlaneResult
from napari_upaint.errors import UserError
from napari_upaint.session.history import find_start
from napari_upaint.session.interrupted import Interrupted
from napari_upaint.session.run import Run
from napari_upaint.widgets import _reasons as reasons
from napari_upaint.widgets._choosing import Choosing
from napari_upaint.widgets._comparing import ComparePlan, Comparing
from napari_upaint.widgets._job_bridge import JobBridge
from napari_upaint.widgets._layers import Layers
from napari_upaint.widgets._measured import MeasuredImages
from napari_upaint.widgets._memory import results_fit
from napari_upaint.widgets._message import MessageKind
from napari_upaint.widgets._other_paint import OtherPaint
from napari_upaint.widgets._relabelling import Relabelling
from napari_upaint.widgets._sections import Sections
from napari_upaint.widgets._segment_section import Extent
from napari_upaint.widgets._segmenting import Segmented, Segmenting, SegmentPlan, Target
from napari_upaint.widgets._tables import Tables
from napari_upaint.widgets._training import Trained, Training, TrainPlan
from napari_upaint.widgets._turns import Turns
from napari_upaint.widgets._volumes import misfit, volumes_fit
from napari_upaint.widgets._words import after_segmenting, after_training


class Working(QObject):
    """Connects the buttons of the lower sections with the engine process and its results with the layers."""

    situation_changed = Signal(object)  # Situation

    def __init__(
        self, layers: Layers, choosing: Choosing, sections: Sections, bridge: JobBridge, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._layers, self._choosing, self._sections, self._bridge = layers, choosing, sections, bridge
        self._quiet = False  # a segmentation that nobody asked for does not speak
        self._turns = Turns(self)
        self.measured = measured = MeasuredImages()
        self.training = Training(bridge, measured, self)
        self.segmenting = Segmenting(bridge, measured, self)
        self.comparing = Comparing(layers, bridge, measured, self)
        self.relabelling = Relabelling(layers, sections.settings, self)
        self.relabelling.failed.connect(self.fail)
        self.relabelling.relabelled.connect(self._allow)
        self.others = OtherPaint(layers, choosing, sections, self)
        self.others.changed.connect(self._allow)
        self.tables = Tables(layers, choosing, sections, self)
        self.tables.changed.connect(self._allow)
        choosing.changed.connect(self._allow)
        choosing.failed.connect(self.fail)
        sections.model.chosen.connect(self._allow)
        sections.model.refused.connect(self.fail)
        sections.settings.train.valueChanged.connect(self._allow)
        self._connect_training()
        self._connect_segmenting()
        self._allow()

    def _connect_training(self) -> None:
        section = self._sections.train
        section.train_wanted.connect(self.train)
        section.stop_wanted.connect(self.stop_training)
        self.training.progress.connect(section.show_progress)
        self.training.ended.connect(self._trained)
        self.training.failed.connect(self._training_failed)
        self.training.stopped.connect(self._training_stopped)

    def _connect_segmenting(self) -> None:
        section = self._sections.segment
        section.wanted.connect(self.segment)
        section.stop_wanted.connect(self.segmenting.stop)
        self.segmenting.progress.connect(section.progress.show_fraction)
        section.stop_wanted.connect(self.comparing.stop)
        self.comparing.progress.connect(section.progress.show_fraction)
        self.comparing.ended.connect(self._compared)
        self.comparing.failed.connect(self._compared)
        self.segmenting.segmented.connect(self._plane_segmented)
        self.segmenting.ended.connect(self._segmenting_ended)

    @property
    def busy(self) -> bool:
        """Whether anything runs, or results are still on their way into the layers."""
        running = self.training.running or self.segmenting.running or self.comparing.running
        return running or self.relabelling.busy or self.tables.running or len(self._turns) > 0

    def labelling(self) -> bool:
        """Return whether labels of what was segmented are about to change."""
        return self.segmenting.running or self.relabelling.busy or len(self._turns) > 0

    def close(self) -> None:
        """Stop everything and end the engine process."""
        self._turns.clear()
        self.relabelling.close()
        self.others.close()
        for work in (self.training, self.segmenting, self.comparing, self.tables):
            work.abandon()
        self._bridge.close()

    # -- which buttons work --------------------------------------------------------------------------------------

    def _allow(self) -> None:
        running = {
            "training": self.training.running,
            "segmenting": self.segmenting.running or self.comparing.running or len(self._turns) > 0,
        }
        now = next((name for name, runs in running.items() if runs), "")
        image = self._choosing.image()
        situation = replace(
            self._choosing.situation(),
            model=self._sections.model.choice().path is not None,
            others=self.others.labels(),
            misfit=self._misfit(),
            segmented=self.tables.segmented(),
            measuring=self.tables.running,
            measured=self.tables.measured() is not None,
            activity=now,
        )
        self._sections.labels.allow(
            reasons.why_not_new_labels(situation),
            reasons.why_not_take_masks(situation),
            reasons.why_not_paint(situation),
        )
        self._sections.train.allow(reasons.why_not_train(situation))
        segment = self._sections.segment
        segment.table_name = f"{image.name} objects" if image is not None else "objects"
        segment.allow(reasons.why_not_segment(situation))
        self._sections.weights.allow(reasons.why_not_weigh(situation), reasons.why_not_train(situation))
        segment.allow_measuring(reasons.why_not_measure(situation), reasons.why_not_save_table(situation))
        self.situation_changed.emit(situation)

    def _misfit(self) -> str:
        choice = self._sections.model.choice()
        return misfit(self._sections.ndim(), self._choosing.image(), choice.name if choice.path is not None else "")

    def _press(self, button: QPushButton) -> None:
        if button.isEnabled():
            button.click()
        else:
            self.fail(button.toolTip(), kind="warning")

    # -- training ------------------------------------------------------------------------------------------------

    def train_or_stop(self) -> None:
        """Do what the Train button would do now."""
        self._press(self._sections.train.button)

    def train(self) -> None:
        """Learn from what is painted."""
        image, annotation, s = self._choosing.image(), self._choosing.annotation(), self._sections.settings
        if image is None or annotation is None or self.training.running:
            return
        settings = s.train.value(seconds=float(self._sections.train.seconds.value()))
        start = self._sections.model.choice().path
        how = settings, s.weights.value(), s.augment.value(), self.others.learnt()
        self._begin(TrainPlan(image, annotation, self._choosing.kind(), start, *how))

    def continue_training(self, interrupted: Interrupted) -> None:
        """Go on with a training that was interrupted, for the time that was left."""
        image, annotation, asked = self._choosing.image(), self._choosing.annotation(), interrupted.asked
        if image is None or annotation is None or self.training.running:
            return
        try:
            start = find_start(asked.start)
        except UserError as error:
            self.fail(str(error))
            return
        self._sections.labels.set_kind(asked.kind)
        how = interrupted.remaining(), asked.weights, asked.augment, self.others.learnt()
        self._begin(TrainPlan(image, annotation, asked.kind, start, *how, resume=interrupted))

    def _begin(self, plan: TrainPlan) -> None:
        self._sections.message.clear()
        self.training.start(plan)
        self._sections.train.show_running(True)
        self._allow()

    def stop_training(self) -> None:
        """Finish with the best model so far."""
        self._sections.train.show_stopping()
        self.training.stop()

    def _trained(self, trained: Trained) -> None:
        self._training_over()
        if trained.path is not None:
            self._sections.model.refresh()
            self._sections.model.choose(trained.path)
        self._sections.message.show_message(after_training(trained))
        self.show_view()

    def show_view(self) -> None:
        """Segment what is in view with the chosen model, without a word: another one was chosen."""
        if self._choosing.image() is not None:
            self._segment("view", quiet=True)

    def _training_failed(self, sentence: str, details: str) -> None:
        self._training_over()
        self.fail(sentence, details)

    def _training_stopped(self) -> None:
        self._training_over()
        self._sections.message.show_message("Stopped before the first step; the model is as it was.")

    def _training_over(self) -> None:
        self._sections.train.show_running(False)
        self._allow()

    # -- segmenting ----------------------------------------------------------------------------------------------

    def segment_view(self) -> None:
        """Do what the button 'This view' would do now."""
        self._press(self._sections.segment.buttons["view"])

    def segment(self, extent: Extent) -> None:
        """Segment the plane in view, the layer, or all open layers."""
        self._sections.message.clear()
        self._segment(extent, quiet=False)

    def _segment(self, extent: Extent, quiet: bool) -> None:
        choice, s = self._sections.model.choice(), self._sections.settings
        targets = self._targets(extent)
        if choice.path is None or not targets or self.segmenting.running:
            return
        if extent != "view":
            try:
                results_fit(target.image for target in targets)
                if choice.ndim == 3:
                    volumes_fit(target.image for target in targets)
            except UserError as error:
                self.fail(str(error))
                return
        self._quiet = quiet
        plan = SegmentPlan(targets, choice.path, choice.kind, s.predict.value(), s.objects.value(), choice.ndim)
        self.segmenting.start(plan)
        self._sections.segment.show_running(True)
        self._allow()

    def _targets(self, extent: Extent) -> tuple[Target, ...]:
        if extent == "all":
            return tuple(Target(self._layers.image(choice.key)) for choice in self._layers.images())
        image = self._choosing.image()
        if image is None:
            return ()
        return (Target(image, self._layers.index_in_view(image.key) if extent == "view" else None),)

    def _plane_segmented(self, plan: SegmentPlan, target: Target, result: PlaneResult) -> None:
        index = target.index
        assert index is not None

        def put(what: Callable[[], None]) -> None:
            try:
                what()
            except UserError as error:  # the layer was closed meanwhile, or memory is short
                self._no_place(plan, str(error))

        self._turns.add(
            partial(put, partial(self._layers.put_labels, target.image, index, result, plan.kind)),
            partial(put, partial(self._layers.put_scores, target.image, index, result, plan.kind, plan.objects)),
        )

    def _no_place(self, plan: SegmentPlan, sentence: str) -> None:
        if len(plan.targets) == 1:
            self.segmenting.stop()
        self._quiet = True
        self.fail(sentence, kind="warning")

    def compare(self, runs: Sequence[Run]) -> None:
        """Segment what is in view with the models of two runs."""
        targets, s = self._targets("view"), self._sections.settings
        if targets and len(runs) == 2 and not self.comparing.running:
            self._sections.message.clear()
            self._sections.segment.show_running(True)
            # The older one first: then and now.
            self.comparing.start(ComparePlan((runs[1], runs[0]), targets[0], s.predict.value(), s.objects.value()))
            self._allow()

    def _compared(self, words: str, details: str | None = None) -> None:
        self._sections.segment.show_running(False)
        self._allow()
        self._sections.message.show_message(words, "info" if details is None else "error", details or "")

    def _segmenting_ended(self, summary: Segmented) -> None:
        self._turns.add(partial(self._segmenting_over, summary))

    def _segmenting_over(self, summary: Segmented) -> None:
        self._sections.segment.show_running(False)
        self._allow()
        self.relabelling.ask()  # the settings may have changed meanwhile
        if summary.failures or not self._quiet:
            self._sections.message.show_message(*after_segmenting(summary))

    # -- words ---------------------------------------------------------------------------------------------------

    def fail(self, sentence: str, details: str = "", kind: MessageKind = "error") -> None:
        """Show a sentence in the message line."""
        self._sections.message.show_message(sentence, kind, details)
