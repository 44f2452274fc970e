"""Painted pixels per class or object, with the colours they have on the image."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget

from napari_upaint.core.colours import label_colour
from napari_upaint.settings import Kind
from napari_upaint.widgets._progress_line import grouped

# More rows than this would push the buttons out of sight.
_MOST_ROWS = 6


class PaintedList(QWidget):
    """Rows of colour, name and pixels; as many as fit, the rest in one line."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(1, 1)
        self._rows: list[tuple[QLabel, QLabel, QLabel]] = []
        self.show_pixels({}, "objects", 1, {})

    def rows(self) -> list[tuple[str, str]]:
        """Return the rows shown: name and pixels."""
        return [(name.text(), pixels.text()) for _, name, pixels in self._rows if not name.isHidden()]

    def show_pixels(self, pixels: Mapping[int, int], kind: Kind, selected: int, colours: Mapping[int, str]) -> None:
        """Show painted pixels per label; the label that the brush paints is bold."""
        lines = painted_lines(pixels, kind)
        while len(self._rows) < len(lines):
            self._add_row()
        for i, (colour, name, count) in enumerate(self._rows):
            for widget in (colour, name, count):
                widget.setVisible(i < len(lines))
            if i < len(lines):
                labels, words, number = lines[i]
                several = kind == "classes" and len(labels) > 1  # the rest: no colour stands for all of them
                shown = "transparent" if several else colours.get(labels[0], label_colour(labels[0]))
                colour.setStyleSheet(f"background: {shown}; border-radius: 2px;")
                name.setText(f"<b>{words}</b>" if selected in labels else words)
                count.setText(f"{grouped(number)} px")

    def _add_row(self) -> None:
        colour, name, count = QLabel(), QLabel(), QLabel()
        colour.setFixedSize(12, 12)
        count.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row = len(self._rows)
        for column, widget in enumerate((colour, name, count)):
            self._grid.addWidget(widget, row, column)
        self._rows.append((colour, name, count))


def painted_lines(pixels: Mapping[int, int], kind: Kind) -> list[tuple[tuple[int, ...], str, int]]:
    """Return labels, name and painted pixels of each line to show."""
    lines: list[tuple[tuple[int, ...], str, int]] = [((1,), "Background", pixels.get(1, 0))]
    others = sorted(label for label in pixels if label > 1)
    if kind == "objects":
        count = len(others)
        words = "1 object" if count == 1 else f"{count} objects"
        return [*lines, (tuple(others) or (2,), words.capitalize(), sum(pixels[label] for label in others))]
    others = others or [2]
    shown = others if len(others) <= _MOST_ROWS else others[: _MOST_ROWS - 1]
    lines += [((label,), f"Class {label}", pixels.get(label, 0)) for label in shown]
    rest = tuple(others[len(shown) :])
    if rest:
        lines.append((rest, f"{len(rest)} more classes", sum(pixels[label] for label in rest)))
    return lines
