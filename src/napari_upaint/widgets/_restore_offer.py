"""The question whether to bring back what was painted before."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMessageBox, QWidget

from napari_upaint.session.autosaves import Autosaved
from napari_upaint.widgets._offer import Offer, when
from napari_upaint.widgets._progress_line import grouped


class RestoreOffer(Offer):
    """Asks about a saved annotation."""

    discard_wanted = Signal(object)  # Autosaved

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            "upaintRestore",
            ("Restore", "Add what was painted as a labels layer; layers that are open stay as they are."),
            ("Discard", "Delete what was painted then, for good; you are asked once more."),
            parent,
        )
        self.restore_button, self.discard_button = self.accept_button, self.decline_button
        self.restore_wanted = self.accepted  # Autosaved
        self.declined.connect(self._ask_discard)

    def show_offer(self, saved: Autosaved | None) -> None:
        """Ask about a saved annotation, or about none."""
        words = f"Bring back what was painted on {when(saved.saved)}? ({grouped(saved.pixels)} pixels)" if saved else ""
        self.ask(saved, words)

    def offered(self) -> object | None:
        """Return what is asked about."""
        return self._thing

    def _ask_discard(self, saved: Autosaved) -> None:
        """Make sure: nothing brings it back, and the button stands beside the one that restores."""
        question = f"Delete what was painted on {when(saved.saved)} for good?"
        if QMessageBox.question(self, "Discard", question) == QMessageBox.StandardButton.Yes:
            self.discard_wanted.emit(saved)
