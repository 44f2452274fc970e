"""The fourth section: Train and Stop, the time for it, what else is learnt from, progress, the loss."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QSpinBox, QVBoxLayout, QWidget

from napari_upaint.engine.budget import LEFT_AFTER_PAINT
from napari_upaint.engine.progress import TrainProgress
from napari_upaint.settings import Preferences
from napari_upaint.widgets._form import never_by_wheel
from napari_upaint.widgets._listed import listed
from napari_upaint.widgets._loss_plot import LossPlot
from napari_upaint.widgets._offers import ResumeOffer
from napari_upaint.widgets._progress_line import ProgressLine, duration, left
from napari_upaint.widgets._reasons import allow
from napari_upaint.widgets._viewed import MOST
from napari_upaint.widgets._wrapping_row import WrappingRow

_TIP = "Learn from what is painted. Key: T (or Shift+T)"
_STOP_TIP = "Finish the training with the best model so far. Key: T (or Shift+T)"
_PREVIEW_TIP = (
    "Show what the model sees in the part of the image that is in view, as the layer '… preview': at once with the\n"
    "chosen model and, while a training runs, every few seconds with what it has learnt by then. It follows when you\n"
    f"pan, zoom or go to another slice; of a wide view it shows the middle, about {MOST} × {MOST} pixels of what the\n"
    "model sees. It takes about an eighth of the time. Key: Shift+L"
)
_LEARN_TIP = (
    "While a training runs, learn from what you paint, erase, fill or undo, too, a second after the last stroke.\n"
    f"After new paint, at least {LEFT_AFTER_PAINT:.0%} of the time above remains, so the training goes on as long as\n"
    "you paint and ends by itself some time later. A set number of steps (Settings) does not change."
)
_OTHERS_TIP = (
    "Train on what is painted on these images, too, so that one model knows them all:\n"
    "{names}.\n"
    "This includes labels made by 'New labels' or 'From masks', and others that you painted on;\n"
    "colour images are not learnt together with gray ones, nor objects together with classes."
)


class TrainSection(QWidget):
    """One button that trains or stops, and what there is to see meanwhile."""

    train_wanted = Signal()
    stop_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.running = self._stopping = False
        self._since: tuple[float, float] | None = None  # seconds and fraction at the first step
        self.button = QPushButton("Train")
        self.button.clicked.connect(self._clicked)
        self.undo_button = QPushButton("Undo")
        self.undo_button.setAccessibleName("Undo training")
        self.seconds = QSpinBox()
        declared = Preferences.__dataclass_fields__["seconds"].metadata
        self.seconds.setRange(declared["low"], declared["high"])
        self.seconds.setValue(Preferences().seconds)
        self.seconds.setSuffix(f" {declared['unit']}")
        self.seconds.setToolTip(
            "How long to train, in seconds (s). One minute is enough for most images; press Train again to go on."
        )
        self.seconds.setAccessibleName("Training time")
        never_by_wheel(self.seconds)
        self.offer = ResumeOffer()
        self.others = OthersBox()
        self.learn = QCheckBox("Keep learning while I paint", toolTip=_LEARN_TIP)
        self.preview = QCheckBox("Live preview", toolTip=_PREVIEW_TIP)
        self.progress = ProgressLine()
        self.plot = LossPlot()
        self._compose()

    def _compose(self) -> None:
        self.button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout()
        row.addWidget(self.button, 1)
        row.addWidget(QLabel("for"))
        row.addWidget(self.seconds)
        row.addWidget(self.undo_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.offer)
        column.addLayout(row)
        column.addWidget(self.others)
        column.addLayout(WrappingRow(self.learn, self.preview))
        column.addWidget(self.progress)
        column.addWidget(self.plot)

    def _clicked(self) -> None:
        (self.stop_wanted if self.running else self.train_wanted).emit()

    def allow(self, why: str) -> None:
        """Enable Train, or say why it cannot be pressed (empty: it can)."""
        if self._stopping:
            return
        if self.running:
            allow(self.button, "", _STOP_TIP)
        else:
            allow(self.button, why, _TIP)
            self.progress.rest(why or "Ready to learn from what is painted.")

    def show_running(self, running: bool) -> None:
        """Change between Train and Stop."""
        self.running, self._stopping, self._since = running, False, None
        self.button.setText("Stop" if running else "Train")
        self.seconds.setEnabled(not running)
        self.others.setEnabled(not running)
        if running:
            self.plot.clear(0.0)  # the first message tells the time, if not steps are counted
            self.progress.show_fraction(None, "Looking at what is painted…")

    def show_stopping(self) -> None:
        """Say that the stop was heard."""
        self._stopping = True
        allow(self.button, "Finishing with the best model so far.", "")
        self.progress.show_words("Stopping…")

    def show_progress(self, state: TrainProgress) -> None:
        """Show how far the training has got."""
        self.plot.budget = max(self.plot.budget, state.budget)  # it grows with new paint
        self.plot.add(state.seconds, state.loss, state.validation)
        if self._stopping:
            return  # the line says so, and must go on saying it
        words = state.stage[:1].upper() + state.stage[1:]
        rest = f"{duration(state.budget - state.seconds)} left" if state.budget > 0 else ""
        if state.step:
            words += f", step {state.step}"
            began, first = self._since = self._since or (state.seconds, state.fraction)
            rest = rest or left(state.seconds - began, state.fraction - first, 1 - state.fraction)
        self.progress.show_fraction(state.fraction, ", ".join(filter(None, (words, rest))))


class OthersBox(QCheckBox):
    """Whether paint on other images is learnt from, too: ticked at first, and hidden as long as there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.setChecked(True)
        self.hide()

    def show_others(self, names: Sequence[str]) -> None:
        """Say how many other images are painted, and which."""
        images = "1 other image" if len(names) == 1 else f"{len(names)} other images"
        self.setText(f"Learn {images}, too")
        self.setToolTip(_OTHERS_TIP.format(names=listed(names)))
        self.setVisible(bool(names))
