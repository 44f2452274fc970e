"""Regions drawn on the real layer: what is learnt, what judges, what the weight map shows, and that they are kept."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers._layer_actions import _duplicate_layer
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks
from test_live_weights import event, shown, tick
from test_upaint import paint, picture, press

from napari_upaint.core.regions import fill_background, learnt
from napari_upaint.core.weight_map import weight_map
from napari_upaint.engine.progress import NewSamples
from napari_upaint.io.models import load_model

NONE = "There is no region yet; press 'Annotated region' and drag a rectangle."


def drag(viewer, layer, start, stop):
    """Draw a rectangle as the mouse does."""
    mouse_press_callbacks(layer, event(viewer, "mouse_press", start))
    for part in (0.3, 0.7, 1.0):
        mouse_move_callbacks(layer, event(viewer, "mouse_move", tuple(np.add(start, part * np.subtract(stop, start)))))
    mouse_release_callbacks(layer, event(viewer, "mouse_release", stop))


def draw(viewer, dock, start, stop, name="cells regions"):
    dock.sections.labels.regions.draw_button.click()
    layer = viewer.layers[name]
    assert layer.mode == "add_rectangle"
    assert viewer.layers.selection.active is layer
    drag(viewer, layer, start, stop)
    return layer


@pytest.fixture
def painted(viewer, open_dock, qtbot):
    dock = open_dock("upaint_sampling_tasks")
    viewer.add_image(picture(), name="cells")
    dock.sections.labels.new_button.click()
    paint(viewer.layers["cells annotation"])
    dock.sections.train.seconds.setValue(1)
    return dock


def told(dock, settle):
    """Train and return what the engine was given."""
    dock.sections.train.button.click()
    settle(dock)
    return load_model(dock.sections.model.choice().path).header.provenance["samples"]


@pytest.mark.parametrize("turned", [{"ndisplay": 3}, {"order": (1, 0, 2)}])
def test_none_is_drawn_where_it_could_not_lie_on_a_plane(viewer, dock, turned):
    viewer.add_image(picture((3, 60, 80)), name="cells")
    dock.sections.labels.new_button.click()
    viewer.dims.update(turned)
    dock.sections.labels.regions.draw_button.click()
    assert "turn the view back first" in dock.sections.message.text()
    assert [layer.name for layer in viewer.layers] == ["cells", "cells annotation"]


def test_a_program_that_removes_all_regions_leaves_the_dock_working(viewer, painted, settle):
    """napari forgets to remove the features of shapes that are gone."""
    layer = draw(viewer, painted, (5, 5), (35, 40))
    layer.data = []
    assert len(layer.features) == 1 and painted.layers.regions.of(viewer.layers["cells"].unique_id) == ()
    draw(viewer, painted, (5, 5), (35, 40))
    assert len(painted.layers.regions.of(viewer.layers["cells"].unique_id)) == 1
    painted.regions.turn()
    assert len(layer.edge_color) == 1


def test_what_regions_said_is_forgotten_with_their_layer(viewer, painted, qtbot):
    train, layer = painted.sections.train.button, viewer.layers["cells annotation"]
    layer.data = np.where(layer.data == 1, 0, layer.data)  # only the region says what is background
    regions = draw(viewer, painted, (5, 5), (35, 40))
    qtbot.waitUntil(train.isEnabled, timeout=20000)
    viewer.layers.remove(regions)
    qtbot.waitUntil(lambda: "No background is painted" in train.toolTip(), timeout=20000)
    assert painted.layers.regions._heard == {}


def test_inside_a_fully_annotated_region_unlabelled_is_background(viewer, painted, settle, qtbot):
    layer = viewer.layers["cells annotation"]
    before = layer.data.copy()
    qtbot.waitUntil(lambda: painted.sections.train.button.isEnabled(), timeout=20000)
    draw(viewer, painted, (5.2, 5.1), (34.6, 39.7))
    filled = before.copy()
    filled[6:35, 6:40][filled[6:35, 6:40] == 0] = 1
    rows = painted.sections.labels.painted.rows
    qtbot.waitUntil(lambda: rows()[0][1] == f"{(filled == 1).sum():,} px".replace(",", " "), timeout=20000)
    [sample] = told(painted, settle)
    assert sample == {"values": [0, 1, 2], "learnt": np.bincount(filled.ravel()).tolist(), "judged": 0}
    np.testing.assert_array_equal(layer.data, before)
    viewer.layers["cells"].scale = (0.5, 0.25)
    painted.sections.labels.regions.draw_button.click()
    np.testing.assert_array_equal(viewer.layers["cells regions"].scale, (0.5, 0.25))
    viewer.layers["cells"].data = picture((3, 60, 80))  # another array, which the regions cannot be of
    painted.sections.labels.regions.draw_button.click()
    assert (viewer.layers["cells regions"].ndim, viewer.layers["cells regions [1]"].ndim) == (2, 3)


def test_what_is_painted_in_a_validation_region_is_not_learnt(viewer, painted, settle, qtbot):
    layer = viewer.layers["cells annotation"]
    for label, row, column in ((1, 8, 65), (2, 20, 65)):
        layer.paint((row, column), label)
    regions = draw(viewer, painted, (0.6, 54.6), (28.4, 78.4))
    assert list(regions.features["purpose"]) == ["fully annotated"]
    painted.sections.labels.regions.turn_button.click()
    assert list(regions.features["purpose"]) == ["validation only"]
    qtbot.waitUntil(lambda: painted.sections.train.button.isEnabled(), timeout=20000)
    [sample] = told(painted, settle)
    inside = (layer.data[1:29, 55:79] > 0).sum()
    assert sample["judged"] == inside > 0
    assert sum(sample["learnt"][1:]) == (layer.data > 0).sum() - inside
    painted.sections.labels.regions.turn_button.click()
    assert list(regions.features["purpose"]) == ["fully annotated"]


def test_the_weight_map_respects_regions(viewer, painted, qtbot):
    tick(painted, qtbot)
    layer = viewer.layers["cells annotation"]
    draw(viewer, painted, (4.6, 4.6), (30.4, 40.4))
    press(viewer, "Shift+O")
    draw(viewer, painted, (24.6, 29.6), (55.4, 70.4))
    annotation = painted.choosing.annotation()
    assert [region.purpose for region in annotation.regions] == ["validation", "annotated"]
    found = shown(painted, viewer, qtbot)
    rectangles = {purpose: np.zeros(layer.data.shape, bool) for purpose in ("validation", "annotated")}
    rectangles["validation"][5:31, 5:41] = True
    rectangles["annotated"][25:56, 30:71] = True
    expected = learnt(fill_background(layer.data, rectangles["annotated"]), rectangles["validation"])
    np.testing.assert_allclose(found, weight_map(expected, "objects"), rtol=1e-5, atol=1e-5)
    regions = viewer.layers["cells regions"]
    regions.selected_data = {0, 1}
    regions.remove_selected()
    found = shown(painted, viewer, qtbot)
    np.testing.assert_allclose(found, weight_map(layer.data, "objects"), rtol=1e-5, atol=1e-5)


def test_regions_of_a_stack_lie_on_their_slice(viewer, open_dock, settle, qtbot):
    dock = open_dock("upaint_sampling_tasks")
    viewer.add_image(picture((4, 60, 80)), name="cells", scale=(3, 0.5, 0.5), translate=(1, 2, 3))
    dock.sections.labels.new_button.click()
    viewer.dims.set_current_step(0, 2)
    paint(viewer.layers["cells annotation"], (2,))
    image = viewer.layers["cells"]
    dock.sections.labels.regions.draw_button.click()
    layer = viewer.layers["cells regions"]
    box = np.array([[(2, 5, 5), (2, 5, 40), (2, 30, 40), (2, 30, 5)]], float)
    layer.add_rectangles(box)
    [region] = dock.choosing.annotation().regions
    assert region.index == (2,)
    np.testing.assert_allclose(layer.data_to_world((2, 5, 5)), image.data_to_world((2, 5, 5)))
    planes = [dock.choosing.annotation().part((plane,)) for plane in range(4)]
    assert [int((plane == 1).sum()) > 100 for plane in planes] == [False, False, True, False]
    qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=20000)
    dock.sections.train.seconds.setValue(1)
    [sample] = told(dock, settle)
    assert sample["learnt"][1] == (planes[2] == 1).sum()


def test_regions_are_told_apart_by_colour_and_text(viewer, painted):
    layer = draw(viewer, painted, (5, 5), (30, 40))
    draw(viewer, painted, (35, 5), (50, 40))
    painted.regions.turn()
    assert [str(words) for words in layer.text.values] == ["fully annotated", "validation only"]
    assert not np.allclose(layer.edge_color[0], layer.edge_color[1])
    text = layer.text.color._values
    np.testing.assert_allclose(text, layer.edge_color, atol=0.01)
    draw(viewer, painted, (35, 50), (50, 70))  # the next one is an ordinary one again
    assert list(layer.features["purpose"]) == ["fully annotated", "validation only", "fully annotated"]
    np.testing.assert_allclose(layer.edge_color[2], layer.edge_color[0])
    viewer.layers.selection = {layer}
    _duplicate_layer(viewer.layers)
    np.testing.assert_allclose(viewer.layers["cells regions copy"].text.color._values, layer.edge_color, atol=0.01)


def test_buttons_say_why_they_do_not_work(viewer, dock):
    row = dock.sections.labels.regions
    assert row.draw_button.toolTip() == "Open an image first."
    viewer.add_image(picture(), name="cells")
    assert row.draw_button.toolTip() == "Press 'New labels' first."
    dock.sections.labels.new_button.click()
    assert row.draw_button.isEnabled()
    dock.regions.turn()
    assert row.turn_button.toolTip() == dock.sections.message.text() == NONE
    draw(viewer, dock, (5, 5), (30, 40))
    assert dock.sections.message.text() == ""


def test_keys(viewer, painted):
    press(viewer, "Shift+R")
    layer = viewer.layers["cells regions"]
    assert layer.mode == "add_rectangle"
    drag(viewer, layer, (5, 5), (30, 40))
    press(viewer, "Shift+O")
    assert list(layer.features["purpose"]) == ["validation only"]
    press(viewer, "Shift+B")
    assert viewer.layers.selection.active is viewer.layers["cells annotation"]


def test_the_docks_keys_work_right_after_a_region_was_drawn(viewer, painted, settle):
    """napari asks the selected layer first, and shapes have tools on T, Shift+P and Shift+L."""
    layer = draw(viewer, painted, (5, 5), (30, 40))
    press(viewer, "Shift+L")
    assert painted.preview.on
    press(viewer, "Shift+P")
    assert painted.working.results.segmenting.running
    settle(painted)
    press(viewer, "T")
    assert painted.working.training.running
    settle(painted)
    assert viewer.layers.selection.active is layer
    assert layer.mode == "add_rectangle"  # several can be drawn in a row
    others = viewer.add_shapes()
    press(viewer, "T")
    assert others.mode == "add_path"  # theirs, on layers that are not the dock's
    viewer.layers.selection.active = layer
    viewer.window.remove_dock_widget(painted)
    assert not layer.keymap
    press(viewer, "T")
    assert layer.mode == "add_path"


def test_a_dock_that_was_opened_anew_hears_of_regions(viewer, painted, open_dock, qtbot):
    painted.sections.labels.regions.draw_button.click()
    layer = viewer.layers["cells regions"]
    before = len(layer.events.data.callbacks) - 1
    viewer.window.remove_dock_widget(painted)
    assert len(layer.events.data.callbacks) == before
    edited, regions = [], []
    dock = open_dock()
    dock.layers.edited.connect(lambda: edited.append(1))
    dock.layers.regions.changed.connect(lambda: regions.append(1))
    row = dock.sections.labels.regions
    assert row.turn_button.toolTip() == NONE
    viewer.layers.selection.active = layer
    drag(viewer, layer, (5, 5), (30, 40))
    assert edited
    assert regions
    assert row.turn_button.isEnabled()
    press(viewer, "Shift+O")
    assert list(layer.features["purpose"]) == ["validation only"]
    assert len(layer.events.data.callbacks) == before + 1  # however often it was looked for
    viewer.window.remove_dock_widget(dock)
    assert len(layer.events.data.callbacks) == before
    heard = len(edited)
    layer.add_rectangles(np.array([[(2, 5), (2, 40), (30, 40), (30, 5)]], float))  # nobody is left who could mind
    assert len(edited) == heard


def test_a_hidden_layer_of_regions_comes_into_view_when_one_is_drawn(viewer, painted):
    layer = draw(viewer, painted, (5, 5), (30, 40))
    layer.visible = False  # napari has no tool for it then, and the drag moved the view
    draw(viewer, painted, (35, 5), (50, 40))
    assert layer.visible and layer.nshapes == 2


def test_a_region_that_is_there_already_does_not_come_back_twice(viewer, painted):
    """The twin went on counting when one of the two was turned or deleted."""
    layer, image = draw(viewer, painted, (5, 5), (30, 40)), viewer.layers["cells"].unique_id
    regions = painted.layers.regions.of(image)
    painted.layers.regions.put(image, regions * 2)
    assert layer.nshapes == 1


def test_regions_come_back_with_what_was_painted(viewer, painted, open_dock, qtbot):
    draw(viewer, painted, (5, 5), (30, 40))
    draw(viewer, painted, (35, 5), (50, 40))
    painted.regions.turn()
    before = painted.choosing.annotation().regions
    painted.autosaving.save_now()
    qtbot.waitUntil(lambda: not painted.autosaving._saving.busy, timeout=20000)
    viewer.window.remove_dock_widget(painted)
    viewer.layers.clear()
    dock = open_dock()
    viewer.add_image(picture(), name="cells")
    qtbot.waitUntil(lambda: not dock.sections.labels.offer.isHidden(), timeout=20000)
    dock.sections.labels.offer.accept_button.click()
    qtbot.waitUntil(lambda: "cells regions" in viewer.layers, timeout=20000)
    assert dock.choosing.annotation().regions == before
    assert viewer.layers.selection.active is viewer.layers["cells annotation"]


def test_a_running_training_learns_of_regions(viewer, open_dock, qtbot, monkeypatch):
    dock = open_dock("upaint_live_tasks")
    viewer.add_image(picture(), name="cells")
    dock.sections.labels.new_button.click()
    paint(viewer.layers["cells annotation"])
    viewer.layers["cells annotation"].paint((8, 65), 1)
    qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=20000)
    sent, send = [], dock.working.training.send
    monkeypatch.setattr(dock.working.training, "send", lambda message: (sent.append(message), send(message)))
    dock.sections.train.learn.setChecked(True)
    dock.sections.train.seconds.setValue(600)
    dock.sections.train.button.click()
    qtbot.waitUntil(lambda: dock.working.training.listening, timeout=20000)
    draw(viewer, dock, (40, 50), (58, 78))

    def last():
        return [one.samples[0] for one in sent if isinstance(one, NewSamples)][-1:]

    qtbot.waitUntil(lambda: any((one.annotation == 1).sum() > 300 for one in last()), timeout=20000)
    dock.regions.turn()
    qtbot.waitUntil(lambda: any(one.validation is not None for one in last()), timeout=20000)
    viewer.layers.remove("cells regions")
    qtbot.waitUntil(lambda: all(one.validation is None for one in last()), timeout=20000)
