"""Look for interrupted trainings when an image is chosen or a training ends; continue one if the user says so."""

from __future__ import annotations

from qtpy.QtCore import QObject, Signal

from napari_upaint.session.interrupted import Interrupted, end_training, interrupted_trainings
from napari_upaint.widgets._background import Work
from napari_upaint.widgets._choosing import Choosing
from napari_upaint.widgets._offers import ResumeOffer
from napari_upaint.widgets._reasons import Situation, why_not_train
from napari_upaint.widgets._training import Training


class Resuming(QObject):
    """Connects the offer with the files of interrupted trainings. Files are looked for in a thread."""

    wanted = Signal(object)  # Interrupted: continue it

    def __init__(
        self, choosing: Choosing, training: Training, offer: ResumeOffer, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._choosing, self._training, self._offer = choosing, training, offer
        self._asked: tuple[str, tuple[int, ...], str] | None = None
        self._looking = Work(self, self._found)
        choosing.changed.connect(self._follow)
        training.failed.connect(self.look)
        training.ended.connect(self.look)
        offer.accepted.connect(self._continue)
        offer.declined.connect(self._discard)

    @property
    def busy(self) -> bool:
        """Whether files are being looked for."""
        return self._looking.busy

    def close(self) -> None:
        """Stop looking."""
        self._looking.forget()

    def allow(self, situation: Situation) -> None:
        """Enable or disable *Continue*, depending on what runs and what is painted."""
        self._offer.allow(why_not_train(situation))

    def _follow(self) -> None:
        image = self._choosing.image()
        asked = None if image is None else (image.name, image.shape, image.file)
        if asked != self._asked:
            self._asked = asked
            self._offer.show_offer(None)
            self.look()

    def look(self, *_: object) -> None:
        """Look for interrupted trainings on the chosen image."""
        self._looking.forget()
        if self._asked is not None:
            name, shape, file = self._asked
            self._looking.start(interrupted_trainings, name, shape, Training.checkpoints(), file)

    def _found(self, found: list[Interrupted]) -> None:
        self._offer.show_offer(found[0] if found and not self._training.running else None)

    def _continue(self, one: Interrupted) -> None:
        self._offer.show_offer(None)
        self.wanted.emit(one)

    def _discard(self, one: Interrupted) -> None:
        end_training(one.model)
        self._offer.show_offer(None)
        self.look()
