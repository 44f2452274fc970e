"""The buttons *Measure* and *Save table…*: what they do, and what is said at the end."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from pathlib import Path

from qtpy.QtCore import QObject, Signal

from napari_upaint.errors import UserError
from napari_upaint.io.tables import write_table
from napari_upaint.widgets._background import Work
from napari_upaint.widgets._choosing import Choosing
from napari_upaint.widgets._layers import Layers
from napari_upaint.widgets._measured_objects import Measured, measure_planes
from napari_upaint.widgets._sections import Sections


class Tables(QObject):
    """Measures and writes in threads, one table at a time, and shows it on the labels layer."""

    changed = Signal()  # anything that decides which buttons work
    _read = Signal(int, int)  # planes, out of how many: crosses from the thread

    def __init__(self, layers: Layers, choosing: Choosing, sections: Sections, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers, self._choosing, self._message = layers, choosing, sections.message
        self._line, self._stopped = sections.segment.measure_line, threading.Event()
        self._read.connect(self._tell)
        sections.segment.measure_stop_button.clicked.connect(self._stop)
        self._measuring = Work(self, self._measured, self._failed)
        self._writing = Work(self, self._written, self._failed, writes=True)
        self._told: tuple[Hashable, str] | None = None  # labels that were measured, and what was said about them
        layers.untabled.connect(self.changed)
        layers.changed.connect(self._take_back)
        sections.segment.measure_button.clicked.connect(self.measure)
        sections.segment.table_wanted.connect(self.save)

    @property
    def running(self) -> bool:
        """Whether a table is being made or written."""
        return self._measuring.busy or self._writing.busy

    def abandon(self) -> None:
        """Stop measuring, without a message: the dock closes."""
        self._stopped.set()
        self._measuring.forget()

    def _stop(self) -> None:
        self.abandon()
        self._line.hide()
        self.changed.emit()

    def _tell(self, planes: int, total: int) -> None:
        if self._measuring.busy and total > 1:  # one plane takes no time
            self._line.show_fraction(planes / total, f"Measured {planes} of {total}")
            self._line.show()

    def segmented(self) -> bool:
        """Return whether the chosen image has labels that were made here."""
        image = self._choosing.image_key()
        return image is not None and self._layers.tables.segmented(image)

    def measured(self) -> Measured | None:
        """Return the measurements of the chosen image's labels, if there are any."""
        image = self._choosing.image_key()
        return self._layers.tables.table(image) if image is not None else None

    def measure(self) -> None:
        """Measure the labels of the chosen image."""
        image = self._choosing.image_key()
        plan = self._layers.tables.measurable(image) if image is not None else None
        if plan is not None and not self.running:
            self._message.clear()
            self._stopped = threading.Event()
            self._measuring.start(measure_planes, plan, self._stopped, self._read.emit)
            self.changed.emit()

    def save(self, path: Path) -> None:
        """Write the measurements of the chosen image's labels."""
        measured = self.measured()
        if measured is not None:
            self._writing.start(write_table, measured.table, path)
            self.changed.emit()

    def _measured(self, measured: Measured) -> None:
        self._line.hide()
        try:
            shown = self._layers.tables.show_table(measured)
        except UserError as error:  # the layer was closed meanwhile
            self._failed(str(error), "")
            return
        self.changed.emit()
        if shown:
            shows = "; 'Table' shows the measurements" if len(measured.table["label"]) else ""
            self._told = measured.labels, f"Measured {measured.words}{shows}."
            self._message.show_message(self._told[1])
        else:
            words = "The labels changed while they were measured; press 'Measure' again."
            self._message.show_message(words, "warning")

    def _take_back(self) -> None:
        """Take back what was said about labels that were closed."""
        if self._told is not None and not self._layers.tables.are_open(self._told[0]):
            self._message.take_back(self._told[1])
            self._told = None

    def _written(self, path: Path) -> None:
        self.changed.emit()
        self._message.show_message(f"Saved the table as {path}.")

    def _failed(self, sentence: str, details: str) -> None:
        self._line.hide()
        self.changed.emit()
        self._message.show_message(sentence, "error", details)
