"""A scroll area that scrolls up and down only."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QFrame, QMainWindow, QScrollArea, QWidget

_SHARE = 0.35  # of the window's width, at most


class ColumnScroll(QScrollArea):
    """Never narrower than its widest row and the scroll bar, whatever theme and fonts come later."""

    def __init__(self, column: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # or Tab would stop at it invisibly
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(column)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return the smallest size."""
        return QSize(self.widget().minimumSizeHint().width() + self._beside(), super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return the size at which no row wraps, if that leaves the canvas enough room."""
        width, window = self.widget().sizeHint().width() + self._beside(), self.window()
        if isinstance(window, QMainWindow):
            width = max(self.minimumSizeHint().width(), min(width, round(_SHARE * window.width())))
        return QSize(width, super().sizeHint().height())

    def _beside(self) -> int:
        """Return the width of what is next to the column."""
        # napari's style draws a frame even if none is wanted.
        return self.verticalScrollBar().sizeHint().width() + 2 * self.frameWidth()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        """Ask for another width when a row has become wider."""
        if event.type() == QEvent.Type.LayoutRequest and watched is self.widget():
            self.updateGeometry()
        return super().eventFilter(watched, event)
