"""The whole loop on real images with the real engine, and whether the window lives meanwhile."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from itertools import count

import numpy as np
import pytest
from qtpy.QtCore import QTimer

from napari_upaint.io.samples import open_sample
from napari_upaint.session.drive import TASKS
from napari_upaint.session.run import list_runs

SECONDS = 8
PATIENCE = 180


def iou(labels, truth):
    return np.logical_and(labels > 0, truth > 0).sum() / np.logical_or(labels > 0, truth > 0).sum()


def paint(layer, strokes, index=()):
    """Paint strokes as a brush does: through the layer, with its history."""
    for label in np.unique(strokes[strokes > 0]):
        layer.selected_label = int(label)
        where = np.nonzero(strokes == label)
        layer.data_setitem((*(np.full_like(where[0], i) for i in index), *where), int(label))


@pytest.fixture
def loop(viewer, open_dock, qtbot, settle):
    """Return what opens an image, paints strokes on it and trains."""

    def run(image, strokes, index=(), seconds=SECONDS, dock=None, **place):
        dock = dock or open_dock(TASKS)
        viewer.add_image(image, name="cells", **place)
        dock.sections.labels.new_button.click()
        if index:
            viewer.dims.set_current_step(0, index[0])
        paint(viewer.layers["cells annotation"], strokes, index)
        qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=10000)
        dock.sections.train.seconds.setValue(seconds)
        dock.sections.train.button.click()
        return dock

    return run


def test_a_real_image(viewer, loop, settle, nuclei):
    dock = loop(nuclei.image.data, nuclei.strokes, scale=(0.5, 0.5), units=("um", "um"))
    results, planes = [], []
    dock.working.segmenting.segmented.connect(lambda plan, target, result: planes.append(result))
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


def test_kill_in_the_middle(viewer, loop, settle, nuclei, qtbot):
    dock = loop(nuclei.image.data, nuclei.strokes, seconds=600)
    qtbot.waitUntil(lambda: len(dock.sections.train.plot.loss) > 2, timeout=PATIENCE * 1000)
    os.kill(dock.bridge.pid, signal.SIGKILL)
    settle(dock, 30)
    assert "engine process was killed" in dock.sections.message.text()
    dock.sections.segment.buttons["view"].click()
    settle(dock, PATIENCE)
    assert iou(viewer.layers["cells labels"].data, nuclei.truth) > 0.4


def test_painting_goes_on_while_it_learns(viewer, open_dock, loop, settle, nuclei, qtbot):
    """With the preview on: new strokes and their undoing are taken up, the steps go on, the record tells of all."""
    dock = open_dock(TASKS)
    dock.sections.train.live.learn.setChecked(True)
    dock.sections.train.live.preview.setChecked(True)
    shown, heard = [], []
    dock.preview.shown.connect(shown.append)
    dock.working.training.samples_heard.connect(heard.append)
    half = nuclei.strokes * (np.arange(nuclei.strokes.shape[1]) < 300)
    loop(nuclei.image.data, half, seconds=600, dock=dock)
    loss = dock.sections.train.plot.loss
    qtbot.waitUntil(lambda: len(loss) > 3 and any(one.step for one in shown), timeout=PATIENCE * 1000)
    layer = viewer.layers["cells annotation"]
    paint(layer, nuclei.strokes - half)
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
    qtbot.waitUntil(lambda: dock.sections.train.device.text().startswith("Computes"), timeout=PATIENCE * 1000)
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


class Lateness:
    """How late a timer of 20 ms comes on the GUI thread, in milliseconds."""

    def __init__(self):
        self.values = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setInterval(20)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _tick(self):
        now = time.perf_counter()
        self.values.append(max(0.0, (now - self._last) * 1000 - 20))
        self._last = now

    def take(self):
        """Return the 95th percentile and the maximum since the last call."""
        values, self.values = np.array(self.values), []
        return float(np.percentile(values, 95)), float(values.max())

    def stop(self):
        self._timer.stop()


@contextmanager
def painting(viewer):
    """Paint a stroke now and then, with a pause after some."""
    numbers = count()

    def stroke():
        number = next(numbers)
        layer = viewer.layers["cells annotation"]
        if number % 20 < 12:
            layer.paint((20 + 3 * (number % 20), 30 + 7 * (number // 20 % 60)), 1)

    timer = QTimer()
    timer.timeout.connect(stroke)
    timer.start(100)
    try:
        yield
    finally:
        timer.stop()


def test_the_window_lives_while_the_engine_works(viewer, open_dock, loop, settle, nuclei, qtbot, record_property):
    """Beyond what the same viewer shows when idle: software OpenGL draws slowly, and adding a layer is napari's own."""
    viewer.window._qt_window.show()
    dock = open_dock(TASKS)
    qtbot.waitUntil(lambda: dock.sections.train.device.text().startswith("Computes"), timeout=PATIENCE * 1000)
    qtbot.wait(1500)
    timer = Lateness()
    qtbot.wait(4000)
    idle = timer.take()
    for _ in range(2):  # at the first time napari compiles its shaders
        layers = [viewer.add_image(nuclei.image.data), viewer.add_labels(nuclei.strokes)]
        qtbot.wait(1500)
        alone = timer.take()  # what two more layers take napari, without anything of ours
        for layer in layers:
            viewer.layers.remove(layer)
        qtbot.wait(500)
        timer.take()
    loop(nuclei.image.data, nuclei.strokes, seconds=2, dock=dock)
    qtbot.wait(100)
    timer.take()  # opening an image is napari's own
    settle(dock, PATIENCE)
    first = timer.take()  # with the first layers of results
    dock.sections.train.seconds.setValue(8)
    dock.sections.train.button.click()
    settle(dock, PATIENCE)
    training = timer.take()
    for _ in range(3):
        dock.sections.segment.buttons["layer"].click()
        settle(dock, PATIENCE)
    segmenting = timer.take()
    with painting(viewer):
        qtbot.wait(4000)
    painted = timer.take()  # napari's own
    dock.preview.toggle()
    dock.sections.train.live.learn.setChecked(True)
    qtbot.waitUntil(lambda: not dock.preview.busy, timeout=PATIENCE * 1000)
    dock.sections.train.button.click()
    qtbot.waitUntil(lambda: len(dock.sections.train.plot.loss) > 2, timeout=PATIENCE * 1000)
    timer.take()
    with painting(viewer):
        qtbot.wait(8000)
    learning = timer.take()
    settle(dock, PATIENCE)
    timer.stop()
    measured = f"95 % and maximum in ms: idle {idle}, alone {alone}, first {first}, training {training}"
    measured += f", segmenting {segmenting}, painting {painted}, painting while it learns and shows {learning}"
    record_property("lateness", measured)
    print(measured)
    # The first layers of results take napari a tenth of a second, several times that where others want the processor.
    for (p95, most), own in ((first, alone[1]), (training, 0), (segmenting, 0)):
        assert p95 - idle[0] < 50, measured
        assert most - max(idle[1], own) < 250, measured
    assert learning[0] - painted[0] < 50, measured
    assert learning[1] - max(painted[1], idle[1]) < 250, measured
