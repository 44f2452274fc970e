"""The table of objects below the image: a click on a row shows its object, a click on an object its row."""

from __future__ import annotations

import contextlib
from collections.abc import Hashable

import numpy as np
from napari.viewer import Viewer
from qtpy.QtCore import QEvent, QObject, QPoint, QRect, Signal
from qtpy.QtWidgets import QDockWidget, QWidget

from napari_upaint.errors import UserError
from napari_upaint.widgets._choosing import Choosing
from napari_upaint.widgets._layers import Layers
from napari_upaint.widgets._measured_objects import Measured
from napari_upaint.widgets._object_table import ObjectTable
from napari_upaint.widgets._screen import screen_of
from napari_upaint.widgets._tables import Tables

_ROOM = 760  # pixels


class TableWindow(QObject):
    """Opens and closes the table, and keeps it in step with the layers and what was measured."""

    opened = Signal(bool)

    def __init__(
        self, viewer: Viewer, layers: Layers, choosing: Choosing, tables: Tables, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._layers, self._tables = viewer, layers, tables
        self.table: ObjectTable | None = None
        self._dock: QWidget | None = None
        self._shown: Measured | None = None
        for signal in (tables.changed, choosing.changed, layers.results.scored):
            signal.connect(self.follow)
        layers.objects.picked.connect(self._picked)

    def toggle(self, wanted: bool) -> None:
        """Open the table below the image, or close it."""
        if wanted and self._dock is None:
            self.table = ObjectTable()
            self.table.chosen.connect(self._go_to)
            self._dock = self._viewer.window.add_dock_widget(self.table, name="U-Paint objects", area="bottom")
            self._place(self._dock)
            self._dock.installEventFilter(self)
            self._shown = None
            self.follow()
        elif not wanted and self._dock is not None:
            dock, table, self._dock, self.table, self._shown = self._dock, self.table, None, None, None
            dock.removeEventFilter(self)
            self._layers.objects.watch(None)
            with contextlib.suppress(AttributeError, LookupError, RuntimeError):  # napari's window may be gone already
                self._viewer.window.remove_dock_widget(dock)
                if table is not None:
                    table.deleteLater()  # napari keeps it, with all its rows
        self.opened.emit(self._dock is not None)

    def _place(self, dock: QDockWidget) -> None:
        """Let it float over a small window: below the image there is no room, and the window would outgrow the screen.

        It is put over the lower part of the image: otherwise it would lie over napari's menu.
        """
        window = dock.window()
        if window.height() >= _ROOM:
            return
        image = window.centralWidget()
        dock.setFloating(True)
        place = QRect(image.mapToGlobal(QPoint(0, 0)), image.size())
        place.setTop(place.bottom() - place.height() // 3)
        dock.setGeometry(place.intersected(screen_of(window)))

    def close(self) -> None:
        """Close the table with the dock."""
        self.toggle(False)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        """Notice when the table is closed with its own close button."""
        if event.type() == QEvent.Type.Close and watched is self._dock:
            self.toggle(False)
        return False

    def follow(self) -> None:
        """Show what is measured in the chosen image now."""
        if self.table is None:
            return
        measured = self._tables.measured()
        if measured is self._shown:
            return
        self._shown = measured
        self._layers.objects.watch(measured.labels if measured is not None else None)
        if measured is None:
            self.table.show_table(None)
        else:
            self.table.show_table(measured.table, measured.words)

    def _go_to(self, at: int) -> None:
        """Show the object of a row."""
        if self._shown is not None:
            try:
                self._layers.objects.show(self._shown, at)
            except UserError:  # the image was closed meanwhile; the table will be gone in a moment
                return

    def _picked(self, labels: Hashable, index: tuple[int, ...], label: int) -> None:
        """Select the row of an object."""
        if self.table is not None and self._shown is not None and self._shown.labels == labels:
            rows = self._shown.rows(index) & (self._shown.table["label"] == label)
            found = np.flatnonzero(rows)
            self.table.select(int(found[0]) if len(found) else None)
