"""Rows that wrap if there is no room."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QCheckBox, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_upaint.widgets._wrapping_row import WrappingRow, wrapping_buttons


@pytest.fixture
def show(qtbot):
    """Return a function that shows a row at some width, with a text below it."""

    def go(row, width=None):
        outer, below = QWidget(), QLabel("below")
        column = QVBoxLayout(outer)
        column.addLayout(row)
        column.addWidget(below)
        column.addStretch(1)
        qtbot.addWidget(outer)
        outer.resize(width or outer.minimumSizeHint().width(), 300)
        outer.show()
        return outer, below

    return go


def test_buttons_fill_their_row_alike_and_wrap_where_it_is_narrow(show):
    buttons = [QPushButton(text) for text in ("This view", "Whole layer", "All open images")]
    outer, below = show(wrapping_buttons(*buttons), 600)
    assert len({one.y() for one in buttons}) == 1
    assert max(one.width() for one in buttons) - min(one.width() for one in buttons) <= 1
    right = outer.contentsRect().right() - outer.layout().contentsMargins().right()
    assert right - buttons[-1].geometry().right() <= 2
    outer.resize(outer.minimumSizeHint().width(), 300)
    assert outer.width() < sum(one.sizeHint().width() for one in buttons)
    assert len({one.y() for one in buttons}) == 3
    assert all(one.width() >= one.sizeHint().width() for one in buttons)
    assert below.y() > buttons[-1].geometry().bottom()


def test_what_does_not_grow_stands_at_both_ends(show):
    first, second = QCheckBox("Keep learning while I paint"), QCheckBox("Live preview")
    outer, _below = show(WrappingRow(first, second), 700)
    margins = outer.layout().contentsMargins()
    assert first.x() == margins.left() and first.width() == first.sizeHint().width()
    assert second.geometry().right() == outer.width() - margins.right() - 1
    outer.resize(outer.minimumSizeHint().width(), 300)
    assert second.y() > first.y() and second.x() == first.x()


def test_what_is_hidden_takes_no_room(show):
    first, second = QPushButton("one"), QPushButton("two")
    outer, below = show(wrapping_buttons(first, second))
    high = below.y()
    second.hide()
    outer.layout().activate()
    assert below.y() < high and first.width() > first.sizeHint().width() - 1
