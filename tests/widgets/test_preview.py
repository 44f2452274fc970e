"""The live preview in a real viewer with a scripted engine: it follows the view and gets in nobody's way."""

from __future__ import annotations

import threading

import dask.array as da
import numpy as np
import pytest
from napari.layers import Labels
from upaint_pictures import paint, picture

from napari_upaint.io.models import Architecture, ModelFile, ModelHeader, save_model
from napari_upaint.widgets._new_layers import MARK
from napari_upaint.widgets._preview_layer import placed
from napari_upaint.widgets._viewed import MOST, Viewed, cut, for_scale

PLACE = {"scale": (0.5, 0.25), "translate": (3, 4), "units": ("um", "um"), "axis_labels": ("y", "x"), "rotate": 30}


@pytest.fixture
def dock(open_dock):
    return open_dock("upaint_live_tasks")


@pytest.fixture
def live(dock, qtbot):
    """Return a function that switches the preview on, and waits for as many pictures as are given."""

    def wait(act=dock.preview.toggle, pictures=1):
        came = []
        dock.preview.shown.connect(came.append)
        act()
        qtbot.waitUntil(lambda: len(came) >= pictures and not dock.preview.busy, timeout=20000)
        dock.preview.shown.disconnect(came.append)
        return came[-1]

    return wait


def shown(viewer, name="cells preview"):
    return viewer.layers[name]


def start_training(dock, viewer, qtbot, seconds=600, name="cells", index=()):
    dock.sections.labels.new_button.click()
    paint(viewer.layers[f"{name} annotation"], index)
    qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=20000)
    dock.sections.train.seconds.setValue(seconds)
    dock.sections.train.button.click()
    qtbot.waitUntil(lambda: len(dock.sections.train.plot.loss) > 2, timeout=20000)


# -- without a training --------------------------------------------------------------------------------------------


def test_right_after_an_image_was_opened(viewer, dock, live):
    image = viewer.add_image(picture(), name="cells", **PLACE)
    annotation = viewer.add_labels(np.zeros((60, 80), int), name="mine")
    result = live()
    layer = shown(viewer)
    assert isinstance(layer, Labels)
    assert layer.metadata[MARK]["what"] == "preview"
    assert (layer.data[20, 20], layer.data[10, 10], layer.data[50, 60]) == (1, 2, 0)
    assert result.step == 0
    assert list(viewer.layers) == [image, layer, annotation]
    assert viewer.layers.selection.active is annotation
    np.testing.assert_allclose(layer.data_to_world((59, 79)), image.data_to_world((59, 79)))
    assert (layer.units, layer.axis_labels) == (image.units, image.axis_labels)
    # A result: nobody can choose to paint on it.
    names = [dock.sections.labels.combo.itemText(i) for i in range(dock.sections.labels.combo.count())]
    assert names == ["mine"]
    assert layer.colormap.map(1)[3] < layer.colormap.map(2)[3] == 1


def test_of_one_of_several_images_it_lies_over_it(viewer, dock, live):
    viewer.add_image(picture(), name="cells")
    viewer.add_labels(np.zeros((60, 80), int), name="mine")
    viewer.add_image(picture(), name="more")
    dock.sections.image.combo.set_key(viewer.layers["more"].unique_id)
    live()
    assert [layer.name for layer in viewer.layers] == ["cells", "mine", "more", "more preview"]


def test_it_goes_when_it_is_switched_off_and_the_box_follows_the_key(viewer, dock, live, qtbot):
    viewer.add_image(picture(), name="cells")
    live()
    dock.preview.toggle()
    assert not dock.sections.train.preview.isChecked()
    assert [layer.name for layer in viewer.layers] == ["cells"]
    assert not dock.preview.busy


def test_zooming_in_shows_the_part_in_view_only(viewer, dock, live):
    viewer.add_image(picture((400, 600)), name="cells", scale=(2, 2), translate=(10, -5))
    live()

    def zoom():
        viewer.scene.camera.zoom = 8
        viewer.scene.camera.center = (2 * 25 + 10, 2 * 25 - 5)

    live(zoom)
    layer = shown(viewer)
    height, width = (size / 8 / 2 for size in viewer.canvas.size)
    for size, seen in zip(layer.data.shape, (height, width), strict=True):
        assert abs(size - (min(25, seen / 2) + seen / 2)) <= 2
    at = tuple(round(float(p)) for p in layer.world_to_data(viewer.layers["cells"].data_to_world((20, 20))))
    assert layer.data[at] == 1
    assert (layer.data[at[0] - 9 : at[0] + 9, at[1] - 9 : at[1] + 9] > 0).all()


def test_a_picture_is_no_news_of_what_was_measured(viewer, dock, live):
    """All buttons would be looked at again for each, many times a second while it learns."""
    viewer.add_image(picture(), name="cells")
    live()
    heard = []
    dock.layers.untabled.connect(lambda: heard.append(1))
    live(lambda: setattr(viewer.scene.camera, "zoom", 8))
    assert not heard


def test_the_slice_in_view_is_shown(viewer, dock, live, qtbot):
    stack = picture((3, 60, 80))
    stack[1] = stack[1, ::-1]
    viewer.add_image(stack, name="stack", scale=(2, 1, 1))
    viewer.dims.set_current_step(0, 0)
    live()
    layer = shown(viewer, "stack preview")
    assert layer.data.shape == (1, 60, 80)
    assert layer.data[0, 20, 20] == 1
    live(lambda: viewer.dims.set_current_step(0, 1))
    assert layer.data[0, 40, 20] == 1
    np.testing.assert_allclose(layer.translate, (2, 0, 0))
    assert viewer.dims.current_step[0] == 1


def test_the_same_view_is_not_predicted_again(viewer, dock, live, qtbot):
    viewer.add_image(picture(), name="cells")
    live()
    came = []
    dock.preview.shown.connect(came.append)
    viewer.scene.camera.zoom = 0.5  # all of it is in view still
    dock.choosing.changed.emit()
    qtbot.waitUntil(lambda: not dock.preview.busy)
    assert came == []


def test_other_objects_settings_show_another_preview(viewer, dock, live):
    viewer.add_image(picture(), name="cells")
    first = live()
    second = live(lambda: dock.sections.settings.objects.control("threshold").setValue(0.8))
    assert second.id > first.id


def test_closing_the_image_takes_its_preview_along(viewer, dock, live, qtbot):
    viewer.add_image(picture(), name="first")
    viewer.add_image(picture(seed=1), name="second")
    live()
    for name, left in (("second", "first"), ("first", None)):
        if left is None:
            del viewer.layers[name]
            qtbot.waitUntil(lambda: len(viewer.layers) == 0)
        else:
            dock.sections.image.combo.setCurrentText(name)
            qtbot.waitUntil(lambda: "second preview" in viewer.layers, timeout=10000)
            assert "first preview" not in viewer.layers
            live(lambda name=name: viewer.layers.remove(name))
            assert "second preview" not in viewer.layers
    assert dock.preview.on
    live(lambda: viewer.add_image(picture(), name="third"))
    assert "third preview" in viewer.layers


def test_deleting_the_layer_switches_it_off(viewer, dock, live, qtbot):
    viewer.add_image(picture(), name="cells")
    live()
    del viewer.layers["cells preview"]
    assert not dock.preview.on
    live()
    assert "cells preview" in viewer.layers


def test_another_model_is_seen_at_once(viewer, dock, live, qtbot, tmp_path):
    header = ModelHeader(
        "c", Architecture(n_outputs=3), classes=("background", "class 2", "class 3"), kind="classes", scale=0.5
    )
    path = save_model(ModelFile(header, {"b": np.zeros(1, np.float32)}), tmp_path / "c.safetensors")
    viewer.add_image(picture(), name="cells")
    live()
    result = live(lambda: dock.sections.model.open_file(path))
    assert result.kind == "classes"
    layer = shown(viewer)
    assert set(np.unique(layer.data)) <= {0, 1, 2, 3, 4}
    assert list(layer.features["label"][:2]) == ["background", "class 1"]


def test_a_model_that_sees_images_small_sees_far(viewer, dock, live, tmp_path):
    path = save_model(ModelFile(ModelHeader("c", Architecture(), scale=0.5), {}), tmp_path / "c.safetensors")
    viewer.add_image(picture((1200, 1400)), name="cells")
    live()
    layer = shown(viewer)
    assert layer.data.shape == (MOST, MOST)
    # Twice: only the first answer tells at which scale it sees.
    live(lambda: dock.sections.model.open_file(path), pictures=2)
    assert layer.data.shape == (600, 700)
    np.testing.assert_allclose(layer.scale, (2, 2))
    np.testing.assert_allclose(layer.translate, (0.5, 0.5))


def test_from_scratch_there_is_nothing_to_see_before_the_first_training(viewer, dock, live, qtbot):
    viewer.add_image(picture(), name="cells")
    live()
    dock.sections.model.choose(None)
    qtbot.waitUntil(lambda: "cells preview" not in viewer.layers, timeout=20000)
    assert dock.preview.on


def test_what_cannot_be_predicted_is_said_once(viewer, dock, qtbot):
    viewer.add_image(picture((30, 13)) + 5, name="odd")
    dock.preview.toggle()
    qtbot.waitUntil(lambda: dock.sections.message.text() == "No preview: it is unlucky.", timeout=10000)
    assert dock.sections.message.kind == "warning"
    dock.sections.message.clear()
    dock.sections.settings.objects.control("threshold").setValue(0.8)
    qtbot.waitUntil(lambda: not dock.preview.busy, timeout=10000)
    assert dock.sections.message.text() == ""


def test_a_problem_is_said_as_long_as_a_preview_is_wanted(viewer, dock, qtbot):
    viewer.add_image(picture((30, 13)) + 5, name="odd")
    message = dock.sections.message
    for before, left in (("Measured.", "Measured."), ("", "")):
        message.show_message(before)
        dock.preview.toggle()
        qtbot.waitUntil(lambda: message.text().endswith("No preview: it is unlucky."), timeout=10000)
        dock.preview.toggle()
        assert message.text() == left and message.kind == "info"


def test_how_a_training_ended_is_not_hidden_by_what_keeps_the_preview_from_showing(viewer, dock, qtbot, settle):
    viewer.add_image(picture((30, 13)) + 5, name="odd")
    dock.sections.labels.new_button.click()
    for row, label in ((15, 1), (25, 2)):
        viewer.layers["odd annotation"].paint((row, 6), label)
    qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=20000)
    dock.sections.train.seconds.setValue(1)
    dock.preview.toggle()
    dock.sections.train.button.click()
    settle(dock)
    message = dock.sections.message
    qtbot.waitUntil(lambda: message.text().endswith("No preview: it is unlucky."), timeout=10000)
    assert message.text().startswith("Better") and message.kind == "warning"


@pytest.mark.parametrize("turned", [{"ndisplay": 3}, {"order": (1, 0, 2)}])
def test_it_says_so_where_the_view_is_turned(viewer, dock, live, qtbot, turned):
    viewer.add_image(picture((3, 60, 80)), name="stack")
    live()
    viewer.dims.update(turned)
    qtbot.waitUntil(lambda: "turn the view back" in dock.sections.message.text(), timeout=10000)
    assert dock.sections.message.kind == "warning"
    viewer.dims.update({"ndisplay": 2, "order": (0, 1, 2)})
    live(lambda: viewer.dims.set_current_step(0, 2))


def test_reading_happens_in_a_thread(viewer, dock, live):
    threads = set()

    def block(part):
        threads.add(threading.current_thread() is threading.main_thread())
        return part

    lazy = da.from_array(picture((4, 60, 80)), chunks=(1, 60, 80)).map_blocks(block, dtype=np.float32)
    viewer.add_image(lazy, name="lazy")
    threads.clear()  # napari itself reads what it draws
    live()
    assert threads == {False}


# -- with a training -----------------------------------------------------------------------------------------------


def test_a_training_shows_what_it_has_learnt_by_now(viewer, dock, live, qtbot):
    viewer.add_image(picture(), name="cells")
    start_training(dock, viewer, qtbot)
    results = []
    dock.preview.shown.connect(results.append)
    live(pictures=3)
    steps = [one.step for one in results]
    assert steps == sorted(set(steps))
    assert steps[0] > 0
    assert shown(viewer).data[20, 20] == 1
    assert [layer.name for layer in viewer.layers] == ["cells", "cells preview", "cells annotation"]
    # Another part of the image: the running training is told.
    viewer.scene.camera.center, viewer.scene.camera.zoom = (20, 20), 40
    before = results[-1].id
    qtbot.waitUntil(lambda: results[-1].id > before, timeout=10000)
    assert shown(viewer).data.shape != (60, 80)
    dock.preview.toggle()
    count = len(results)
    loss = len(dock.sections.train.plot.loss)
    qtbot.waitUntil(lambda: len(dock.sections.train.plot.loss) > loss + 12, timeout=10000)
    assert len(results) == count
    assert "cells preview" not in viewer.layers


def test_after_the_training_the_new_model_is_seen(viewer, dock, live, qtbot, settle):
    viewer.add_image(picture(), name="cells")
    live()
    start_training(dock, viewer, qtbot, seconds=1)
    settle(dock)
    qtbot.waitUntil(lambda: not dock.preview.busy, timeout=10000)
    assert dock.sections.message.text().startswith("Better")
    names = [layer.name for layer in viewer.layers]
    assert names == ["cells", "cells scores", "cells labels", "cells preview", "cells annotation"]


def test_labels_from_before_do_not_shine_through_what_is_learnt(viewer, dock, live, qtbot, settle):
    viewer.add_image(picture(), name="cells")
    dock.sections.segment.buttons["view"].click()
    settle(dock)
    live()
    labels = viewer.layers["cells labels"]
    assert labels.visible
    assert shown(viewer).colormap.map(1)[3] == 0  # outlines alone, on the labels
    start_training(dock, viewer, qtbot)
    live(lambda: None, pictures=2)
    assert not labels.visible
    assert shown(viewer).colormap.map(1)[3] > 0
    labels.visible = True  # by its eye
    live(lambda: None, pictures=2)
    assert labels.visible
    labels.visible = False
    dock.sections.train.button.click()
    settle(dock)
    assert labels.visible


def test_a_training_from_scratch_can_be_watched(viewer, dock, live, qtbot):
    viewer.add_image(picture(), name="cells")
    dock.sections.model.choose(None)
    start_training(dock, viewer, qtbot)
    assert live().step > 0


def test_closing_the_dock_while_it_is_watched(viewer, dock, live, qtbot):
    viewer.add_image(picture(), name="cells")
    start_training(dock, viewer, qtbot)
    live()
    viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(lambda: dock.bridge.pid is None, timeout=20000)


# -- what is cut out -----------------------------------------------------------------------------------------------


def test_it_goes_with_the_dock_and_comes_with_the_next(viewer, dock, live, open_dock, qtbot):
    viewer.add_image(picture(), name="cells")
    live()
    viewer.window.remove_dock_widget(dock)
    assert [layer.name for layer in viewer.layers] == ["cells"]
    assert not dock.preview.busy
    again = open_dock("upaint_live_tasks")
    assert not again.preview.on
    again.preview.toggle()
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=20000)
    assert viewer.layers[1].name == "cells preview"
    again.preview.toggle()
    assert [layer.name for layer in viewer.layers] == ["cells"]


def test_closing_the_viewer_with_the_preview_on(viewer, dock, live, qtbot):
    viewer.add_image(picture(), name="cells")
    live()
    viewer.window._qt_window.show()
    viewer.close()
    qtbot.waitUntil(lambda: dock.bridge.pid is None, timeout=20000)


def viewed(array, box, levels=()):
    from napari_upaint.widgets._sources import ImageSource, Placement

    eye = np.eye(2)
    place = Placement((1.0, 1.0), (0.0, 0.0), eye, eye, np.eye(3), ("pixel", "pixel"), ("y", "x"))
    return Viewed(ImageSource("a", "a", array, False, place), (), box, levels)


def test_a_wide_view_is_clipped_to_its_middle():
    wide = viewed(np.zeros((5000, 9000), np.uint8), (slice(0, 5000), slice(1000, 9000)))
    box, shrunk = for_scale(wide, 1.0)
    assert shrunk == 1
    assert box == (slice(1988, 3012), slice(4488, 5512))
    box, shrunk = for_scale(wide, 0.25)
    assert shrunk == 4
    assert [side.stop - side.start for side in box] == [4096, 4096]
    assert all(side.start % 4 == 0 for side in box)
    box, _ = for_scale(wide, 2.0)
    assert [side.stop - side.start for side in box] == [MOST // 2, MOST // 2]
    small = viewed(np.zeros((7, 5), np.uint8), (slice(6, 7), slice(0, 5)))
    assert for_scale(small, 0.25) == ((slice(6, 7), slice(0, 5)), 1)
    middling = viewed(np.zeros((1500, 900), np.uint8), (slice(0, 1500), slice(3, 900)))
    assert for_scale(middling, 0.25) == ((slice(0, 1500), slice(2, 900)), 2)
    assert for_scale(middling, 1.0) == ((slice(238, 1262), slice(3, 900)), 1)


@pytest.mark.parametrize("pyramid", [False, True])
def test_what_is_sent_has_context_and_is_shrunk(pyramid):
    rng = np.random.default_rng(0)
    fine = rng.integers(0, 200, (300, 420)).astype(np.uint16)
    halves = fine.reshape(150, 2, 210, 2).mean((1, 3)).astype(np.float32)
    look = viewed(fine, (slice(100, 200), slice(0, 420)), (fine, halves) if pyramid else ())
    box, shrunk = look.box, 2
    view = cut(look, box, shrunk, 3, None, lambda _: "measured", lambda _: "seen")
    assert (view.id, view.shrunk, view.normalization, view.sight) == (3, 2, "measured", "seen")
    assert view.image.shape == (1, 50 + 64, 210)
    np.testing.assert_allclose(view.image[0][view.inside], halves[50:100])
    box, shrunk = for_scale(look, 1.0)
    whole = cut(look, box, shrunk, 4, None, lambda _: "measured", lambda _: "seen")
    np.testing.assert_array_equal(whole.image[0][whole.inside], fine[100:200])
    assert whole.image.dtype == np.uint16


def test_pixels_stay_where_they_are(viewer):
    image = viewer.add_image(picture(), shear=[0.2], **PLACE)
    from napari_upaint.widgets._open_layers import placement

    place = placed(placement(image), (20, 12), 4)
    part = viewer.add_labels(np.zeros((5, 6), np.uint8), **place.options())
    # The first shrunk pixel covers 20..23 and 12..15.
    np.testing.assert_allclose(part.data_to_world((0, 0)), image.data_to_world((21.5, 13.5)))
    np.testing.assert_allclose(part.data_to_world((4, 5)), image.data_to_world((37.5, 33.5)))
