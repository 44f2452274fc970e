"""What other people's files say is shown as it is: Qt takes what looks like HTML for HTML, pictures included."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QMessageBox

from napari_upaint.session.run import Run
from napari_upaint.settings import AugmentSettings, TrainSettings, WeightSettings
from napari_upaint.widgets._dialogs import confirmed, once_more
from napari_upaint.widgets._gallery_window import GalleryWindow
from napari_upaint.widgets._history_section import HistorySection
from napari_upaint.widgets._layer_combo import LayerCombo
from napari_upaint.widgets._layers import Choice
from napari_upaint.widgets._message import MessageLine
from napari_upaint.widgets._object_table import ObjectTable
from napari_upaint.widgets._plain_text import plain
from napari_upaint.widgets._progress_line import ProgressLine

NAMES = ["<b>cells</b>.tif", "<img src='//elsewhere/cells.png'>.tif", "cells &lt;b&gt;"]


def is_html(text: str) -> bool:
    """Return whether Qt takes a text for HTML: it then takes other room than the letters would."""
    label, letters = QLabel(text), QLabel()
    letters.setTextFormat(Qt.TextFormat.PlainText)
    letters.setText(text)
    return label.sizeHint() != letters.sizeHint()


@pytest.mark.parametrize("name", NAMES)
def test_a_text_stays_the_same_but_for_spaces_without_width(qapp, name):
    assert is_html(name)
    assert not is_html(plain(name))
    assert plain(name).replace("\u200b", "") == name
    assert plain("cells & others, 2 > 1") == "cells & others, 2 > 1"


def test_labels_show_letters(qtbot):
    table, gallery = ObjectTable(), GalleryWindow(None)
    for widget in (MessageLine(), ProgressLine(), table, gallery):
        qtbot.addWidget(widget)
        for label in widget.findChildren(QLabel):
            if label is not gallery.layout().itemAt(2).widget():  # the legend, which is ours
                assert label.textFormat() == Qt.TextFormat.PlainText


@pytest.mark.parametrize("name", NAMES)
def test_tooltips_show_letters(qtbot, name):
    combo, line, history = LayerCombo("Nothing"), ProgressLine(), HistorySection()
    for widget in (combo, line, history):
        qtbot.addWidget(widget)
    combo.set_choices([Choice(1, name)])
    combo.report()
    line.show_words(name)
    of_run = dict(kind="objects", start="", curve=(), before=None, after=None, improved=True, steps=1, seconds=1.0)
    settings = TrainSettings(), WeightSettings(), AugmentSettings()
    of_run |= dict(zip(("settings", "weights", "augment"), settings, strict=True))
    history.show_runs([Run(name=name, date="2026-01-31T12:00:00+00:00", message="", images=(name,), **of_run)])
    tips = combo.toolTip(), line._words.toolTip(), history.list.item(0).toolTip()
    for tip in tips:
        assert tip
        assert not is_html(tip)


@pytest.mark.parametrize("name", NAMES)
def test_questions_show_letters(qtbot, monkeypatch, name):
    said: list[str] = []
    for kind in ("question", "warning"):
        monkeypatch.setattr(QMessageBox, kind, lambda _parent, _title, text, *_: said.append(text))
    line = ProgressLine()
    qtbot.addWidget(line)
    confirmed(line, "Delete", name)
    once_more(line, "Closing", name)
    assert [is_html(text) for text in said] == [False, False]


def test_questions_are_shown_whole(qtbot, monkeypatch):
    """Qt cuts what is wider than the screen, and the end of a long name, with what follows it, could not be read."""
    said: list[str] = []
    monkeypatch.setattr(QMessageBox, "question", lambda _parent, _title, text, *_: said.append(text))
    name = "plate_0001_well_A01_field_0001_channel_DAPI_maximum_projection_" * 3
    confirmed(None, "Delete", f"Delete '{name}'?")
    label = QLabel(said[0], wordWrap=True)
    qtbot.addWidget(label)
    assert said[0].replace("\u200b", "") == f"Delete '{name}'?"
    assert label.minimumSizeHint().width() <= label.fontMetrics().horizontalAdvance("W" * 18)
