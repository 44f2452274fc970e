"""The whole loop on real images with the real engine."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest

from napari_upaint.io.samples import open_sample
from napari_upaint.session.drive import TASKS
from napari_upaint.session.run import list_runs

PATIENCE = 180


def iou(labels, truth):
    return np.logical_and(labels > 0, truth > 0).sum() / np.logical_or(labels > 0, truth > 0).sum()


def test_a_real_image(viewer, loop, settle, nuclei):
    dock = loop(nuclei.image.data, nuclei.strokes, seconds=4, scale=(0.5, 0.5), units=("um", "um"))
    results, planes = [], []
    dock.working.results.segmenting.segmented.connect(lambda plan, target, result: planes.append(result))
    dock.working.training.ended.connect(results.append)
    settle(dock, PATIENCE)
    # A value of one of torch's own types would bring torch into the window's process: two seconds without a window.
    assert {type(value).__module__ for value in results[0].result.model.header.provenance.values()} == {"builtins"}
    assert dock.sections.message.kind == "info", dock.sections.message.text()
    dock.sections.segment.buttons["view"].click()
    settle(dock, PATIENCE)
    labels = viewer.layers["cells labels"]
    assert iou(labels.data, nuclei.truth) > 0.7
    assert labels.data.dtype == np.int32
    np.testing.assert_allclose(labels.scale, (0.5, 0.5))
    assert labels.units == viewer.layers["cells"].units
    np.testing.assert_allclose(planes[-1].scores.astype(float).sum(axis=0), 1, atol=0.01)
    np.testing.assert_array_equal(viewer.layers["cells scores"].data, planes[-1].scores[1])


@pytest.mark.slow
def test_a_colour_image(viewer, loop, settle):
    sample = open_sample("nuclei_he")
    dock = loop(np.asarray(sample.image.data), sample.strokes, rgb=True)
    settle(dock, PATIENCE)
    assert iou(viewer.layers["cells labels"].data, sample.truth) > 0.5


@pytest.mark.slow
def test_a_stack_with_paint_on_one_slice(viewer, loop, settle, nuclei):
    image, truth = np.asarray(nuclei.image.data), nuclei.truth
    stack = np.stack([image[::-1], image, image[:, ::-1]])
    dock = loop(stack, nuclei.strokes, index=(1,), scale=(3, 1, 1))
    settle(dock, PATIENCE)
    dock.sections.segment.buttons["layer"].click()
    settle(dock, PATIENCE)
    found = viewer.layers["cells labels"]
    for plane, expected in zip(found.data, (truth[::-1], truth, truth[:, ::-1]), strict=True):
        assert iou(plane, expected) > 0.7
    np.testing.assert_allclose(found.scale, (3, 1, 1))
    assert viewer.layers["cells scores"].data.shape == stack.shape


@pytest.mark.slow
def test_two_open_images(viewer, loop, settle, nuclei):
    dock = loop(nuclei.image.data, nuclei.strokes)
    settle(dock, PATIENCE)
    viewer.add_image(np.asarray(nuclei.image.data)[::-1, :400], name="other", scale=(2, 2))
    dock.sections.segment.buttons["all"].click()
    settle(dock, PATIENCE)
    assert iou(viewer.layers["cells labels"].data, nuclei.truth) > 0.7
    assert iou(viewer.layers["other labels"].data, nuclei.truth[::-1, :400]) > 0.7
    np.testing.assert_allclose(viewer.layers["other labels"].scale, (2, 2))


def test_stop_in_the_middle(viewer, loop, settle, nuclei, qtbot):
    dock = loop(nuclei.image.data, nuclei.strokes, seconds=600)
    qtbot.waitUntil(lambda: len(dock.sections.train.plot.loss) > 5, timeout=PATIENCE * 1000)
    dock.sections.train.button.click()
    settle(dock, 60)
    assert dock.sections.message.kind == "info", dock.sections.message.text()
    assert dock.sections.train.button.text() == "Train"
    assert iou(viewer.layers["cells labels"].data, nuclei.truth) > 0.5


@pytest.mark.slow  # test_resuming.py kills it, too
def test_kill_in_the_middle(viewer, loop, settle, nuclei, qtbot):
    dock = loop(nuclei.image.data, nuclei.strokes, seconds=600)
    qtbot.waitUntil(lambda: len(dock.sections.train.plot.loss) > 2, timeout=PATIENCE * 1000)
    os.kill(dock.bridge.pid, signal.SIGKILL)
    settle(dock, 30)
    assert "engine process was killed" in dock.sections.message.text()
    dock.sections.segment.buttons["view"].click()
    settle(dock, PATIENCE)
    assert iou(viewer.layers["cells labels"].data, nuclei.truth) > 0.4


def test_painting_goes_on_while_it_learns(viewer, open_dock, loop, paint_strokes, settle, nuclei, qtbot):
    """With the preview on: new strokes and their undoing are taken up, the steps go on, the record tells of all."""
    dock = open_dock(TASKS)
    dock.sections.train.learn.setChecked(True)
    dock.sections.train.preview.setChecked(True)
    shown, heard = [], []
    dock.preview.shown.connect(shown.append)
    dock.working.training.samples_heard.connect(heard.append)
    half = nuclei.strokes * (np.arange(nuclei.strokes.shape[1]) < 300)
    loop(nuclei.image.data, half, seconds=600, dock=dock)
    loss = dock.sections.train.plot.loss
    qtbot.waitUntil(lambda: len(loss) > 3 and any(one.step for one in shown), timeout=PATIENCE * 1000)
    layer = viewer.layers["cells annotation"]
    paint_strokes(layer, nuclei.strokes - half)
    assert (layer.data == nuclei.strokes).all()
    for act in (lambda: None, layer.undo, layer.redo):
        act()
        count, steps = len(heard), len(loss)
        qtbot.waitUntil(lambda at=count: len(heard) > at, timeout=PATIENCE * 1000)
        qtbot.waitUntil(lambda at=steps: len(loss) > at + 2, timeout=PATIENCE * 1000)
    assert [one.problem for one in heard] == [""] * 3
    steps = [one.step for one in shown if one.step]
    assert steps == sorted(set(steps))
    picture = viewer.layers["cells preview"]
    at = tuple(round(float(n)) for n in picture.translate)
    seen = nuclei.truth[at[0] : at[0] + picture.data.shape[0], at[1] : at[1] + picture.data.shape[1]]
    assert iou(picture.data, seen) > 0.5
    dock.sections.train.button.click()
    settle(dock, 60)
    (run,) = list_runs()
    assert run.painted == {1: int((nuclei.strokes == 1).sum()), 2: int((nuclei.strokes > 1).sum())}


def test_a_preview_comes_at_once_after_an_image_was_opened(viewer, open_dock, qtbot, nuclei, record_property):
    dock = open_dock(TASKS)
    viewer.add_image(nuclei.image.data, name="cells")
    qtbot.waitUntil(lambda: dock.sections.engine.device.text().startswith("Computes"), timeout=PATIENCE * 1000)
    shown = []
    dock.preview.shown.connect(shown.append)
    dock.preview.toggle()
    qtbot.waitUntil(lambda: bool(shown), timeout=PATIENCE * 1000)  # loads the network
    began = time.perf_counter()
    dock.sections.settings.objects.control("threshold").setValue(0.6)
    qtbot.waitUntil(lambda: len(shown) > 1, timeout=PATIENCE * 1000)
    record_property("seconds of a preview", time.perf_counter() - began)
    height, width = viewer.layers["cells preview"].data.shape
    assert width * height > 200_000
    assert iou(viewer.layers["cells preview"].data, nuclei.truth[:height, :width]) > 0.4
