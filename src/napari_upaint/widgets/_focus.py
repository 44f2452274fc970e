"""Where the keys go: Tab moves through the dock from top to bottom; after a click, keys go to the image again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QFocusEvent, QPainter, QPaintEvent, QPalette, QPen
from qtpy.QtWidgets import QAbstractButton, QAbstractScrollArea, QLayout, QMainWindow, QScrollArea, QWidget

_BY_TAB = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
_FOR_A_WHILE = (Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason)


def focus_in_order(widget: QWidget) -> None:
    """Let Tab visit the controls in the order of the layouts, not in the order in which they were made.

    After a click on a button, keys go to the image: or Space, held to move the view, would press the button again and
    stop the training that it began.
    """
    controls = [one for one in in_order(widget) if one.focusPolicy() & Qt.FocusPolicy.TabFocus]
    watching = _Watching(widget)
    for one in controls:
        one.installEventFilter(watching)
        if isinstance(one, QAbstractButton):
            one.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    for one, following in pairwise(controls):
        QWidget.setTabOrder(one, following)


class _Watching(QObject):
    """Draws a ring where Tab went, since napari's style shows none, and gives the keys to the image after a click."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 (Qt's name)
        if not isinstance(watched, QWidget) or event is None:
            return False
        if isinstance(event, QFocusEvent):
            if event.gotFocus() and event.reason() in _BY_TAB:
                Ring(watched).show()
            elif event.lostFocus() and event.reason() not in _FOR_A_WHILE:
                for ring in watched.findChildren(Ring):
                    ring.hide()
                    ring.deleteLater()
        elif event.type() == QEvent.Type.MouseButtonPress and isinstance(watched, QAbstractButton):
            window = watched.window()
            if isinstance(window, QMainWindow):  # napari's window passes keys on
                window.setFocus(Qt.FocusReason.MouseFocusReason)
        return False


class Ring(QWidget):
    """A line around a control."""

    def __init__(self, control: QWidget) -> None:
        super().__init__(control)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.resize(control.size())

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Draw it in the colour of the text, which can be seen in every theme."""
        painter = QPainter(self)
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.WindowText), 2))
        painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        painter.end()


def in_order(widget: QWidget) -> Iterator[QWidget]:
    """Iterate over a widget and what lies in it, in the order of the layouts."""
    yield widget
    if isinstance(widget, QScrollArea):
        yield from in_order(widget.widget())
    elif not isinstance(widget, QAbstractScrollArea):  # the parts of lists and texts are not controls
        layout = widget.layout()
        if layout is not None:
            yield from _laid_out(layout)


def _laid_out(layout: QLayout) -> Iterator[QWidget]:
    for at in range(layout.count()):
        item = layout.itemAt(at)
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            yield from in_order(widget)
        elif inner is not None:
            yield from _laid_out(inner)
