"""The window of the gallery: nine tiles, what they are, a button for others."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtGui import QImage, QPainter, QPaintEvent
from qtpy.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_upaint.engine.progress import TilesResult
from napari_upaint.widgets._screen import on_screen

_WORDS = (
    "Left: what the network sees, with your paint; the dark frame is only context, nothing is learnt there.\n"
    "Right: how much each pixel counts: the brighter, the more. Paint held out for validation is not learnt here."
)


class Picture(QWidget):
    """A picture, drawn as large as there is room for."""

    def __init__(self) -> None:
        super().__init__()
        self._pixels = np.zeros((0, 0, 3), np.uint8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(QSize(360, 180))

    def pixels(self) -> np.ndarray:
        """Return what is shown, uint8 (Y, X, RGB)."""
        return self._pixels

    def show_pixels(self, pixels: np.ndarray) -> None:
        """Show a picture, uint8 (Y, X, RGB)."""
        self._pixels = np.ascontiguousarray(pixels)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        """Draw the picture in the middle."""
        height, width = self._pixels.shape[:2]
        if not height:
            return
        image = QImage(self._pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
        factor = min(self.width() / width, self.height() / height)
        w, h = round(width * factor), round(height * factor)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(QRect((self.width() - w) // 2, (self.height() - h) // 2, w, h), image)
        painter.end()


class GalleryWindow(QDialog):
    """A separate window, which does not wait for an answer."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("U-Paint: what the network learns from")
        self.picture = Picture()
        self.words = QLabel()
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setWordWrap(True)
        self.button = QPushButton("Other tiles")
        self.button.setToolTip("Draw the next nine tiles of the training.")
        legend = QLabel(_WORDS)
        legend.setWordWrap(True)
        row = QHBoxLayout()
        row.addWidget(self.words, 1)
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.addWidget(self.picture, 1)
        column.addLayout(row)
        column.addWidget(legend)
        self.resize(on_screen(self, QSize(1040, 640)))

    def show_drawing(self, searching: bool) -> None:
        """Say that tiles are being drawn, and whether the scale is found first; the tiles that are shown stay."""
        self.words.setText(
            "Finding the scale, as a training does, and drawing tiles…" if searching else "Drawing tiles…"
        )
        self.button.setEnabled(False)

    def show_tiles(self, result: TilesResult, pixels: np.ndarray) -> None:
        """Show tiles and say which."""
        first, last = result.first + 1, result.first + len(result.tiles)
        self.words.setText(f"Tiles {first} to {last} of a training, the image at {result.scale:.0%} of its size.")
        self.button.setEnabled(True)
        self.picture.show_pixels(pixels)

    def show_problem(self, sentence: str) -> None:
        """Say why there are no tiles."""
        self.words.setText(sentence)
        self.button.setEnabled(True)
