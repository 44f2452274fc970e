"""What runs, and which buttons work meanwhile; trainings, from the button to the message at their end."""

from __future__ import annotations

from dataclasses import replace

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QPushButton

from napari_upaint.errors import UserError
from napari_upaint.session.history import find_start
from napari_upaint.session.interrupted import Interrupted
from napari_upaint.widgets import _reasons as reasons
from napari_upaint.widgets._choosing import Choosing
from napari_upaint.widgets._dialogs import once_more
from napari_upaint.widgets._job_bridge import JobBridge
from napari_upaint.widgets._layers import Layers
from napari_upaint.widgets._message import MessageKind
from napari_upaint.widgets._other_paint import OtherPaint
from napari_upaint.widgets._per_image import GrayValues
from napari_upaint.widgets._results import Results
from napari_upaint.widgets._sections import Sections
from napari_upaint.widgets._sights import Sights
from napari_upaint.widgets._sources import ImageSource
from napari_upaint.widgets._tables import Tables
from napari_upaint.widgets._training import Trained, Training, TrainPlan
from napari_upaint.widgets._volumes import misfit, why_no_choice
from napari_upaint.widgets._words import after_training


class Working(QObject):
    """Connects the buttons of the lower sections with the engine process, and its results with the layers."""

    situation_changed = Signal(object)  # Situation

    def __init__(
        self, layers: Layers, choosing: Choosing, sections: Sections, bridge: JobBridge, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._layers, self._choosing, self._sections = layers, choosing, sections
        self.gray_values = gray_values = GrayValues()
        self.sights = Sights(gray_values)
        self.training = Training(bridge, gray_values, self)
        self.results = Results(layers, choosing, sections, bridge, self.sights, self)
        self.results.failed.connect(self.fail)
        self.results.changed.connect(self._allow)
        self.others = OtherPaint(layers, choosing, sections, self)
        self.others.changed.connect(self._allow)
        self.tables = Tables(layers, choosing, sections, self)
        self.tables.changed.connect(self._allow)
        choosing.changed.connect(self._allow)
        choosing.failed.connect(self.fail)
        sections.model.chosen.connect(self._allow)
        sections.model.refused.connect(self.fail)
        sections.model.said.connect(sections.message.show_message)
        sections.settings.train.valueChanged.connect(self._allow)
        self._connect_training()
        self._allow()

    def _connect_training(self) -> None:
        section = self._sections.train
        section.train_wanted.connect(self.train)
        section.stop_wanted.connect(self.stop_training)
        self.training.progress.connect(section.show_progress)
        self.training.ended.connect(self._trained)
        self.training.failed.connect(self._training_failed)
        self.training.unsaved.connect(self._training_unsaved)
        self.training.stopped.connect(self._training_stopped)

    @property
    def busy(self) -> bool:
        """Whether anything runs, or results are still on their way into the layers."""
        running = self.training.running or self.results.running
        return running or self.results.relabelling.busy or self.tables.running

    def close(self) -> None:
        """Stop everything."""
        self.results.close()
        self.others.close()
        self.training.abandon()
        self.tables.abandon()
        # The dock may be shown again, as it is.
        self._sections.train.show_running(False)
        self._sections.segment.show_running(False)
        self._allow()

    # -- which buttons work --------------------------------------------------------------------------------------

    def _allow(self) -> None:
        running = {"training": self.training.running, "segmenting": self.results.running}
        now = next((name for name, runs in running.items() if runs), "")
        image = self._choosing.image()
        situation = replace(
            self._choosing.situation(),
            model=self._sections.model.choice().path is not None,
            others=self.others.labels(),
            misfit=self._misfit(image),
            segmented=self.tables.segmented(),
            measuring=self.tables.running,
            measured=self.tables.measured() is not None,
            activity=now,
        )
        self._sections.labels.allow(
            reasons.why_not_new_labels(situation),
            reasons.why_not_take_masks(situation),
            reasons.why_not_paint(situation),
            situation.in_hand,
        )
        self._sections.train.allow(reasons.why_not_train(situation))
        segment = self._sections.segment
        segment.table_name = f"{image.name} objects" if image is not None else "objects"
        segment.allow(reasons.why_not_segment(situation))
        segment.allow_volumes(why_no_choice(image, self._sections.model.choice().ndim))
        self._sections.weights.allow(reasons.why_not_weigh(situation), reasons.why_not_train(situation))
        segment.allow_measuring(reasons.why_not_measure(situation), reasons.why_not_save_table(situation))
        self.situation_changed.emit(situation)

    def _misfit(self, image: ImageSource | None) -> str:
        choice = self._sections.model.choice()
        return misfit(self._sections.ndim(), image, choice.name if choice.path is not None else "")

    def train_or_stop(self) -> None:
        """Do what the Train button would do now."""
        self._press(self._sections.train.button)

    def segment_view(self) -> None:
        """Do what the button 'This view' would do now."""
        self._press(self._sections.segment.buttons["view"])

    def _press(self, button: QPushButton) -> None:
        if button.isEnabled():
            button.click()
        else:
            self._sections.message.refuse(button)

    # -- training ------------------------------------------------------------------------------------------------

    def train(self) -> None:
        """Learn from what is painted."""
        plan = self.plan()
        if plan is not None and not self.training.running:
            self._begin(plan)

    def plan(self) -> TrainPlan | None:
        """Return what a training would learn from now, and how; None without image or labels."""
        chosen, s = self._choosing.painted(), self._sections
        if chosen is None:
            return None
        start, weights, augment = s.model.choice().path, s.settings.weights.value(), s.settings.augment.value()
        painted = (chosen, *self.others.learnt())
        return TrainPlan(painted, self._choosing.kind(), start, s.train_settings(), weights, augment)

    def continue_training(self, interrupted: Interrupted) -> None:
        """Continue an interrupted training, for the time that was left."""
        chosen, asked = self._choosing.painted(), interrupted.asked
        if chosen is None or self.training.running:
            return
        if (self._layers.kinds.of(chosen.annotation.key) or asked.kind) != asked.kind:
            self.fail(f"The interrupted training learnt {asked.kind}; choose the labels that it learnt.")
            return
        try:
            start = find_start(asked.start)
        except UserError as error:
            self.fail(str(error))
            return
        self._sections.labels.set_kind(asked.kind)
        painted, how = (chosen, *self.others.learnt()), (interrupted.remaining(), asked.weights, asked.augment)
        self._begin(TrainPlan(painted, asked.kind, start, *how, interrupted))

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
        self.results.show_view()

    def _training_failed(self, sentence: str, details: str) -> None:
        self._training_over()
        self.fail(sentence, details)

    def _training_unsaved(self, sentence: str, details: str) -> None:
        """Keep what was learnt in memory until it is saved, or the user does without it."""
        problem = (
            f"The training has ended, and its result is not saved yet. {sentence} Press Retry then; Discard gives up"
            " what was learnt."
        )
        if once_more(self._sections.train, "Save the training", problem):
            self.training.save()
        else:
            self.training.fail(sentence, details)

    def _training_stopped(self) -> None:
        self._training_over()
        self._sections.message.show_message("Stopped before the first step; the model is as it was.")

    def _training_over(self) -> None:
        self._sections.train.show_running(False)
        self._allow()

    # -- words ---------------------------------------------------------------------------------------------------

    def fail(self, sentence: str, details: str = "", kind: MessageKind = "error") -> None:
        """Show a sentence in the message line."""
        self._sections.message.show_message(sentence, kind, details)
