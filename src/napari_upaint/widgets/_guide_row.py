"""The row of the Segment section that guides: show the uncertainty, go to the place where paint would teach most."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_upaint.core.uncertainty import Method
from napari_upaint.widgets._form import never_by_wheel
from napari_upaint.widgets._reasons import allow
from napari_upaint.widgets._wrapped_label import WrappedLabel
from napari_upaint.widgets._wrapping_row import WrappingRow

_METHODS: dict[Method, str] = {
    "margin": "Margin: 1 minus the lead of the best class over the second; 0 is sure, 1 undecided.",
    "entropy": "Entropy: that of the scores, 0 (sure) to 1 (all classes alike); sees a third class, too.",
    "rotations": "Rotations: how much predictions for rotated images differ (twice the standard deviation, 0 to 1).\n"
    "Needs several rotations: small planes have them, others with Rotations above 1 in Settings > Prediction,\n"
    "volumes with 'Slices as a volume'.",
}
_SHOW_TIP = "Show how unsure the network is of each segmented pixel, 0 to 1, as a layer on the image."
_NEXT_TIP = (
    "Move the view to the most uncertain place that is not painted, and put a ring around it.\n"
    "Again: the next one, also in other planes that were segmented. Key: U"
)


class GuideRow(QWidget):
    """A check box with its method, a button, and a line that says what was found."""

    def __init__(self) -> None:
        super().__init__()
        self.show_box = QCheckBox("Uncertainty")
        self.show_box.setToolTip(_SHOW_TIP)
        self.methods = QComboBox()
        self.methods.setAccessibleName("Measure of uncertainty")
        for at, (method, tip) in enumerate(_METHODS.items()):
            self.methods.addItem(method, method)
            self.methods.setItemData(at, tip, Qt.ItemDataRole.ToolTipRole)
        self.methods.setToolTip("How uncertainty is measured.\n" + "\n".join(_METHODS.values()))
        never_by_wheel(self.methods)
        self.next_button = QPushButton("Where next?")
        self.found = WrappedLabel()
        # One line that is always there: a line that comes and goes would move everything below.
        self.found.setMinimumHeight(self.found.fontMetrics().height() + 2)  # a larger font may need two
        self.methods.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(WrappingRow(self.show_box, self.methods, self.next_button))
        column.addWidget(self.found)
        self.say("")
        self.allow("")

    def method(self) -> Method:
        """Return the chosen measure."""
        chosen: Method = self.methods.currentData()
        return chosen

    def say(self, words: str) -> None:
        """Show one line on what was found."""
        self.found.setText(words)
        self.found.setToolTip(words or "What 'Where next?' found is shown here.")

    def allow(self, why: str) -> None:
        """Enable the button, or say why it is not (empty: enabled)."""
        allow(self.next_button, why, _NEXT_TIP)
