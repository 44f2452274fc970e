"""The Tab key goes through the dock as the eye does: top to bottom, left to right."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractScrollArea, QLayout, QScrollArea, QWidget


def focus_in_order(widget: QWidget) -> None:
    """Let Tab visit the controls in the order of the layouts, not in the order in which they were made."""
    controls = [one for one in in_order(widget) if one.focusPolicy() & Qt.FocusPolicy.TabFocus]
    for one, following in pairwise(controls):
        QWidget.setTabOrder(one, following)


def in_order(widget: QWidget) -> Iterator[QWidget]:
    """Iterate over a widget and what lies in it, in the order of the layouts."""
    yield widget
    if isinstance(widget, QScrollArea):
        inside = widget.widget()
        if inside is not None:
            yield from in_order(inside)
    elif not isinstance(widget, QAbstractScrollArea):  # lists and texts have parts that are their own business
        layout = widget.layout()
        if layout is not None:
            yield from _laid_out(layout)


def _laid_out(layout: QLayout) -> Iterator[QWidget]:
    for at in range(layout.count()):
        item = layout.itemAt(at)
        if item is None:
            continue
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            yield from in_order(widget)
        elif inner is not None:
            yield from _laid_out(inner)
