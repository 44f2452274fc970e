"""The gallery: opened, redrawn and closed as a user would, on an engine that really draws."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import qtpy
from test_upaint import paint, picture

from napari_upaint.engine.progress import ShownTile
from napari_upaint.widgets._tile_pictures import mosaic, tile_picture, weight_picture


@pytest.fixture
def painted(viewer, open_dock, qtbot):
    dock = open_dock("upaint_drawing_tasks")
    viewer.add_image(picture(), name="cells")
    dock.sections.labels.new_button.click()
    paint(viewer.layers["cells annotation"])
    qtbot.waitUntil(lambda: dock.sections.weights.gallery_button.isEnabled(), timeout=20000)
    return dock


def drawn(dock, qtbot):
    qtbot.waitUntil(lambda: not dock.gallery.busy, timeout=30000)
    return dock.gallery.window.picture.pixels()


def test_tiles_are_shown_and_others_and_with_other_settings(viewer, painted, qtbot):
    painted.sections.weights.gallery_button.click()
    window = painted.gallery.window
    assert window.isVisible()
    assert window.words.text() == "Finding the scale, as a training does, and drawing tiles…"
    first = drawn(painted, qtbot)
    assert window.words.text() == "Tiles 1 to 9 of a training, the image at 50% of its size."
    assert first.shape[2] == 3
    assert len(np.unique(first)) > 20
    window.button.click()
    assert window.words.text() == "Drawing tiles…"
    second = drawn(painted, qtbot)
    assert window.words.text().startswith("Tiles 10 to 18")
    assert (first != second).any()
    painted.sections.settings.augment.control("gray").setValue(0.9)
    assert painted.gallery.busy
    assert (drawn(painted, qtbot) != second).any()
    window.close()
    assert not painted.gallery.busy
    painted.sections.settings.augment.control("gray").setValue(0.15)
    assert not painted.gallery.busy  # nobody looks
    painted.sections.weights.gallery_button.click()
    np.testing.assert_array_equal(drawn(painted, qtbot), first)
    window.close()
    image = weakref.ref(viewer.layers["cells"].data)
    viewer.layers.clear()
    if qtpy.API_NAME != "PySide6":  # with it napari itself keeps layers that were closed
        qtbot.waitUntil(lambda: gc.collect() >= 0 and image() is None, timeout=5000)


def test_training_goes_before_and_buttons_say_why(viewer, painted, settle, qtbot):
    painted.sections.train.seconds.setValue(1)
    painted.sections.weights.gallery_button.click()
    painted.sections.train.button.click()
    assert painted.gallery.window.words.text().startswith("Interrupted")
    assert "training is running" in painted.sections.weights.gallery_button.toolTip()
    painted.gallery.window.button.click()
    assert "training is running" in painted.gallery.window.words.text()
    settle(painted)
    painted.gallery.window.button.click()
    drawn(painted, qtbot)
    assert painted.gallery.window.words.text().startswith("Tiles")


def test_a_problem_is_told_in_the_window(viewer, painted, qtbot):
    viewer.layers["cells"].data = np.full((60, 80), 3.0)
    painted.sections.weights.gallery_button.click()
    qtbot.waitUntil(lambda: "constant" in painted.gallery.window.words.text(), timeout=10000)


def test_the_window_goes_with_the_dock(viewer, painted):
    painted.sections.weights.gallery_button.click()
    window = painted.gallery.window
    viewer.window.remove_dock_widget(painted)
    assert not window.isVisible()
    assert not painted.gallery.busy


def tile(channels=1, volume=False):
    rng = np.random.default_rng(0)
    image = rng.random((channels, 40, 50), np.float32)
    target = np.full((20, 30), -1, np.int16)
    target[3:9, 4:20], target[12:18, 4:20] = 0, 1
    weights = np.where(target >= 0, 2.0, 0).astype(np.float32)
    if volume:
        image, target, weights = (np.repeat(a[..., None, :, :], 3, axis=-3) for a in (image, target, weights))
    return ShownTile(image, target, weights)


@pytest.mark.parametrize("one", [tile(), tile(3), tile(2), tile(volume=True)])
def test_pictures_of_all_sorts_of_tiles(one):
    seen, weights = tile_picture(one), weight_picture(one, 2.0)
    assert seen.shape == weights.shape == (40, 50, 3)
    assert seen.dtype == weights.dtype == np.uint8
    assert seen[:10].max() <= 0.45 * 255  # context only
    assert seen[10:30, 10:40].max() > 200
    inside = weights[10:30, 10:40].any(axis=-1)
    target = one.target if one.target.ndim == 2 else one.target[1]
    np.testing.assert_array_equal(inside, target >= 0)
    assert not weights[:10].any()
    whole = mosaic([one] * 5, 80)
    assert whole.dtype == np.uint8
    assert whole.shape[0] == 2 * 80 + 6
