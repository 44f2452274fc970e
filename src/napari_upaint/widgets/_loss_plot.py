"""A small plot of the loss while training: a line of training loss, dots of loss on held-out paint."""

from __future__ import annotations

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_upaint.core.colours import CLASS_COLOURS
from napari_upaint.widgets._colours import ThemeColours

_MOST_POINTS = 600
_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 8.0, 20.0, 18.0


class LossPlot(QWidget):
    """Loss over seconds. Its size never changes, so nothing else moves; `empty` is shown while there is no curve."""

    def __init__(self, empty: str = "The loss appears here while training") -> None:
        super().__init__()
        self._empty = empty
        self.loss: list[tuple[float, float]] = []
        self.validation: list[tuple[float, float]] = []
        self.budget = 0.0
        self._colours: ThemeColours | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(
            "How wrong the model is: lower is better.\n"
            "Line: on the paint it learns from. Dots: on held-out paint, which decides whether learning helps."
        )

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return the preferred size."""
        return QSize(240, 110)

    def clear(self, budget: float) -> None:
        """Start a new curve, of a training of this many seconds."""
        self.loss, self.validation, self.budget = [], [], budget
        self.update()

    def add(self, seconds: float, loss: float | None, validation: float | None) -> None:
        """Add what was just measured; None: not measured."""
        if loss is not None:
            self.loss.append((seconds, loss))
            if len(self.loss) > _MOST_POINTS:  # every second point is enough for the eye
                self.loss = self.loss[::2]
        if validation is not None:
            self.validation.append((seconds, validation))
        self.update()

    def set_colours(self, colours: ThemeColours) -> None:
        """Follow the theme."""
        self._colours = colours
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        """Draw."""
        if self._colours is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QRectF(_LEFT, _TOP, self.width() - _LEFT - _RIGHT, self.height() - _TOP - _BOTTOM)
        if not self.loss and not self.validation:
            frame = QRectF(0, 0, self.width(), self.height())
        painter.fillRect(frame, QColor(self._colours.foreground))
        if self.loss or self.validation:
            self._draw_curves(painter, frame)
        else:
            painter.setPen(QColor(self._colours.text))
            painter.drawText(frame, Qt.AlignmentFlag.AlignCenter, self._empty)
        painter.end()

    def _draw_curves(self, painter: QPainter, frame: QRectF) -> None:
        points = self.loss + self.validation
        most = max(value for _, value in points) * 1.05 or 1.0
        end = max([self.budget, 1e-3, *(seconds for seconds, _ in points)])

        def place(seconds: float, value: float) -> QPointF:
            return QPointF(frame.left() + frame.width() * seconds / end, frame.bottom() - frame.height() * value / most)

        line, dots = self._curve_colours()
        painter.setPen(QPen(line, 1.6))
        painter.drawPolyline(QPolygonF([place(*point) for point in self.loss]))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(dots)
        for point in self.validation:
            painter.drawEllipse(place(*point), 3.0, 3.0)
        self._draw_text(painter, frame, most, end)

    def _curve_colours(self) -> tuple[QColor, QColor]:
        assert self._colours is not None
        return QColor(self._colours.text), QColor(CLASS_COLOURS[0])

    def _draw_text(self, painter: QPainter, frame: QRectF, most: float, end: float) -> None:
        line, dots = self._curve_colours()
        flag = Qt.AlignmentFlag
        font = painter.font()
        font.setPointSizeF(max(6.5, font.pointSizeF() - 1))
        painter.setFont(font)
        painter.setPen(line)
        left = QRectF(0, frame.top() - 6, _LEFT - 4, 14)
        painter.drawText(left, flag.AlignRight | flag.AlignVCenter, f"{most:.2g}")
        painter.drawText(left.translated(0, frame.height()), flag.AlignRight | flag.AlignVCenter, "0")
        below = QRectF(frame.left(), frame.bottom() + 2, frame.width(), _BOTTOM - 2)
        painter.drawText(below, flag.AlignLeft | flag.AlignVCenter, "0 s")
        painter.drawText(below, flag.AlignRight | flag.AlignVCenter, f"{end:.0f} s")
        above = QRectF(frame.left(), 0, frame.width(), _TOP - 4)
        painter.drawText(above, flag.AlignLeft | flag.AlignVCenter, "— training loss")
        # In the colour of the dots, nobody could read the words on a light theme.
        painter.drawText(above, flag.AlignRight | flag.AlignVCenter, "held-out paint")
        painter.setPen(dots)
        beside = painter.fontMetrics().horizontalAdvance(" held-out paint")
        painter.drawText(above.adjusted(0, 0, -beside, 0), flag.AlignRight | flag.AlignVCenter, "●")
