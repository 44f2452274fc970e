"""The weight map follows painting: always the map that the loss uses, and painting stays quick."""

from __future__ import annotations

import time

import numpy as np
import pytest
from napari.layers import Image
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks
from test_upaint import PLACE, picture

from napari_upaint.core.weight_map import weight_map
from napari_upaint.io.image import Image as FileImage
from napari_upaint.io.images import write_image
from napari_upaint.widgets import _live_weights

MOST = 0.030  # seconds on the GUI thread for a stroke


@pytest.fixture
def live(viewer, dock, qtbot):
    """A dock with an image, an empty annotation and the box ticked."""
    viewer.add_image(picture(), name="cells", **PLACE)
    dock.sections.labels.new_button.click()
    tick(dock, qtbot)
    return dock


def tick(dock, qtbot):
    with qtbot.waitSignal(dock.live_weights.shown, timeout=20000):  # the first one may compile
        dock.sections.weights.live.click()


def shown(dock, viewer, qtbot, name="cells weight map"):
    qtbot.waitUntil(lambda: not dock.live_weights.busy, timeout=20000)
    return viewer.layers[name].data


def expected(dock, annotation, spacing=(0.5, 0.25)):
    settings = dock.sections.settings.weights.value()
    return weight_map(np.asarray(annotation), dock.choosing.kind(), settings, spacing=spacing)


def scribble(rng, layer):
    """Paint, erase, fill, undo or redo somewhere."""
    layer.brush_size = int(rng.integers(2, 12))
    place = tuple(int(rng.integers(n)) for n in layer.data.shape)
    chance = rng.random()
    if chance < 0.6:
        layer.paint(place, int(rng.integers(1, 5)))
    elif chance < 0.75:
        layer.paint(place, 0)
    elif chance < 0.8:
        layer.fill(place, int(rng.integers(0, 4)))
    elif chance < 0.95:
        layer.undo()
    else:
        layer.redo()


@pytest.mark.parametrize("kind", ["objects", "classes"])
def test_after_any_strokes_it_is_the_map_of_the_loss(viewer, live, qtbot, kind):
    getattr(live.sections.labels, kind).click()
    layer = viewer.layers["cells annotation"]
    rng = np.random.default_rng(1)
    for number in range(60):
        scribble(rng, layer)
        if number % 4 == 0:
            found = shown(live, viewer, qtbot)
            np.testing.assert_allclose(found, expected(live, layer.data), rtol=1e-5, atol=1e-5)
    layer.data = np.roll(layer.data, 7, axis=1)  # all at once
    np.testing.assert_allclose(shown(live, viewer, qtbot), expected(live, layer.data), rtol=1e-5, atol=1e-5)


def test_what_is_not_paint_on_the_image_has_no_map(viewer, live, qtbot, tmp_path):
    """Another image of that size had a map of the first one's strokes, and a map outlived its paint."""
    viewer.layers.clear()
    for name in ("a", "b"):
        write_image(tmp_path / f"{name}.tif", FileImage(picture(), "YX"))
        viewer.open(str(tmp_path / f"{name}.tif"), plugin="napari-upaint")
    live.sections.image.combo.setCurrentText("a")
    live.sections.labels.new_button.click()
    viewer.layers["a annotation"].paint((20, 20), 2)
    tick(live, qtbot)
    assert "a weight map" in viewer.layers
    live.sections.image.combo.setCurrentText("b")
    assert live.sections.labels.combo.currentText() == "a annotation"
    qtbot.waitUntil(lambda: not live.live_weights.busy, timeout=20000)
    assert not [layer.name for layer in viewer.layers if "weight" in layer.name]
    live.sections.image.combo.setCurrentText("a")
    qtbot.waitUntil(lambda: "a weight map" in viewer.layers, timeout=20000)
    viewer.layers.remove("a annotation")
    qtbot.waitUntil(lambda: not [layer.name for layer in viewer.layers if "weight" in layer.name], timeout=20000)
    assert live.sections.weights.live.isChecked()


def test_it_is_a_layer_on_the_image_and_goes_with_its_box(viewer, live, qtbot):
    made = viewer.layers["cells weight map"]
    image = viewer.layers["cells"]
    assert isinstance(made, Image)
    np.testing.assert_allclose(made.data_to_world((59, 79)), image.data_to_world((59, 79)))
    assert (made.units, made.axis_labels) == (image.units, image.axis_labels)
    assert viewer.layers.selection.active is viewer.layers["cells annotation"]
    assert viewer.layers["cells annotation"].mode == "paint"
    live.sections.weights.live.click()
    assert [layer.name for layer in viewer.layers] == ["cells", "cells annotation"]
    tick(live, qtbot)
    viewer.layers.remove("cells weight map")
    assert not live.sections.weights.live.isChecked()


def test_labels_that_are_no_classes_are_told(viewer, live, qtbot):
    """Of a label of 32 bits the weights of all classes below it would fill the memory."""
    live.sections.labels.set_kind("classes")
    viewer.layers["cells annotation"].paint((20, 20), 60_000)
    qtbot.waitUntil(lambda: live.sections.message.text().startswith("Label 60000 is painted as a class"))
    viewer.layers["cells annotation"].data = np.full((60, 80), -3)
    qtbot.waitUntil(lambda: live.sections.message.text() == "The labels of cells hold -3; labels start at 0.")


@pytest.mark.parametrize("planes", [1, 3])
def test_memory_for_it_comes_beside_the_window(viewer, dock, qtbot, rooms_of, planes):
    """A large plane that is written for the first time would stop the window; a single one is taken as it came."""
    rooms = rooms_of(_live_weights)
    viewer.add_image(np.zeros((planes, 40, 50)[planes == 1 :]), name="cells")
    dock.sections.labels.new_button.click()
    viewer.layers["cells annotation"].data[..., 10:20, 10:20] = 2
    tick(dock, qtbot)
    assert viewer.layers["cells weight map"].data is rooms[0]
    if planes > 1:
        viewer.dims.set_current_step(0, 1)
        qtbot.waitUntil(lambda: viewer.layers["cells weight map"].data[1].any())
        assert rooms[-1] is rooms[0]


def test_sliders_form_and_training_have_the_same_settings(viewer, live, qtbot):
    section, form = live.sections.weights, live.sections.settings.weights
    layer = viewer.layers["cells annotation"]
    for column in (10, 30):
        layer.paint((20, column), 2 + column)
    layer.paint((20, 20), 1)
    section.sliders["w0"].slider.setValue(section.sliders["w0"].slider.maximum())
    assert form.value().w0 == 50
    # Shown in the unit of the image: sigma is in shortest edges, 0.25 um.
    assert section.sliders["sigma"].box.value() == pytest.approx(5 * 0.25)
    assert section.sliders["sigma"].box.suffix() == " µm"
    section.sliders["sigma"].box.setValue(2)
    assert form.value().sigma == pytest.approx(8)
    before = shown(live, viewer, qtbot).copy()
    np.testing.assert_allclose(before, expected(live, layer.data), rtol=1e-5, atol=1e-5)
    form.restore()
    assert (section.sliders["w0"].value(), section.sliders["sigma"].value()) == (10, 5)
    found = shown(live, viewer, qtbot)
    assert (found != before).any()
    np.testing.assert_allclose(found, expected(live, layer.data), rtol=1e-5, atol=1e-5)
    viewer.add_image(picture(seed=1), name="pixels")
    live.sections.image.combo.setCurrentText("pixels")
    assert section.sliders["sigma"].box.suffix() == " px"
    assert section.sliders["sigma"].box.value() == 5


def test_it_follows_the_plane_in_view(viewer, dock, qtbot):
    viewer.add_image(picture((3, 60, 80)), name="cells", scale=(2, 1, 1))
    dock.sections.labels.new_button.click()
    layer = viewer.layers["cells annotation"]
    for plane in range(3):
        viewer.dims.set_current_step(0, plane)
        layer.paint((plane, 20 + plane, 30), 2)
        layer.paint((plane, 50, 30), 1)
    tick(dock, qtbot)
    for plane in (2, 0, 1):
        viewer.dims.set_current_step(0, plane)
        found = shown(dock, viewer, qtbot)[plane]
        np.testing.assert_allclose(found, expected(dock, layer.data[plane], None), rtol=1e-5, atol=1e-5)


def test_another_image_has_another_map(viewer, live, qtbot):
    viewer.add_image(picture(seed=1), name="others")
    live.sections.image.combo.setCurrentText("others")
    live.sections.labels.new_button.click()
    viewer.layers["others annotation"].paint((20, 20), 1)
    qtbot.waitUntil(lambda: "others weight map" in viewer.layers, timeout=20000)
    assert "cells weight map" not in viewer.layers
    assert live.sections.weights.live.isChecked()
    viewer.layers["others annotation"].paint((40, 20), 2)
    qtbot.waitUntil(lambda: live.live_weights._work._work.busy, timeout=20000)
    viewer.layers.remove("others")
    qtbot.waitUntil(lambda: "others weight map" not in viewer.layers, timeout=20000)
    assert live.sections.weights.live.isChecked()
    assert live.sections.image.combo.currentText() == "cells"
    shown(live, viewer, qtbot)
    viewer.layers.clear()
    assert not live.sections.weights.live.isChecked()


def event(viewer, kind, position):
    viewer.cursor.position = position

    class Event:
        def __init__(self):
            self.type, self.is_dragging, self.modifiers, self.button = kind, kind == "mouse_move", [], 1
            self.position, self.view_direction, self.up_direction = position, None, None
            self.dims_displayed, self.dims_point, self.buttons, self.handled = [0, 1], [0, 0], [1], False

    return ReadOnlyWrapper(Event(), exceptions=("handled",))


def drag(viewer, layer, start, stop):
    """Draw a line as the mouse does."""
    mouse_press_callbacks(layer, event(viewer, "mouse_press", start))
    for part in np.linspace(0, 1, 6)[1:]:
        position = tuple(np.add(start, part * np.subtract(stop, start)))
        mouse_move_callbacks(layer, event(viewer, "mouse_move", position))
    mouse_release_callbacks(layer, event(viewer, "mouse_release", stop))


class Clock:
    """Calls functions on the GUI thread and notes how long each kept it: on the wall, and at work itself."""

    def __init__(self):
        self.times = {}

    def call(self, name, function, *arguments):
        wall, own = time.perf_counter(), time.thread_time()
        function(*arguments)
        self.times.setdefault(name, []).append((time.perf_counter() - wall, time.thread_time() - own))

    def median(self, name):
        """Seconds at work: other programs on the machine do not count."""
        return float(np.median(self.times[name], axis=0)[1])

    def __str__(self):
        lines = []
        for name, times in self.times.items():
            (wall, own), (slow, most) = (1e3 * np.quantile(times, q, axis=0) for q in (0.5, 0.95))
            lines.append(f"{name}: median {own:.1f} ms, p95 {most:.1f} ms; on the wall {wall:.1f} and {slow:.1f} ms")
        return "\n".join(lines)


def test_painting_on_a_large_image_stays_quick(usual_pauses, viewer, dock, qtbot, monkeypatch):
    viewer.window.show()  # napari draws all of the labels with every stroke until it was seen once
    viewer.add_image(np.random.default_rng(0).random((2048, 2048), np.float32), name="cells")
    dock.sections.labels.new_button.click()
    layer = viewer.layers["cells annotation"]
    layer.brush_size = 10
    rng = np.random.default_rng(2)
    for place in rng.integers(50, 1990, (300, 2)).tolist():
        layer.data[place[0] : place[0] + 20, place[1] : place[1] + 20] = rng.integers(1, 200)
    layer.refresh()
    qtbot.wait(300)
    clock, put = Clock(), dock.layers.weights.put
    monkeypatch.setattr(dock.layers.weights, "put", lambda *changed: clock.call("map", put, *changed))
    for number in range(50):
        if number == 10:
            tick(dock, qtbot)
        start = rng.integers(100, 1900, 2)
        layer.selected_label = 1 + number % 4
        name = "stroke without map" if number < 10 else "stroke with map"
        clock.call(name, drag, viewer, layer, tuple(start), tuple(start + rng.integers(-60, 60, 2)))
        if number < 10:
            qtbot.wait(40)
        else:
            qtbot.waitUntil(lambda: not dock.live_weights.busy)
    print(f"\n{clock}")
    assert len(clock.times["map"]) >= 35  # a stroke may fall on what it paints already
    # The stroke itself, and what the map costs the GUI thread after it.
    assert clock.median("stroke with map") + clock.median("map") < MOST
    found = shown(dock, viewer, qtbot)
    np.testing.assert_allclose(found, expected(dock, layer.data, None), rtol=1e-5, atol=1e-5)
