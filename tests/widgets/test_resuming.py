"""A training that was interrupted is offered, and continued."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from napari_upaint.io.models import load_model
from napari_upaint.session.drive import TASKS
from napari_upaint.session.interrupted import Asked, Interrupted, interrupted_trainings
from napari_upaint.session.run import list_runs
from napari_upaint.settings import AugmentSettings, TrainSettings, WeightSettings
from napari_upaint.widgets import _resuming, _training

PATIENCE = 120
PART = slice(320), slice(192, 512)  # of the sample: with background and objects painted, and quickly looked at


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(_training, "CHECKPOINT", 0.3)


@pytest.fixture
def open_image(viewer, nuclei):
    """Return a function that opens a real image."""
    return lambda: viewer.add_image(np.asarray(nuclei.image.data)[PART], name="cells")


@pytest.fixture
def paint(viewer, paint_strokes, qtbot, nuclei):
    """Return a function that paints its strokes."""

    def run(dock):
        dock.sections.labels.new_button.click()
        paint_strokes(viewer.layers["cells annotation"], nuclei.strokes[PART])
        qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=10000)

    return run


@pytest.fixture
def open_and_paint(open_image, paint):
    """Return a function that does both."""

    def run(dock):
        open_image()
        paint(dock)

    return run


def trained_a_while(dock, qtbot):
    """Wait for the first weights on the disk."""
    dock.sections.train.button.click()
    training = dock.working.training
    qtbot.waitUntil(lambda: training.checkpoint is not None and training.checkpoint.exists(), timeout=PATIENCE * 1000)
    return training.checkpoint


def test_kill_9_of_the_engine_costs_seconds(viewer, open_dock, open_and_paint, qtbot, settle, nuclei):
    dock = open_dock(TASKS)
    open_and_paint(dock)
    dock.sections.train.seconds.setValue(600)
    offer = dock.sections.train.offer
    path = trained_a_while(dock, qtbot)
    assert offer.words() == ""
    image = "cells", viewer.layers["cells"].data.shape
    assert [one.model for one in interrupted_trainings(*image)] == [path]
    assert not interrupted_trainings(*image, _training.Training.checkpoints())  # what a second viewer asks
    os.kill(dock.bridge.pid, signal.SIGKILL)
    settle(dock, 30)
    qtbot.waitUntil(lambda: offer.words().startswith("A training was interrupted on"), timeout=20000)
    assert "of 10 min 0 s are saved" in offer.words()
    assert offer.accept_button.isEnabled()
    partial = load_model(path)  # it is a model like any other
    assert partial.header.training["steps_done"] > 0
    results = []
    dock.working.training.ended.connect(results.append)
    offer.accept_button.click()
    assert offer.words() == ""
    qtbot.waitUntil(lambda: len(dock.sections.train.plot.loss) > 1, timeout=PATIENCE * 1000)
    dock.sections.train.button.click()  # long enough
    settle(dock, PATIENCE)
    assert np.isfinite(results[0].result.after)
    qtbot.waitUntil(lambda: len(list_runs()) == 1, timeout=20000)
    (run,) = list_runs()
    assert run.steps > partial.header.training["steps_done"]
    assert run.settings.seconds == 600
    assert not list(path.parent.iterdir())
    qtbot.waitUntil(lambda: not dock.keeping.busy, timeout=20000)
    assert offer.words() == ""


def test_offered_at_the_next_start(viewer, open_dock, open_image, paint, qtbot):
    first = open_dock(TASKS)
    open_image()
    paint(first)
    first.sections.train.seconds.setValue(600)
    path = trained_a_while(first, qtbot)
    viewer.window.remove_dock_widget(first)  # the window is closed while it trains
    viewer.layers.clear()
    dock = open_dock()
    offer = dock.sections.train.offer
    viewer.add_image(np.ones((520, 696)), name="others")
    qtbot.waitUntil(lambda: not dock.keeping.busy, timeout=20000)
    assert offer.words() == ""
    viewer.layers.clear()
    open_image()
    qtbot.waitUntil(lambda: offer.words() != "", timeout=20000)
    assert not offer.accept_button.isEnabled()
    assert offer.accept_button.toolTip() == "Press 'New labels' and paint first."
    paint(dock)
    qtbot.waitUntil(offer.accept_button.isEnabled, timeout=20000)
    offer.decline_button.click()
    qtbot.waitUntil(lambda: not dock.keeping.busy, timeout=20000)
    assert offer.words() == ""
    assert not path.exists()


def test_labels_of_another_kind_are_not_renamed_by_going_on(viewer, open_dock, open_and_paint, qtbot):
    dock = open_dock(TASKS)
    open_and_paint(dock)
    key = viewer.layers["cells annotation"].unique_id
    asked = Asked("cells", (320, 320), "classes", "", TrainSettings(), WeightSettings(), AugmentSettings())
    dock.working.continue_training(Interrupted(Path("none.safetensors"), asked, 0.0, 3, 1.0))
    assert dock.sections.message.text() == "The interrupted training learnt classes; choose the labels that it learnt."
    assert dock.layers.kinds.of(key) == dock.choosing.kind() == "objects"
    assert not dock.working.training.running


def test_nothing_is_offered_for_an_image_that_was_closed_meanwhile(viewer, dock, open_image, qtbot, monkeypatch):
    image, found = open_image(), threading.Event()
    asked = Asked("cells", image.data.shape, "objects", "", TrainSettings(), WeightSettings(), AugmentSettings())
    one = Interrupted(Path("weights"), asked, 0.0, 1, 1.0)
    monkeypatch.setattr(_resuming, "interrupted_trainings", lambda *_: found.wait(20) and [one])
    dock.keeping.resuming.look()
    looking = next(thread for thread in threading.enumerate() if thread.name == "upaint-<lambda>")
    viewer.layers.clear()
    found.set()
    looking.join(20)
    qtbot.wait(20)
    assert dock.sections.train.offer.offered is None


def test_an_ordinary_training_leaves_nothing(viewer, dock, open_and_paint, settle, own_home):
    open_and_paint(dock)
    dock.sections.train.seconds.setValue(1)
    dock.sections.train.button.click()
    settle(dock)
    assert list((own_home / "trainings").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_no_reason_not_to_train(viewer, dock, open_and_paint, settle, own_home):
    open_and_paint(dock)
    own_home.mkdir(exist_ok=True)
    (own_home / "trainings").write_text("in the way")
    dock.sections.train.seconds.setValue(1)
    dock.sections.train.button.click()
    settle(dock)
    assert "from 0.8 to 0.2" in dock.sections.message.text()
