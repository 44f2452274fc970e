"""Painting while a training runs, in a real viewer with a scripted engine."""

from __future__ import annotations

import numpy as np
import pytest
from upaint_pictures import picture

from napari_upaint.session.run import list_runs


@pytest.fixture
def dock(open_dock):
    return open_dock("upaint_live_tasks")


@pytest.fixture
def training(viewer, dock, qtbot):
    """Return a function that starts a training on two strokes, the box ticked, and returns annotation and answers."""

    def start(seconds=600, ticked=True):
        layer = painted(viewer, dock, "cells")
        qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=20000)
        dock.sections.train.learn.setChecked(ticked)
        dock.sections.train.seconds.setValue(seconds)
        dock.sections.train.button.click()
        qtbot.waitUntil(lambda: len(dock.sections.train.plot.loss) > 2, timeout=20000)
        answers = []
        dock.working.training.samples_heard.connect(answers.append)
        return layer, answers

    return start


def painted(viewer, dock, name):
    """Open an image, choose it and paint two strokes; return the annotation."""
    dock.sections.image.combo.set_key(viewer.add_image(picture(), name=name).unique_id)
    dock.sections.labels.new_button.click()
    layer = viewer.layers[f"{name} annotation"]
    stroke(layer, 1, 50, 60)
    stroke(layer, 2, 20, 20)
    return layer


def stroke(layer, label, row, column):
    layer.selected_label = label
    layer.brush_size = 6
    layer.paint((row, column), label)


def sent(dock):
    """Return the annotation that the training was sent last."""
    return dock.working.training._sent.samples[0].annotation


def test_strokes_are_taken_up_and_undone(viewer, dock, training, qtbot):
    layer, answers = training()
    steps = len(dock.sections.train.plot.loss)
    stroke(layer, 1, 50, 20)
    stroke(layer, 3, 20, 60)
    with qtbot.waitSignal(dock.working.training.samples_heard, timeout=10000):
        pass
    assert answers[0].problem == ""
    np.testing.assert_array_equal(sent(dock), layer.data)
    assert set(np.unique(sent(dock))) == {0, 1, 2, 3}
    layer.undo()
    with qtbot.waitSignal(dock.working.training.samples_heard, timeout=10000):
        pass
    assert set(np.unique(sent(dock))) == {0, 1, 2}
    layer.redo()
    with qtbot.waitSignal(dock.working.training.samples_heard, timeout=10000):
        pass
    np.testing.assert_array_equal(sent(dock), layer.data)
    qtbot.waitUntil(lambda: len(dock.sections.train.plot.loss) > steps + 10, timeout=10000)
    assert [one.problem for one in answers] == ["", "", ""]
    assert dock.sections.message.text() == ""


def test_strokes_on_another_image_that_is_learnt_are_taken_up(viewer, dock, training, qtbot):
    first = painted(viewer, dock, "others")
    qtbot.wait(200)
    qtbot.waitUntil(lambda: not dock.working.others.busy, timeout=20000)
    layer, answers = training()
    dock.sections.image.combo.set_key(viewer.layers["others"].unique_id)
    assert dock.choosing.annotation().key == first.unique_id
    stroke(first, 3, 40, 20)
    with qtbot.waitSignal(dock.working.training.samples_heard, timeout=10000):
        pass
    assert answers[0].problem == ""
    cells, others = dock.working.training._sent.samples
    assert (cells.name, others.name) == ("cells", "others")
    np.testing.assert_array_equal(cells.annotation, layer.data)
    np.testing.assert_array_equal(others.annotation, first.data)


def test_strokes_in_a_row_are_sent_once(usual_pauses, viewer, dock, training, qtbot):
    layer, answers = training()
    for column in range(15, 70, 5):
        stroke(layer, 1, 45, column)
        qtbot.wait(30)
    qtbot.waitUntil(lambda: not dock.learning_on.busy, timeout=10000)
    qtbot.waitUntil(lambda: bool(answers), timeout=10000)
    assert len(answers) == 1
    np.testing.assert_array_equal(sent(dock), layer.data)


def test_new_paint_gives_time_and_the_bar_follows(viewer, dock, training, qtbot, settle):
    layer, _ = training(seconds=4)
    section = dock.sections.train
    qtbot.waitUntil(lambda: section.progress.fraction() > 0.6, timeout=10000)
    before = section.progress.fraction()
    stroke(layer, 1, 50, 20)
    with qtbot.waitSignal(dock.working.training.samples_heard, timeout=10000):
        pass
    qtbot.waitUntil(lambda: section.plot.budget > 4, timeout=20000)
    assert section.progress.fraction() < before + 0.4
    settle(dock)  # and it ends by itself
    assert dock.sections.message.text().startswith("Better than before")
    assert "too late" not in dock.sections.message.text()


def test_paint_that_cannot_be_learnt_from_is_told_and_loses_nothing(viewer, dock, training, qtbot, settle):
    layer, answers = training()
    message = dock.sections.message
    painted = layer.data.copy()
    layer.data_setitem(np.nonzero(layer.data == 1), 0)  # all background erased
    qtbot.waitUntil(lambda: "No background is painted" in message.text(), timeout=10000)
    assert message.text().startswith("The training goes on with what was painted before:")
    assert message.kind == "warning"
    layer.undo()
    qtbot.waitUntil(lambda: message.text() == "", timeout=10000)
    np.testing.assert_array_equal(layer.data, painted)
    stroke(layer, 12, 40, 40)  # the engine refuses this one
    qtbot.waitUntil(lambda: "a class too many" in message.text(), timeout=10000)
    assert [bool(one.problem) for one in answers] == [False, True]
    dock.sections.train.button.click()
    settle(dock)
    assert message.text().startswith("Better than before")


def test_the_record_tells_of_all_that_was_learnt(viewer, dock, training, qtbot, settle):
    layer, _ = training()
    stroke(layer, 1, 50, 20)
    with qtbot.waitSignal(dock.working.training.samples_heard, timeout=10000):
        pass
    dock.sections.train.button.click()
    settle(dock)
    (run,) = list_runs()
    assert run.painted == {1: int((layer.data == 1).sum()), 2: int((layer.data == 2).sum())}


def test_without_the_box_nothing_is_sent_until_it_is_ticked(viewer, dock, training, qtbot):
    layer, answers = training(ticked=False)
    stroke(layer, 1, 50, 20)
    assert not dock.learning_on.busy
    dock.sections.train.learn.setChecked(True)
    with qtbot.waitSignal(dock.working.training.samples_heard, timeout=10000):
        pass
    np.testing.assert_array_equal(sent(dock), layer.data)
    dock.sections.train.learn.setChecked(False)
    stroke(layer, 1, 50, 40)
    assert not dock.learning_on.busy
    assert len(answers) == 1


def test_paint_before_the_first_step_is_not_lost(viewer, dock, qtbot, training):
    layer, _ = training(seconds=1, ticked=True)
    qtbot.waitUntil(lambda: not dock.working.busy, timeout=20000)
    dock.sections.train.seconds.setValue(600)
    dock.sections.train.button.click()
    stroke(layer, 1, 50, 40)  # while the samples are cut
    with qtbot.waitSignal(dock.working.training.samples_heard, timeout=10000):
        pass
    np.testing.assert_array_equal(sent(dock), layer.data)


def test_the_last_strokes_are_not_forgotten_silently(viewer, dock, training, qtbot, settle):
    layer, _ = training()
    stroke(layer, 1, 50, 20)
    dock.sections.train.button.click()
    settle(dock)
    assert dock.sections.message.text().endswith("press Train to learn from them, too.")
    assert dock.sections.message.text().startswith("Better than before")


def test_closing_the_annotation_while_it_is_learnt(viewer, dock, training, qtbot, settle):
    layer, _ = training()
    stroke(layer, 1, 50, 20)
    viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: not dock.learning_on.busy, timeout=10000)
    dock.sections.train.button.click()
    settle(dock)
    assert dock.sections.message.text().startswith("Better than before")
