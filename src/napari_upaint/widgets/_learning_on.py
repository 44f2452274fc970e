"""Supply a running training with what is painted meanwhile."""

from __future__ import annotations

from qtpy.QtCore import QObject, QTimer

from napari_upaint.core.sample import Sample
from napari_upaint.engine.progress import NewSamples, SamplesHeard
from napari_upaint.errors import UserError
from napari_upaint.widgets._background import Work
from napari_upaint.widgets._choosing import Choosing
from napari_upaint.widgets._gathering import PaintedImage, gather_for
from napari_upaint.widgets._layers import Layers
from napari_upaint.widgets._sections import Sections
from napari_upaint.widgets._working import Working

_PAUSE = 700  # milliseconds after the last stroke
_MISSED = "The last strokes came too late for this training; press Train to learn from them, too."
_GOES_ON = "The training goes on with what was painted before: "


class LearningOn(QObject):
    """Gathers what is painted, in a thread after the last stroke, and sends it to the running training."""

    def __init__(
        self,
        layers: Layers,
        choosing: Choosing,
        sections: Sections,
        working: Working,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._layers, self._choosing = layers, choosing
        self._box, self._message = sections.train.learn, sections.message
        self._training, self._gray_values = working.training, working.gray_values
        self._unsent = False  # whether something was painted since the samples were cut
        self._unanswered = False  # whether the training has not yet confirmed what was sent
        self._refused = ""  # the message if it was refused
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE)
        self._pause.timeout.connect(self._go)
        self._gathering = Work(self, self._send, self._refuse)
        for changed in (layers.edited, layers.regions.closed):
            changed.connect(self._edited)
        self._box.toggled.connect(self._toggled)
        self._training.samples_heard.connect(self._heard)
        self._training.ended.connect(self._ended)
        for ended in (self._training.failed, self._training.stopped):
            ended.connect(self.close)

    @property
    def busy(self) -> bool:
        """Whether new paint is on its way to the training."""
        return self._pause.isActive() or self._gathering.busy

    def close(self, *_: object) -> None:
        """Stop sending."""
        self._pause.stop()
        self._gathering.forget()
        self._unsent, self._unanswered, self._refused = False, False, ""

    def _edited(self) -> None:
        plan, chosen = self._training.plan, self._choosing.annotation()
        if plan is None or chosen is None or all(chosen.key != one.annotation.key for one in plan.painted):
            return
        self._unsent = True
        if self._box.isChecked():
            self._pause.start()

    def _toggled(self, on: bool) -> None:
        if on and self._unsent:
            self._pause.start()
        elif not on:
            self._pause.stop()

    def _go(self) -> None:
        plan = self._training.plan
        if plan is None:
            return
        if self._gathering.busy or not self._training.listening:
            self._pause.start()  # soon
            return
        painted = tuple(self._now(one) for one in plan.painted)
        self._unsent = False
        self._gathering.start(gather_for, plan.start, plan.settings, painted, plan.kind, self._gray_values.of)

    def _now(self, one: PaintedImage) -> PaintedImage:
        """Return what is painted by now: the array may have been replaced, and regions added."""
        try:
            return PaintedImage(one.image, self._layers.annotation(one.annotation.key, one.image.key))
        except UserError:  # closed: what was painted there is still learnt from
            return one

    def _send(self, samples: list[Sample]) -> None:
        if self._training.listening:
            self._unanswered = True
            self._training.send(NewSamples(tuple(samples)))

    def _heard(self, answer: SamplesHeard) -> None:
        self._unanswered = False
        if answer.problem:
            self._refuse(answer.problem)
        else:
            self._message.take_back(self._refused)
            self._refused = ""

    def _refuse(self, sentence: str, _details: str = "") -> None:
        if self._training.running:
            self._refused = _GOES_ON + sentence
            self._message.show_message(self._refused, "warning")

    def _ended(self, *_: object) -> None:
        missed = self._unsent or self._unanswered or self.busy
        self.close()
        if missed and self._box.isChecked():
            self._message.add(_MISSED)
