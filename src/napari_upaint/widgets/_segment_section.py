"""The fifth section: segment what is in view, the layer, or everything that is open; measure it."""

from __future__ import annotations

from typing import Literal

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QPushButton, QVBoxLayout, QWidget

from napari_upaint.settings import PredictSettings
from napari_upaint.widgets._dialogs import ask_file
from napari_upaint.widgets._form import tooltip
from napari_upaint.widgets._guide_row import GuideRow
from napari_upaint.widgets._progress_line import ProgressLine
from napari_upaint.widgets._reasons import allow
from napari_upaint.widgets._wrapping_row import wrapping_buttons

Extent = Literal["view", "layer", "all"]
_GOES_ON = (
    "Planes already segmented with this model and settings are kept; if none is missing, all are segmented again."
)
_TIPS: dict[Extent, str] = {
    "view": "Segment the plane that is in view; with a 3D model its volume, unless that is large. Key: Shift+P",
    "layer": "Segment every plane of the chosen image layer; with the box below ticked or a 3D model, every volume as a"
    f" whole.\n{_GOES_ON}",
    "all": f"Segment every open image layer; one that fails does not stop the others.\n{_GOES_ON}",
}
_TEXTS: dict[Extent, str] = {"view": "This view", "layer": "Whole layer", "all": "All open images"}
_MEASURE_TIP = (
    "Measure size, shape and gray values of each object, in the unit of the image.\n"
    "'Table' shows them; those of the plane in view become features of the labels layer, too."
)
_TABLE_TIP = "Show the measurements as a table below the image; a click on a row goes to its object."


class SegmentSection(QWidget):
    """Buttons by extent, one to stop, a row that tells where to paint next, boxes for stacks, buttons for the table."""

    wanted = Signal(str)  # extent
    stop_wanted = Signal()
    table_wanted = Signal(object)  # Path

    def __init__(self) -> None:
        super().__init__()
        self._running, self._table_why = False, ""
        self.buttons: dict[Extent, QPushButton] = {}
        for extent, text in _TEXTS.items():
            button = QPushButton(text)
            button.clicked.connect(lambda _=False, extent=extent: self.wanted.emit(extent))
            self.buttons[extent] = button
        self.stop_button = QPushButton("Stop")
        self.stop_button.setAccessibleName("Stop segmenting")
        self.stop_button.clicked.connect(self._stop)
        self.progress = ProgressLine(self.stop_button)
        self.measure_button = QPushButton("Measure")
        self.measure_stop_button = QPushButton("Stop", toolTip="Measure no more; there will be no table.")
        self.measure_stop_button.setAccessibleName("Stop measuring")
        self.measure_line = ProgressLine(self.measure_stop_button)
        self.measure_line.hide()
        self.table_button = QPushButton("Save table…")
        self.table_button.clicked.connect(self._ask_where)
        self.show_button = QPushButton("Table")
        self.show_button.setCheckable(True)
        self.show_button.toggled.connect(self._allow_table)
        self.table_name = "table"  # suggested for its file
        self.guide = GuideRow()
        declared = PredictSettings.__dataclass_fields__["volumes"].metadata
        self._volume_tip = tooltip(declared["tip"], declared["unit"])
        self.volume_box = QCheckBox(declared["label"])
        self.link_box = QCheckBox("Same number in all planes")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(wrapping_buttons(*self.buttons.values()))
        column.addWidget(self.progress)
        column.addWidget(self.guide)
        column.addWidget(self.volume_box)
        column.addWidget(self.link_box)
        column.addLayout(wrapping_buttons(self.measure_button, self.show_button, self.table_button))
        column.addWidget(self.measure_line)
        self.show_running(False)

    def allow(self, why: str) -> None:
        """Enable the buttons, or say why they are not (empty: enabled)."""
        for extent, button in self.buttons.items():
            allow(button, why, _TIPS[extent])
        if not self._running:
            self.progress.rest(why or "Ready to segment with the chosen model.")

    def allow_volumes(self, why: str) -> None:
        """Enable the box for volumes, or say why it has no effect (empty: enabled)."""
        allow(self.volume_box, why, self._volume_tip)

    def allow_measuring(self, why: str, table_why: str) -> None:
        """Enable the buttons of the table, or say why they are not (empty: enabled)."""
        allow(self.measure_button, why, _MEASURE_TIP)
        self._table_why = table_why
        self._allow_table()
        self.show_button.setToolTip(table_why or _TABLE_TIP)
        allow(self.table_button, table_why, "Write the measurements of all planes to a file (CSV).")

    def _allow_table(self) -> None:
        """Enable the button of the table: one that is open can be closed at any time."""
        self.show_button.setEnabled(not self._table_why or self.show_button.isChecked())

    def _ask_where(self) -> None:
        path, _kind = ask_file(self, "Save the table as", f"{self.table_name}.csv", "Tables (*.csv)")
        if path is not None:
            self.table_wanted.emit(path)

    def _stop(self) -> None:
        """Say that the stop was noticed: a large plane may end a few seconds later."""
        allow(self.stop_button, "Stopping.", "")
        self.progress.show_words("Stopping…")
        self.stop_wanted.emit()

    def show_running(self, running: bool) -> None:
        """Enable Stop while something runs."""
        self._running = running
        tip = "Stop and keep the planes that are done; the same button continues with the others."
        allow(self.stop_button, "" if running else "Nothing is being segmented.", tip)
