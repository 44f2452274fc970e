"""A sortable table of measured objects, for a hundred thousand rows and more: only those in view become text."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QItemSelectionModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QVBoxLayout, QWidget

from napari_upaint.core.measure import Table
from napari_upaint.widgets._wrapped_label import WrappedLabel

_TIP = (
    "A row for each object. Click it to see the object in a ring; click the head of a column to sort by it.\n"
    "Column heads include units: µm² is square micrometres (um2 in the file), px is pixels."
)
_NOTHING = "No measurements: press 'Measure' in the Segment section."
_MOST_COLUMN = 160  # pixels
_UNIT = re.compile(r"_(um|nm|mm|px)([23]?)$")
_SIGNS = {"um": "µm", "": "", "2": "²", "3": "³"}


class ObjectModel(QAbstractTableModel):
    """Columns of numbers, and the order of their rows."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table: Table = {}
        self._names: list[str] = []
        self._order = np.zeros(0, np.intp)

    def set_table(self, table: Table) -> None:
        """Show other columns, with their rows in the order given."""
        self.beginResetModel()
        self.table, self._names = table, list(table)
        self._order = np.arange(len(next(iter(table.values()), ())))
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 (Qt's name)
        """Return the number of objects."""
        return len(self._order)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 (Qt's name)
        """Return the number of measurements."""
        return len(self._names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell, or how it is aligned."""
        if role == Qt.ItemDataRole.DisplayRole:
            return written(self.table[self._names[index.column()]][self._order[index.row()]])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(  # noqa: N802 (Qt's name)
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return the name of a column."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return head(self._names[section])
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; what could not be measured (NaN) comes last either way; equal values keep their order."""
        if not 0 <= column < len(self._names):
            return
        self.layoutAboutToBeChanged.emit()
        values = self.table[self._names[column]][self._order]
        falling = order == Qt.SortOrder.DescendingOrder
        self._order = self._order[np.argsort(-values.astype(float) if falling else values, kind="stable")]
        self.layoutChanged.emit()

    def object_at(self, row: int) -> int:
        """Return which object of the table is in a row."""
        return int(self._order[row])

    def row_of(self, at: int) -> int:
        """Return the row that an object of the table is in."""
        return int(np.flatnonzero(self._order == at)[0])


class ObjectTable(QWidget):
    """The table, with a line above it that says what was measured."""

    chosen = Signal(int)  # which object of the table

    def __init__(self) -> None:
        super().__init__()
        self.words = WrappedLabel(_NOTHING)
        self.model = ObjectModel(self)
        self.view = QTableView()
        self.view.setModel(self.model)
        self.view.setToolTip(_TIP)
        self.view.setAccessibleName("Measured objects")
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.view.verticalHeader().setVisible(False)
        # Column widths come from the first rows only: all cells of 10^5 rows would take seconds.
        self.view.horizontalHeader().setResizeContentsPrecision(20)
        self.view.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.view.setSortingEnabled(True)
        self.view.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.view.horizontalHeader().sortIndicatorChanged.connect(lambda *_: self._show_again())
        self.view.selectionModel().currentRowChanged.connect(self._row_chosen)
        self.view.clicked.connect(self._row_chosen)  # also the row that is selected: the view may be elsewhere by now
        self._selected: int | None = None
        self._silent = False
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.addWidget(self.words)
        column.addWidget(self.view, 1)

    def show_table(self, table: Table | None, words: str = "") -> None:
        """Show a table, or with None that there is none."""
        self._selected = None
        self.words.setText(words or _NOTHING)
        if table is not self.model.table:
            self._silent = True
            self.model.set_table(table or {})
            self._silent = False
            self.view.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
            self.view.resizeColumnsToContents()
            for column in range(self.model.columnCount()):
                self.view.setColumnWidth(column, min(_MOST_COLUMN, self.view.columnWidth(column) + 8))

    def select(self, at: int | None) -> None:
        """Select an object's row without emitting `chosen`; None selects nothing."""
        self._selected = at
        self._show_again()

    def _show_again(self) -> None:
        self._silent = True
        if self._selected is None:
            self.view.clearSelection()
        else:
            flags = QItemSelectionModel.SelectionFlag
            row = self.model.index(self.model.row_of(self._selected), 0)
            self.view.selectionModel().setCurrentIndex(row, flags.ClearAndSelect | flags.Rows)
            self.view.scrollTo(row)
        self._silent = False

    def _row_chosen(self, now: QModelIndex, *_: QModelIndex) -> None:
        if now.isValid() and not self._silent:
            self._selected = self.model.object_at(now.row())
            self.chosen.emit(self._selected)


def written(value: Any) -> str:
    """Return a number as the table shows it: whole, or with four significant digits, without an exponent up to 1e12."""
    if np.issubdtype(type(value), np.integer):
        return str(int(value))
    return "" if np.isnan(value) else f"{value:.0f}" if 1e4 <= abs(value) < 1e12 else f"{value:.4g}"


def head(name: str) -> str:
    """Return a column name for the table: 'area µm²' for 'area_um2'."""
    return _UNIT.sub(lambda unit: f" {_SIGNS.get(unit[1], unit[1])}{_SIGNS[unit[2]]}", name).replace("_", " ")
