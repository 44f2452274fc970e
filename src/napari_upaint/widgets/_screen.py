"""How large a separate window may be: never larger than the screen, or its buttons are out of reach."""

from __future__ import annotations

from qtpy.QtCore import QRect, QSize
from qtpy.QtWidgets import QWidget

_FRAME = 40  # pixels: the title bar and the edges that the desktop draws around a window


def on_screen(widget: QWidget, size: QSize) -> QSize:
    """Return the size, or as much of it as the screen has room for."""
    return size.boundedTo(screen_of(widget).size() - QSize(_FRAME, _FRAME))


def screen_of(widget: QWidget) -> QRect:
    """Return the part of a widget's screen that the desktop leaves to windows."""
    screen = widget.screen()
    assert screen is not None
    return screen.availableGeometry()
