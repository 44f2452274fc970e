"""Uncertainty as a layer, and the key U that goes from one uncertain place to the next."""

import gc
import threading
import weakref

import numpy as np
import pytest
import qtpy
from napari.layers import Image, Points

from napari_upaint.core.uncertainty import entropy, margin
from napari_upaint.widgets import _live_weights, _uncertainty
from napari_upaint.widgets._memory import holding
from napari_upaint.widgets._new_layers import MARK

PLACE = {"scale": (0.5, 0.25), "translate": (3, 4), "units": ("um", "um"), "axis_labels": ("y", "x"), "rotate": 30}


def doubtful(shape=(200, 240), blobs=((50, 60, 0.45), (140, 180, 0.4))):
    """An image that the fake engine is sure of, but for some gray blobs: its scores are the gray values."""
    image = np.zeros(shape, np.float32)
    image[..., :8, :] = 1
    for *index, row, column, value in blobs:
        image[(*index, slice(row - 10, row + 11), slice(column - 10, column + 11))] = value
    return image


@pytest.fixture
def segment(viewer, dock, settle, qtbot):
    """Return a function that segments the image in view, and waits until everything follows."""

    def go(extent="view"):
        qtbot.waitUntil(lambda: dock.sections.segment.buttons[extent].isEnabled(), timeout=20000)
        dock.sections.segment.buttons[extent].click()
        settle(dock)
        qtbot.waitUntil(lambda: not dock.uncertainty.busy, timeout=20000)

    return go


@pytest.fixture
def press(dock, viewer, qtbot):
    """Return a function that presses U as napari would, and waits for the answer."""

    def go(key="U", elsewhere=True):
        if elsewhere:
            viewer.scene.camera.center = (0, -9999, -9999)
        viewer.keymap[next(one for one in viewer.keymap if str(one) == key)](viewer)
        qtbot.waitUntil(lambda: not dock.where_next.busy, timeout=20000)

    return go


def results(viewer, what):
    return [layer for layer in viewer.layers if layer.metadata.get(MARK, {}).get("what") == what]


def center(viewer, layer):
    """What of a layer is in the middle of the view."""
    return layer.world_to_data(viewer.scene.camera.center[-2:])


def test_uncertainty_is_a_layer_while_its_box_is_ticked(viewer, dock, segment, qtbot):
    image = viewer.add_image(doubtful(), name="cells", **PLACE)
    row = dock.sections.segment.guide
    row.show_box.click()  # before anything is segmented: nothing yet, and it follows
    assert not results(viewer, "uncertainty")
    segment()
    (layer,) = results(viewer, "uncertainty")
    assert isinstance(layer, Image)
    assert layer.name == "cells uncertainty (margin)"
    assert viewer.layers[-1] is layer  # on the labels, whose colours would change it
    cache = dock.layers.results.cache(image.unique_id)
    np.testing.assert_allclose(layer.data, margin(cache.plane(())), atol=1e-3)
    np.testing.assert_allclose(layer.data_to_world((7, 9)), image.data_to_world((7, 9)))
    assert layer.units == image.units
    row.methods.setCurrentIndex(1)
    qtbot.waitUntil(lambda: [one.name for one in results(viewer, "uncertainty")] == ["cells uncertainty (entropy)"])
    np.testing.assert_allclose(results(viewer, "uncertainty")[0].data, entropy(cache.plane(())), atol=1e-3)
    row.show_box.click()
    assert not results(viewer, "uncertainty")
    row.show_box.click()
    qtbot.waitUntil(lambda: len(results(viewer, "uncertainty")) == 1)
    viewer.layers.remove(results(viewer, "uncertainty")[0])
    assert not row.show_box.isChecked()  # or it would come back with the next plane
    assert dock.sections.image.combo.currentText() == "cells"


def test_an_image_that_is_closed_meanwhile_is_no_problem(viewer, dock, segment, qtbot, monkeypatch):
    for module in (_uncertainty, _live_weights):
        begun, closed = threading.Event(), threading.Event()
        wait = lambda *of, begun=begun, closed=closed: begun.set() or (closed.wait(20) and holding(*of))  # noqa: E731
        monkeypatch.setattr(module, "holding", wait)
        viewer.add_image(doubtful(), name="cells")
        if module is _uncertainty:
            segment("view")
            dock.sections.segment.guide.show_box.click()
        else:
            dock.sections.labels.new_button.click()
            viewer.layers["cells annotation"].paint((20, 20), 2)
            dock.sections.weights.live.click()
        qtbot.waitUntil(begun.is_set, timeout=20000)
        viewer.layers.clear()
        closed.set()
        qtbot.waitUntil(lambda: not (dock.uncertainty.busy or dock.live_weights.busy), timeout=20000)
        assert dock.sections.message.kind != "error"


def test_memory_for_uncertainty_comes_beside_the_window(viewer, dock, segment, qtbot, rooms_of):
    rooms = rooms_of(_uncertainty)
    viewer.add_image(doubtful((3, 200, 240), ()), name="cells")
    segment("layer")
    dock.sections.segment.guide.show_box.click()
    qtbot.waitUntil(lambda: len(rooms) == 3 and not dock.uncertainty.busy)
    assert all(room is results(viewer, "uncertainty")[0].data for room in rooms)


def test_it_follows_a_new_segmentation(viewer, dock, segment):
    image = viewer.add_image(doubtful(), name="cells")
    dock.sections.segment.guide.show_box.click()
    segment()
    assert results(viewer, "uncertainty")[0].data[50, 60] > 0.5
    image.data[:] = doubtful(blobs=())
    segment()
    assert results(viewer, "uncertainty")[0].data[50, 60] == 0


def test_u_goes_to_the_most_uncertain_place_then_to_the_next_and_says_when_there_is_none(viewer, dock, segment, press):
    image = viewer.add_image(doubtful(), name="cells", **PLACE)
    dock.sections.labels.new_button.click()
    annotation = viewer.layers["cells annotation"]
    segment()
    press()
    np.testing.assert_allclose(center(viewer, image), (50, 60), atol=1)
    (ring,) = results(viewer, "next place")
    assert isinstance(ring, Points)
    np.testing.assert_allclose(ring.data[0], (50, 60), atol=1)
    assert viewer.layers.selection.active is annotation
    assert annotation.mode == "paint"
    assert "Place 1" in dock.sections.segment.guide.found.text()
    press("Shift+U")
    np.testing.assert_allclose(center(viewer, image), (140, 180), atol=1)
    assert results(viewer, "next place") == [ring]
    annotation.paint((20, 20), 2)
    assert results(viewer, "next place") == [ring]  # painted elsewhere
    annotation.paint((140, 180), 2)
    assert not results(viewer, "next place")
    assert dock.sections.segment.guide.found.text() == ""
    press()
    assert dock.sections.message.text() == "You have seen every uncertain place; press U again to begin with the first."
    press()
    np.testing.assert_allclose(center(viewer, image), (50, 60), atol=1)
    assert [one.name for one in results(viewer, "next place")] == ["cells next place"]


def test_what_is_painted_is_not_shown_again_after_a_new_segmentation(viewer, dock, segment, press):
    image = viewer.add_image(doubtful(), name="cells")
    dock.sections.labels.new_button.click()
    segment()
    press()
    np.testing.assert_allclose(center(viewer, image), (50, 60), atol=1)
    viewer.layers["cells annotation"].data[40:62, 50:72] = 2
    assert results(viewer, "next place")
    segment()
    assert not results(viewer, "next place")  # it was of what was found before
    press()
    np.testing.assert_allclose(center(viewer, image), (140, 180), atol=1)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
@pytest.mark.parametrize("tilt", [{"shear": (0.3, 0, 0)}, {"rotate": (0, 20, 0)}])
def test_the_plane_in_view_of_a_tilted_stack_is_the_one_that_napari_draws(viewer, dock, tilt):
    stack = np.arange(20, dtype=np.uint8)[:, None, None] * np.ones((200, 240), np.uint8)
    layer = viewer.add_image(stack, name="stack", **tilt)
    for step in (0, 6, 11):
        viewer.dims.set_current_step(0, step)
        drawn = int(np.asarray(layer._slice.image.raw).max())
        assert dock.layers.index_in_view(layer.unique_id) == (drawn,)
    assert drawn


def test_u_finds_places_in_other_planes_that_were_segmented(viewer, dock, segment, press):
    image = doubtful((3, 200, 240), [(0, 50, 60, 0.3), (2, 140, 180, 0.45)])
    layer = viewer.add_image(image, name="stack", scale=(4, 0.5, 0.5), translate=(8, 0, 0))
    viewer.dims.set_current_step(0, 0)
    segment()
    press()
    assert viewer.dims.current_step[0] == 0
    segment("layer")
    press()
    assert dock.layers.index_in_view(layer.unique_id) == (2,)
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], (70, 90), atol=0.6)
    assert results(viewer, "next place")[0].data[0][0] == 2


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_u_and_the_ring_agree_with_what_is_drawn_of_a_tilted_stack(viewer, dock, segment, press):
    affine = np.array([[1, 0.2, 0, 0], [0.1, 1, 0, 5], [0, 0.1, 1, 0], [0, 0, 0, 1.0]])
    layer = viewer.add_image(doubtful((5, 200, 240), [(3, 140, 180, 0.45)]), name="stack", affine=affine)
    viewer.dims.set_current_step(0, 0)
    segment("layer")
    press()
    assert dock.layers.index_in_view(layer.unique_id) == (3,)
    assert np.asarray(layer._slice.image.raw).max() > 0.4  # the plane with the place is drawn
    ring = results(viewer, "next place")[0]
    assert ring.data[0][0] == 3
    drawn = viewer.window._qt_viewer.canvas.layer_to_visual[ring].node.transforms.get_transform("visual", "scene")
    x, y = drawn.map(ring.data[0][:0:-1])[:2]
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], (y, x), atol=1)


def test_u_says_what_is_missing(viewer, dock, segment, press):
    row = dock.sections.segment.guide
    press()
    assert dock.sections.message.text() == row.next_button.toolTip() == "Open an image first."
    viewer.add_image(doubtful(blobs=()), name="cells")
    assert not row.next_button.isEnabled()
    press()
    assert dock.sections.message.text() == row.next_button.toolTip()
    assert "Nothing is segmented yet" in row.next_button.toolTip()
    segment()
    assert row.next_button.isEnabled()
    row.next_button.click()
    press()
    assert dock.sections.message.text() == "Nothing is uncertain any more, except what is painted."
    row.methods.setCurrentIndex(2)
    press()
    assert "one rotation only" in dock.sections.message.text()


def test_nothing_is_left_when_the_dock_closes(viewer, dock, segment, press):
    viewer.add_image(doubtful(), name="cells")
    segment()
    press()
    assert results(viewer, "next place")
    viewer.window.remove_dock_widget(dock)
    assert not results(viewer, "next place")
    assert "U" not in {str(key) for key in viewer.keymap}


def test_where_an_object_would_be_tiny_the_view_comes_closer(viewer, dock, segment, press):
    viewer.add_image(doubtful(), name="cells")
    segment()
    viewer.scene.camera.zoom = 0.05
    press()
    radius = results(viewer, "next place")[0].size[0] / 2
    assert 2 * radius * viewer.scene.camera.zoom >= 24
    before = viewer.scene.camera.zoom
    press()
    assert viewer.scene.camera.zoom == before
    viewer.scene.camera.center = at = (0, 60, 70)
    for _ in range(2):  # once all places were seen, the first
        press(elsewhere=False)
    assert results(viewer, "next place")[0].data.tolist() == [[50, 60]]
    assert viewer.scene.camera.center == at  # it is in sight


def test_the_ring_goes_with_its_image(viewer, dock, segment, press):
    image = viewer.add_image(doubtful(), name="cells")
    segment()
    press()
    assert results(viewer, "next place")
    viewer.layers.remove(image)
    assert not results(viewer, "next place")


@pytest.mark.skipif(
    qtpy.API_NAME == "PySide6", reason="napari itself keeps layers that were closed: their controls stay"
)
def test_scores_of_what_was_closed_or_is_predicted_anew_are_let_go(viewer, dock, segment, press, settle):
    """Also by what else looks at them: the uncertainty, labels that are made again, the table."""
    dock.sections.segment.guide.show_box.click()
    image = viewer.add_image(doubtful(), name="cells")
    segment()
    press()
    dock.sections.segment.measure_button.click()
    dock.sections.settings.objects.control("threshold").setValue(0.4)
    settle(dock)
    dock.sections.segment.show_button.click()
    dock.sections.segment.show_button.click()
    kept = [weakref.ref(dock.layers.results.cache(image.unique_id).scores)]
    image.data = doubtful((210, 240))
    segment()
    press()
    gc.collect()
    assert kept[0]() is None
    kept = [weakref.ref(dock.layers.results.cache(image.unique_id).scores), weakref.ref(image.data)]
    viewer.layers.clear()
    del image
    gc.collect()
    gc.collect()
    assert [one() is None for one in kept] == [True, True]
