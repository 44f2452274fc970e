"""The help sheet: all keys and gestures on one page, from the table that also binds the keys."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from napari.settings import get_settings
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QKeyEvent, QShowEvent
from qtpy.QtWidgets import QDialog, QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from napari_upaint.widgets._gestures import GESTURES, KEY_ACTIONS, NAPARI_ACTIONS, pressed
from napari_upaint.widgets._screen import on_screen, screen_of

_TAKEN = "taken by napari, another plug-in or your own shortcuts"


class HelpSheet(QDialog):
    """A separate window, which does not wait for an answer.

    Parameters
    ----------
    bound : collection of str
        Keys that were free for the dock.
    """

    def __init__(self, bound: Collection[str], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("U-Paint: keys and gestures")
        self._headings: list[QLabel] = []
        self._grid = QGridLayout()
        self._grid.setColumnStretch(1, 1)
        self._grid.setHorizontalSpacing(18)
        self._add("U-Paint (a number field or list in use takes the keys)", dock_rows(bound))
        self._add("Brush of a labels layer (napari)", napari_rows())
        self._add("Mouse and others", GESTURES.items())
        self._inner = QWidget()
        rows = QVBoxLayout(self._inner)
        # Rows as high as their text: napari's style hints at less.
        rows.setSizeConstraint(QVBoxLayout.SizeConstraint.SetMinimumSize)
        rows.addLayout(self._grid)
        rows.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setWidget(self._inner)
        column = QVBoxLayout(self)
        column.addWidget(scroll)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 (Qt's name)
        """Become as large as needed, but never larger than the screen: style and font are known only now."""
        super().showEvent(event)
        for label in self._labels():
            room = 14 if label in self._headings else 5
            label.setMinimumHeight(label.fontMetrics().lineSpacing() + room)
        self._inner.layout().activate()  # or it would still know the smaller heights
        there = screen_of(self)
        size = on_screen(self, self._inner.minimumSizeHint() + QSize(60, 60))
        self.resize(size)
        self.move(min(self.x(), there.right() - size.width()), min(self.y(), there.bottom() - size.height()))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        """Close with the key that opened it: the sheet has the keys now."""
        if event.key() == Qt.Key.Key_F1:
            self.close()
        else:
            super().keyPressEvent(event)

    def words(self) -> list[str]:
        """Return all texts of the sheet."""
        return [label.text() for label in self._labels()]

    def _labels(self) -> list[QLabel]:
        return [self._grid.itemAt(i).widget() for i in range(self._grid.count())]

    def _add(self, title: str, rows: Iterable[tuple[str, str]]) -> None:
        heading = QLabel(f"<b>{title}</b>")
        heading.setContentsMargins(0, 8, 0, 2)
        self._headings.append(heading)
        self._grid.addWidget(heading, self._grid.rowCount(), 0, 1, 2)
        for how, text in rows:
            row = self._grid.rowCount()
            for column, words in enumerate((how, text)):
                self._grid.addWidget(QLabel(words), row, column)


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
