"""Two check boxes of the Train section: what happens while a training runs, and what is seen of it."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QWidget

from napari_upaint.engine.budget import LEFT_AFTER_PAINT
from napari_upaint.widgets._viewed import MOST
from napari_upaint.widgets._wrapping_row import WrappingRow

_PREVIEW_TIP = (
    "Show what the model sees in the part of the image that is in view, as the layer '… preview': at once with the\n"
    "chosen model and, while a training runs, every few seconds with what it has learnt by then. It follows when you\n"
    f"pan, zoom or go to another slice; of a wide view it shows the middle, about {MOST} × {MOST} pixels of what the\n"
    "model sees. It takes about an eighth of the time. Key: Shift+L"
)
_LEARN_TIP = (
    "While a training runs, learn from what you paint, erase, fill or undo, too, a second after the last stroke.\n"
    f"After new paint at least {LEFT_AFTER_PAINT:.0%} of the time above is left again, so the training goes on for as\n"
    "long as you paint and ends by itself some time after. A number of steps (Settings) stays what it is."
)


class LiveSection(QWidget):
    """Live preview, and to keep learning while painting."""

    preview_toggled = Signal(bool)
    learn_toggled = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.preview = QCheckBox("Live preview")
        self.preview.setToolTip(_PREVIEW_TIP)
        self.preview.toggled.connect(self.preview_toggled)
        self.learn = QCheckBox("Keep learning while I paint")
        self.learn.setToolTip(_LEARN_TIP)
        self.learn.toggled.connect(self.learn_toggled)
        WrappingRow(self.learn, self.preview, parent=self)
