"""Texts that are broken where necessary, and read as they were set."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_upaint.widgets._image_section import ImageSection
from napari_upaint.widgets._message import MessageLine
from napari_upaint.widgets._wrapped_label import WrappedLabel

PATH = "/home/somebody/projects/plate_0001_well_A01_field_0001_channel_DAPI_projection/my-project.safetensors"


@pytest.mark.parametrize("text", ["", "short words only", f"Saved to {PATH}.", "x" * 200, f"two\nlines {PATH}"])
def test_it_says_what_it_was_told_and_is_narrow(qtbot, text):
    label = WrappedLabel(text)
    qtbot.addWidget(label)
    assert label.text() == text
    assert label.minimumSizeHint().width() <= label.fontMetrics().horizontalAdvance("W" * 18)


def test_a_long_name_widens_neither_message_nor_image_section(qtbot):
    message, section = MessageLine(), ImageSection()
    for part in (message, section):
        qtbot.addWidget(part)
    before = section.minimumSizeHint().width()
    message.show_message(f"Saved the project to {PATH}.")
    section.show_cover(PATH, "other")
    assert message.text() == f"Saved the project to {PATH}."
    assert message.minimumSizeHint().width() < 350
    assert section.minimumSizeHint().width() < before + 150


def test_what_is_copied_is_the_text_itself(qtbot):
    label = WrappedLabel(PATH)
    label.make_selectable()
    qtbot.addWidget(label)
    label.show()
    label.setSelection(0, len(PATH) * 2)
    QTest.keyClick(label, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.clipboard().text() == PATH
    QApplication.clipboard().clear()
    label.actions()[0].trigger()
    assert QApplication.clipboard().text() == PATH
