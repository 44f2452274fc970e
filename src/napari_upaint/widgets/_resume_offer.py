"""The question whether to continue an interrupted training."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from napari_upaint.session.interrupted import Interrupted
from napari_upaint.widgets._offer import Offer, when
from napari_upaint.widgets._progress_line import duration, steps


class ResumeOffer(Offer):
    """Asks about an interrupted training."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            "upaintResume",
            ("Continue", "Go on with the training from the last weights that were saved, for the time that was left."),
            ("Discard", "Delete what this training had learned, for good; the models in the list stay."),
            parent,
        )

    def show_offer(self, one: Interrupted | None) -> None:
        """Ask about an interrupted training, or about none."""
        if one is None:
            self.ask(None, "")
            return
        settings = one.asked.settings
        total = f"{settings.steps} steps" if settings.steps else duration(settings.seconds)
        self.ask(
            one,
            f"A training was interrupted on {when(one.saved)}. Continue it? ({steps(one.steps)} in"
            f" {duration(one.seconds)} of {total} are saved.)",
        )
