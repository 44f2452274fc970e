"""Sections that are folded away."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QLabel, QSpinBox, QVBoxLayout, QWidget

from napari_upaint.widgets._folding import Folding


def drawn_in(widget, colour):
    """Return whether any pixel of a widget has this colour."""
    image = widget.grab().toImage()
    places = ((x, y) for x in range(image.width()) for y in range(image.height()))
    return any(image.pixelColor(*place) == QColor(colour) for place in places)


def test_its_arrow_shows_whether_it_is_open(qtbot):
    section = Folding("Training", "How the network learns.")
    qtbot.addWidget(section)
    section.addWidget(QLabel("Steps"))
    assert (section.text(), section.toggleButton().accessibleName()) == ("▸ Training", "Training")
    section.toggleButton().click()
    assert section.text() == "▾ Training"
    section.toggleButton().click()
    assert section.text() == "▸ Training"


@pytest.mark.parametrize("unfolded", [False, True])
def test_its_arrow_has_the_colour_of_the_theme(qtbot, unfolded):
    """It was black on dark gray: superqt draws it before napari's style is there."""
    section = Folding("", "")
    qtbot.addWidget(section)
    section.setStyleSheet("QPushButton { color: #f0f1f2; background: #414851; font-size: 30px; }")
    section.show()
    if unfolded:
        section.toggleButton().click()
    assert drawn_in(section.toggleButton(), "#f0f1f2")
    assert not drawn_in(section.toggleButton(), "#000000")


def test_tab_passes_over_what_is_folded_away(qtbot):
    """A key changed numbers that nobody saw."""
    window, section, after = QWidget(), Folding("Training", "How the network learns."), QSpinBox()
    qtbot.addWidget(window)
    column, inner = QVBoxLayout(window), QSpinBox()
    inner.setMinimumWidth(400)
    section.addWidget(inner)
    for widget in (section, after):
        column.addWidget(widget)
    window.show()
    for unfolded, follows in ((False, after), (True, inner), (False, after)):
        assert section.isExpanded() == unfolded
        section.toggleButton().setFocus()
        qtbot.keyClick(section.toggleButton(), Qt.Key.Key_Tab)
        assert window.focusWidget() is follows
        assert window.minimumSizeHint().width() >= 400
        section.toggleButton().click()
