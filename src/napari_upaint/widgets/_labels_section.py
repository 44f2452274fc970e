"""The second section: what is painted, on which layer, and which label the brush paints."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from qtpy.QtCore import QSize, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QPushButton, QRadioButton, QVBoxLayout, QWidget

from napari_upaint.core.colours import label_colour
from napari_upaint.settings import Kind
from napari_upaint.widgets._layer_combo import LayerCombo
from napari_upaint.widgets._offers import RestoreOffer
from napari_upaint.widgets._painted_list import PaintedList
from napari_upaint.widgets._progress_line import ProgressLine
from napari_upaint.widgets._reasons import allow
from napari_upaint.widgets._wrapped_label import WrappedLabel
from napari_upaint.widgets._wrapping_row import WrappingRow, wrapping_buttons

_MEANING: dict[Kind, str] = {
    "objects": "0 = unlabelled (ignored); 1 = background; 2, 3, 4, … = objects, one number for each",
    "classes": "0 = unlabelled (ignored); 1 = background; 2, 3, 4, … = classes, one number for each",
}
# For labels that were corrected by hand: by kind, as above.
_RESULT: dict[Kind, str] = {
    "objects": "A corrected result: 0 = background; 1, 2, 3, … = objects, one number for each",
    "classes": "A corrected result: 0 = background; 1, 2, 3, … = classes, one number for each",
}
# Shown for labels that may be a finished segmentation: its first object would be learnt as background.
_MAY_BE_MASKS = ". Finished masks, in which 0 is background? Press 'From masks'."
_DRAW_TIP = (
    "Drag a rectangle in which everything is annotated: what is not painted inside counts as background.\n"
    "It lies on the plane in view. What you painted is not changed. Key: Shift+R"
)
_TURN_TIP = (
    "Turn the selected region, or the one drawn last, into 'validation only' and back: what is painted inside\n"
    "is not learnt from, but tests how good the model is. Key: Shift+O"
)
_MASKS = (
    "If the chosen layer is a finished segmentation, in which 0 is background and objects or classes begin with 1:\n"
    "make labels from it that can be learnt from. The layer itself stays as it is."
)
_AWAY = "No brush: these labels are not selected in napari's list of layers."
_PAINT_ON = "Select the labels again, and pick up the brush with the number that it had."


class LabelsSection(QWidget):
    """Labels layer, *New labels*, objects or classes, *From masks*, brush buttons, painted pixels."""

    chosen = Signal(object)  # key of the labels layer, or None
    picked = Signal(object)  # the same, when the user picked it
    kind_changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._corrected = self._masks = False
        self.combo = LayerCombo("none yet")
        self.combo.setAccessibleName("Labels layer that is painted on")
        self.combo.keyChanged.connect(self.chosen)
        self.combo.activated.connect(lambda _: self.picked.emit(self.combo.key()))
        self.new_button = QPushButton("New labels")
        self.masks_button = QPushButton("From masks")
        self.masks_stop_button = QPushButton("Stop", toolTip="Make no labels from these masks.")
        self.masks_stop_button.setAccessibleName("Stop making labels from masks")
        self.masks_line = ProgressLine(self.masks_stop_button)
        self.masks_line.hide()
        self.objects = QRadioButton("Objects")
        self.classes = QRadioButton("Classes")
        # napari's style puts icon and text side by side without a gap.
        self.background_button = QPushButton(" Background")
        self.next_button = QPushButton(" Next object")
        self.paint_on_button = QPushButton("Paint on", toolTip=_PAINT_ON)
        self._meaning = WrappedLabel()
        self.offer = RestoreOffer()
        self.painted = PaintedList()
        self.regions = RegionRow()
        self._explain_kinds()
        self._compose()
        self.objects.setChecked(True)
        self._show_kind()
        self.objects.toggled.connect(self._show_kind)

    def _explain_kinds(self) -> None:
        self.objects.setToolTip(
            "Every number from 2 up is one object of the same class, for instance one nucleus.\n"
            "Touching objects are kept apart."
        )
        self.classes.setToolTip("Every number from 2 up is a class of pixels, for instance nucleus, membrane, vesicle.")

    def _compose(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.combo, 1)
        top.addWidget(self.new_button)
        self.away = QWidget()
        row = QHBoxLayout(self.away)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(WrappedLabel(_AWAY), 1)
        row.addWidget(self.paint_on_button)
        group = QButtonGroup(self)
        paint = QWidget()
        kinds = QHBoxLayout(paint)
        kinds.setContentsMargins(0, 0, 0, 0)
        kinds.addWidget(QLabel("I paint"))
        for button in (self.objects, self.classes):
            group.addButton(button)
            kinds.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.offer)
        column.addLayout(top)
        column.addLayout(WrappingRow(paint, self.masks_button))
        column.addWidget(self.masks_line)
        column.addLayout(wrapping_buttons(self.background_button, self.next_button))
        column.addWidget(self.regions)
        column.addWidget(self.away)  # below the buttons that make it come and go
        column.addWidget(self._meaning)
        column.addWidget(self.painted)

    def kind(self) -> Kind:
        """Return whether objects or classes are painted."""
        return "objects" if self.objects.isChecked() else "classes"

    def set_kind(self, kind: Kind) -> None:
        """Choose objects or classes."""
        (self.objects if kind == "objects" else self.classes).setChecked(True)

    def _show_kind(self, *_: object) -> None:
        kind = self.kind()
        self._show_meaning()
        self.next_button.setText(" Next object" if kind == "objects" else " Next class")
        self.kind_changed.emit()

    def show_corrected(self, corrected: bool, masks: bool = False) -> None:
        """Say what the numbers of the chosen labels mean: those of a result are not paint, and are not counted.

        If they may be `masks`, say what to do then.
        """
        self._corrected, self._masks = corrected, masks and not corrected
        self.painted.setVisible(not corrected)
        self._show_meaning()

    def _show_meaning(self) -> None:
        meaning = (_RESULT if self._corrected else _MEANING)[self.kind()]
        self._meaning.setText(meaning + _MAY_BE_MASKS * self._masks)

    def show_painted(
        self, pixels: Mapping[int, int], selected: int, following: int, colours: Mapping[int, str]
    ) -> None:
        """Show painted pixels per label, which label the brush paints, and which one comes next."""
        self.painted.show_pixels(pixels, self.kind(), selected, colours)
        self.background_button.setIcon(swatch(colours.get(1, label_colour(1))))
        self.next_button.setIcon(swatch(colours.get(following, label_colour(following))))

    def allow(self, new_why: str, masks_why: str, brush_why: str, in_hand: bool) -> None:
        """Enable the buttons, or say why they are not (empty: enabled), and where the brush is if not `in_hand`."""
        self.away.setVisible(not in_hand and not brush_why)
        allow(self.new_button, new_why, "Add an empty labels layer on the image, with the brush in hand.")
        allow(self.masks_button, masks_why, _MASKS)
        what = "object" if self.kind() == "objects" else "class"
        following = f"Pick up the brush for a new {what}: the number after the highest painted one. Key: N"
        allow(self.background_button, brush_why, "Pick up the brush for the background (label 1). Key: Shift+B")
        allow(self.next_button, brush_why, following)


class RegionRow(QWidget):
    """Two buttons: draw a fully annotated region, turn it into one for validation only."""

    def __init__(self) -> None:
        super().__init__()
        self.draw_button, self.turn_button = QPushButton("Annotated region"), QPushButton("Validation only")
        self.setLayout(wrapping_buttons(self.draw_button, self.turn_button))
        self.allow("", "")

    def allow(self, draw_why: str, turn_why: str) -> None:
        """Enable the buttons, or say why they are not (empty: enabled)."""
        for button, why, tip in ((self.draw_button, draw_why, _DRAW_TIP), (self.turn_button, turn_why, _TURN_TIP)):
            allow(button, why, tip)


def next_label(painted: Collection[int], highest: int) -> int:
    """Return the label that follows the highest painted one, at least 2, if that is not above `highest`.

    Otherwise (masks of 0 and 255) return the first from 2 up that is not painted; if all are, `highest` + 1.
    """
    following = max([1, *painted]) + 1
    free = (label for label in range(2, highest + 1) if label not in painted)
    return following if following <= highest else next(free, following)


def swatch(colour: str) -> QIcon:
    """Return a square of a colour as an icon."""
    pixmap = QPixmap(QSize(12, 12))
    pixmap.fill(QColor(colour))
    return QIcon(pixmap)
