"""The help sheet: all keys and gestures on one page, from the table that the keys are bound by."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from napari.settings import get_settings
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QDialog, QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from napari_upaint.widgets._gestures import GESTURES, KEY_ACTIONS, NAPARI_ACTIONS, pressed

_TAKEN = "taken by napari, another plug-in or your own shortcuts"


class HelpSheet(QDialog):
    """A window of its own beside the work: it does not wait for an answer.

    Parameters
    ----------
    bound : collection of str
        Keys that the dock could take.
    """

    def __init__(self, bound: Collection[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("U-Paint: keys and gestures")
        self._grid = QGridLayout()
        self._grid.setColumnStretch(1, 1)
        self._grid.setHorizontalSpacing(18)
        self._add("U-Paint, while the mouse is over the image", dock_rows(bound))
        self._add("Brush of a labels layer (napari)", napari_rows())
        self._add("Mouse and others", ((one.how, one.text) for one in GESTURES))
        inner = QWidget()
        rows = QVBoxLayout(inner)
        # Rows as high as their words: napari's style hints at less.
        rows.setSizeConstraint(QVBoxLayout.SizeConstraint.SetMinimumSize)
        rows.addLayout(self._grid)
        rows.addStretch(1)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        self._scroll.setWidget(inner)
        column = QVBoxLayout(self)
        column.addWidget(self._scroll)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Come as large as it needs, and never larger than a small screen: the style is known only now."""
        super().showEvent(event)
        inner = self._scroll.widget()
        if inner is not None:
            size = inner.minimumSizeHint()
            self.resize(min(790, size.width() + 60), min(590, size.height() + 60))

    def words(self) -> list[str]:
        """Return all texts of the sheet."""
        items = (self._grid.itemAt(i) for i in range(self._grid.count()))
        widgets = [item.widget() for item in items if item is not None]
        return [widget.text() for widget in widgets if isinstance(widget, QLabel)]

    def _add(self, title: str, rows: Iterator[tuple[str, str]]) -> None:
        heading = QLabel(f"<b>{title}</b>")
        heading.setContentsMargins(0, 8, 0, 2)
        heading.setMinimumHeight(heading.fontMetrics().lineSpacing() + 14)
        self._grid.addWidget(heading, self._grid.rowCount(), 0, 1, 2)
        for how, text in rows:
            row = self._grid.rowCount()
            for column, words in enumerate((how, text)):
                label = QLabel(words)
                label.setMinimumHeight(label.fontMetrics().lineSpacing() + 5)
                self._grid.addWidget(label, row, column)


def dock_rows(bound: Collection[str]) -> Iterator[tuple[str, str]]:
    """Iterate over the keys of the dock and what they do."""
    for action in KEY_ACTIONS:
        free = [key for key in action.keys if key in bound]
        text = action.text if free else f"{action.text} ({_TAKEN})"
        yield " or ".join(pressed(key) for key in free or action.keys), text


def napari_rows() -> Iterator[tuple[str, str]]:
    """Iterate over napari's keys of a labels layer, as the user has set them."""
    shortcuts = get_settings().shortcuts.shortcuts
    for name, text in NAPARI_ACTIONS.items():
        keys = shortcuts.get(f"napari:{name}", ())
        if keys:
            yield " or ".join(str(key) for key in keys), text
