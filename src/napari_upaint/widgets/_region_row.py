"""Two buttons in the Paint section: draw a fully annotated region, turn it into one that judges only."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QWidget

from napari_upaint.widgets._wrapping_row import wrapping_buttons

_DRAW = (
    "Drag a rectangle in which everything is annotated: what is not painted inside counts as background.\n"
    "It lies on the plane in view. What you painted is not changed. Key: Shift+R"
)
_TURN = (
    "Turn the selected region, or the one drawn last, into 'validation only' and back: what is painted inside\n"
    "is not learnt, but tells how good the model is. Key: Shift+O"
)


class RegionRow(QWidget):
    """Buttons for regions."""

    draw_wanted = Signal()
    turn_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.draw_button, self.turn_button = QPushButton("Annotated region"), QPushButton("Validation only")
        self.draw_button.clicked.connect(self.draw_wanted)
        self.turn_button.clicked.connect(self.turn_wanted)
        self.setLayout(wrapping_buttons(self.draw_button, self.turn_button))
        self.allow("", "")

    def allow(self, draw_why: str, turn_why: str) -> None:
        """Enable the buttons, or say why they are not (empty: enabled)."""
        for button, why, tip in ((self.draw_button, draw_why, _DRAW), (self.turn_button, turn_why, _TURN)):
            button.setEnabled(not why)
            button.setToolTip(why or tip)
