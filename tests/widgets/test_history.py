"""Earlier trainings, in the window: list, use, undo, rename, delete."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtWidgets import QInputDialog, QMessageBox
from upaint_pictures import picture

from napari_upaint.io.models import load_model
from napari_upaint.session.run import list_runs
from napari_upaint.widgets import _model_list
from napari_upaint.widgets._history_words import run_lines


@pytest.fixture
def painted(viewer, dock, qtbot):
    """A dock with an image and two strokes on it."""
    viewer.add_image(picture(), name="cells")
    dock.sections.labels.new_button.click()
    layer = viewer.layers["cells annotation"]
    layer.brush_size = 6
    layer.paint((50, 60), 1)
    layer.paint((20, 20), 2)
    qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=20000)
    dock.sections.train.seconds.setValue(5)  # over a second: runs are told apart by when they began
    return dock


@pytest.fixture
def train(painted, settle, qtbot):
    """Return a function that trains once and gives the run."""

    def once():
        section = painted.sections.history
        known = len(section.runs())
        painted.sections.train.button.click()
        settle(painted)
        qtbot.waitUntil(lambda: len(section.runs()) == known + 1, timeout=20000)
        return section.runs()[0]

    return once


@pytest.fixture
def settled(painted, settle, qtbot):
    """Return a function that waits until files are moved and what is in view is segmented."""

    def wait():
        qtbot.waitUntil(lambda: not painted.keeping.busy, timeout=20000)
        settle(painted)

    return wait


def test_there_is_nothing_at_first(dock):
    section, undo = dock.sections.history, dock.sections.train.undo_button
    assert not section.isExpanded()
    assert section.runs() == []
    for button in section.buttons.values():
        assert not button.isEnabled()
        assert button.toolTip().endswith(".")
    assert not undo.isEnabled()
    assert undo.toolTip() == "Nothing to undo: the chosen model was not trained here."


def test_runs_are_listed_with_their_curve(painted, train):
    section = painted.sections.history
    first, second = train(), train()
    assert [run.id for run in section.runs()] == [first.id, second.id][::-1] or first.date == second.date
    lines = section.list.item(0).text().splitlines()
    assert lines[0].endswith(" · cells")
    assert "0.8 → 0.2" in lines[1]
    assert "px" in lines[1]
    long = replace(first, date="2026-11-30T02:05:09+00:00", painted={1: 45471, 2: 985}, seconds=61)
    assert run_lines(long) == "30 Nov 02:05 · cells\n0.8 → 0.2 · 46 456 px · 1 min 1 s"  # short enough to be read
    section.show_runs([replace(first, date=f"2026-11-30T02:{at}+00:00") for at in ("05:09", "05:58", "06:00")])
    assert [section.list.item(i).text().split(" · ")[0][-8:] for i in range(3)] == ["02:05:09", "02:05:58", "ov 02:06"]
    section.show_runs([second, first])
    assert "Started from: " in section.list.item(0).toolTip()
    section.select(first.id)
    assert section.plot.loss
    assert section.plot.validation
    assert section.buttons["use"].isEnabled()


def test_undo_walks_back_and_use_goes_forward(viewer, painted, train, settled):
    model, undo = painted.sections.model, painted.sections.train.undo_button
    bundled = model.choice().path
    first = train()
    viewer.layers["cells annotation"].paint((40, 40), 3)
    second = train()
    assert model.choice().path == second.model
    undo.click()
    assert model.choice().path == first.model
    assert painted.sections.message.text().startswith(f"Undone: back to {first.model.stem}.")
    settled()
    assert painted.sections.message.text().startswith("Undone")  # the view is segmented again, without a message
    undo.click()
    assert model.choice().path == bundled
    settled()
    assert not undo.isEnabled()
    section = painted.sections.history
    section.select(second.id)
    section.buttons["use"].click()
    assert model.choice().path == second.model
    settled()
    assert undo.isEnabled()


def test_nothing_can_be_undone_while_training(painted, train, settle):
    train()
    painted.sections.train.button.click()
    undo = painted.sections.train.undo_button
    assert not undo.isEnabled()
    assert "training is running" in undo.toolTip()
    settle(painted)
    assert undo.isEnabled()


def test_a_training_that_did_not_help_has_no_model_to_use(painted, train):
    painted.sections.settings.train.control("seed").setValue(13)
    run = train()
    section = painted.sections.history
    section.select(run.id)
    assert not section.buttons["use"].isEnabled()
    assert "kept the model from before" in section.buttons["use"].toolTip()


def test_rename(painted, train, settled, monkeypatch, own_home):
    run, section = train(), painted.sections.history
    shutil.copyfile(run.model, run.model.with_name("later.safetensors"))
    monkeypatch.setattr(_model_list, "_MOST_RUNS", 1)  # it is too old for the list of models
    section.select(run.id)
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("dividing", True))
    section.buttons["rename"].click()
    settled()
    (renamed,) = section.runs()
    assert renamed.name == "dividing"
    assert painted.sections.model.choice().path == renamed.model
    assert load_model(renamed.model).header.name == "dividing"
    assert painted.sections.train.undo_button.isEnabled()


def test_delete_asks_and_keeps_everything_in_the_trash(painted, train, settled, monkeypatch, own_home):
    bundled = painted.sections.model.choice().path
    run, section = train(), painted.sections.history
    section.select(run.id)
    monkeypatch.setattr(QMessageBox, "question", lambda *asked: asked[4])  # what Enter chooses
    section.buttons["delete"].click()
    settled()
    assert len(section.runs()) == 1
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    section.buttons["delete"].click()
    settled()
    assert section.runs() == []
    assert painted.sections.model.choice().path == bundled  # what it started from
    assert [one.name for one in list_runs(own_home / "models" / "trash")] == ["cells"]


def test_what_cannot_be_moved_costs_a_sentence(painted, train, settled, monkeypatch, own_home):
    run, section = train(), painted.sections.history
    (own_home / "models" / "trash").write_text("in the way")
    section.select(run.id)
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    section.buttons["delete"].click()
    settled()
    assert "Cannot move" in painted.sections.message.text()
    assert len(section.runs()) == 1
    assert painted.sections.model.choice().path == run.model


def test_compare_two_runs_on_the_view(viewer, painted, train, settled):
    first = train()
    viewer.layers["cells annotation"].paint((40, 40), 3)
    second = train()
    section = painted.sections.history
    button = section.buttons["compare"]
    section.select(first.id)
    assert not button.isEnabled()
    assert button.toolTip().startswith("Select two runs")
    section.select(first.id, second.id)
    assert button.isEnabled()
    button.click()
    assert not painted.sections.train.button.isEnabled()
    settled()
    compared = [layer for layer in viewer.layers if layer.name.startswith("cells: cells ")]
    assert len(compared) == 2
    assert painted.sections.message.text().startswith("Compared: the layers 'cells: cells ")
    assert all(f"'{layer.name}'" in painted.sections.message.text() for layer in compared)
    colours = [layer.colormap.map(1) for layer in compared]
    assert not np.allclose(*colours)
    for layer in compared:
        assert layer.contour
        assert layer.data[20, 20] == 1
        assert not layer.data[50, 60]
        np.testing.assert_allclose(layer.scale, viewer.layers["cells"].scale)
    assert painted.sections.labels.combo.currentText() == "cells annotation"
    assert painted.sections.labels.combo.count() == 1  # they are results, not annotations
    assert painted.sections.train.button.isEnabled()
    button.click()
    settled()
    assert len([layer for layer in viewer.layers if layer.name.startswith("cells: ")]) == 2


def test_a_comparison_that_fails_says_so(viewer, painted, train, settled):
    first = train()
    train()
    section = painted.sections.history
    section.list.selectAll()
    first.model.write_bytes(b"rubbish")
    section.buttons["compare"].click()
    settled()
    assert "is not a U-Paint model" in painted.sections.message.text()
    assert painted.sections.train.button.isEnabled()
