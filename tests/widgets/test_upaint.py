"""The dock, driven as a user would, with a fake engine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading

import dask.array as da
import numpy as np
import pytest
import zarr
from app_model.types import KeyBinding
from napari._app_model import get_app_model
from napari.layers import Labels
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMessageBox
from upaint_pictures import paint, picture

from napari_upaint.errors import ImageError
from napari_upaint.io.models import load_model
from napari_upaint.session.run import list_runs
from napari_upaint.widgets import _progress_line, _segmenting, _sources
from napari_upaint.widgets._new_layers import MARK
from napari_upaint.widgets.upaint import UPaintDock

PLACE = {"scale": (0.5, 0.25), "translate": (3, 4), "units": ("um", "um"), "axis_labels": ("y", "x"), "rotate": 30}


@pytest.fixture
def painted(viewer, dock, qtbot):
    """A dock with an image and two strokes on it."""
    viewer.add_image(picture(), name="cells", **PLACE)
    dock.sections.labels.new_button.click()
    layer = viewer.layers["cells annotation"]
    paint(layer)
    qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=20000)
    dock.sections.train.seconds.setValue(1)
    return dock


def test_an_empty_viewer_says_what_to_do(dock):
    s = dock.sections
    for button in (s.labels.new_button, s.train.button, *s.segment.buttons.values(), s.weights.live):
        assert not button.isEnabled()
        assert button.toolTip() == "Open an image first."
    assert s.train.progress.words() == "Open an image first."


def test_new_labels_lie_on_the_image_with_brush_in_hand(viewer, dock):
    image = viewer.add_image(picture(), name="cells", shear=[0.1], **PLACE)
    dock.sections.labels.new_button.click()
    made = viewer.layers["cells annotation"]
    assert isinstance(made, Labels)
    assert made.data.shape == image.data.shape
    assert made.units == image.units
    assert made.axis_labels == image.axis_labels
    corner = (59, 79)
    np.testing.assert_allclose(made.data_to_world(corner), image.data_to_world(corner))
    assert (made.mode, made.selected_label) == ("paint", 1)
    assert viewer.layers.selection.active is made
    assert list(made.features["label"][:3]) == ["unlabelled", "background", "object 2"]
    dock.sections.labels.classes.click()
    assert list(made.features["label"][:3]) == ["unlabelled", "background", "class 2"]
    assert dock.sections.labels.combo.currentText() == "cells annotation"


def test_the_dock_says_where_the_brush_is_and_gives_it_back(viewer, dock):
    section = dock.sections.labels
    image = viewer.add_image(picture(), name="cells")
    assert section.away.isHidden()
    section.new_button.click()
    labels = viewer.layers["cells annotation"]
    labels.selected_label = 5
    for selection in ({image}, {image, labels}):
        assert section.away.isHidden()
        viewer.layers.selection = selection
        assert not section.away.isHidden()
        labels.mode = "pan_zoom"
        section.paint_on_button.click()
        assert viewer.layers.selection.active is labels
        assert (labels.mode, labels.selected_label) == ("paint", 5)
    viewer.layers.remove(labels)
    assert section.away.isHidden()


def test_labels_of_a_colour_image_have_no_colour_axis(viewer, dock):
    viewer.add_image(np.zeros((5, 20, 30, 3), np.uint8), name="movie", rgb=True)
    dock.sections.labels.new_button.click()
    assert viewer.layers["movie annotation"].data.shape == (5, 20, 30)
    assert "colour (RGB)" in dock.sections.image._facts.text()
    assert "axis 1 (5)" in dock.sections.image._facts.text()


def test_how_far_a_stack_is_segmented_stands_before_its_name_which_may_be_cut(viewer, dock, settle, qtbot, monkeypatch):
    viewer.add_image(picture((3, 60, 80)), name="a name that takes all of the line")
    said, fractions = [], []
    dock.working.results.segmenting.progress.connect(lambda one, words: (fractions.append(one), said.append(words)))
    qtbot.waitUntil(dock.sections.segment.buttons["layer"].isEnabled, timeout=20000)
    dock.sections.segment.buttons["layer"].click()
    settle(dock)
    assert (
        "Plane 2 of 3: a name that takes all of the line" in said
    )  # seconds pass before it is known how many more will
    assert fractions == sorted(fractions)  # the first plane is not all that there is
    monkeypatch.setattr(_progress_line, "_TELLING", 0)
    dock.sections.segment.buttons["layer"].click()
    settle(dock)
    assert any(re.fullmatch(r"Plane 2 of 3, \d+ s left: a name that takes all of the line", words) for words in said)


def test_labels_of_a_single_plane_are_taken_as_they_came(viewer, dock, settle, qtbot):
    """To copy those of a very large image would stop the window."""
    viewer.add_image(picture(), name="cells")
    came = []
    dock.working.results.segmenting.segmented.connect(lambda *event: came.append(event[-1].labels))
    qtbot.waitUntil(dock.sections.segment.buttons["view"].isEnabled, timeout=20000)
    dock.sections.segment.buttons["view"].click()
    settle(dock)
    assert np.shares_memory(viewer.layers["cells labels"].data, came[0])


def test_room_for_labels_of_a_stack_is_made_beside_the_window(viewer, dock, segment, rooms_of):
    rooms = rooms_of(_segmenting)
    viewer.add_image(picture((3, 60, 80)), name="cells")
    viewer.dims.set_current_step(0, 0)
    segment("view")
    layer = viewer.layers["cells labels"]
    viewer.dims.set_current_step(0, 1)
    segment("view")
    assert layer is viewer.layers["cells labels"]
    assert len(rooms) == 2 and all(room is layer.data for room in rooms)
    assert [bool(plane.any()) for plane in layer.data] == [True, True, False]


def test_labels_that_come_anew_share_nothing_with_those_that_were_corrected(viewer, dock, segment):
    viewer.add_image(picture((3, 60, 80)), name="cells")
    viewer.dims.set_current_step(0, 0)
    segment("view")
    first = viewer.layers["cells labels"]
    first.data_setitem((np.array([0]), np.array([5]), np.array([5])), 77)
    segment("view")
    second = viewer.layers["cells labels"]
    assert second is not first and not np.shares_memory(first.data, second.data)
    assert first.data[0, 5, 5] == 77 and second.data[0, 5, 5] != 77


def test_the_reason_changes_with_what_is_painted(viewer, dock, qtbot):
    s = dock.sections

    def says(words):
        qtbot.waitUntil(lambda: words in s.train.button.toolTip(), timeout=20000)

    assert s.labels.background_button.toolTip() == "Open an image first."
    dock.choosing.brush.take_background()  # by its key
    assert s.message.text() == "Open an image first." and s.message.kind == "warning"
    viewer.add_image(picture(), name="cells")
    says("Press 'New labels'")
    assert s.labels.background_button.toolTip() == "Press 'New labels' first."
    assert s.message.text() == ""  # what a key was answered holds no more
    s.labels.new_button.click()
    layer = viewer.layers["cells annotation"]
    says("Nothing is painted yet")
    dock.working.train_or_stop()
    assert "Nothing is painted yet" in s.message.text()
    layer.paint((50, 60), 1)
    says("Only background is painted")
    assert s.message.text() == ""
    layer.paint((20, 20), 2)
    says("Learn from what is painted")
    assert s.train.button.isEnabled()
    layer.undo()
    says("Only background is painted")
    layer.undo()
    layer.paint((20, 20), 2)
    says("No background is painted")
    dock.sections.labels.classes.click()
    layer.paint((20, 70), 3)
    says("Learn from what is painted")


def test_painted_pixels_are_listed(viewer, painted, qtbot):
    layer = viewer.layers["cells annotation"]
    rows = painted.sections.labels.painted.rows
    qtbot.waitUntil(lambda: rows()[1][0].endswith("1 object</b>"), timeout=20000)
    assert rows()[0] == ("Background", f"{(layer.data == 1).sum()} px")
    painted.sections.labels.next_button.click()
    assert layer.selected_label == 3
    painted.sections.labels.background_button.click()
    assert layer.selected_label == 1
    qtbot.waitUntil(lambda: rows()[0][0] == "<b>Background</b>", timeout=20000)
    painted.sections.labels.classes.click()
    assert rows()[1][0] == "Class 2"


def test_the_next_object_has_a_number_that_the_labels_can_hold(viewer, dock, qtbot):
    viewer.add_image(picture(), name="cells")
    mask = np.zeros((60, 80), np.uint8)
    mask[10:20, 10:20] = 255  # a mask of 0 and 255 that another program has made
    layer = viewer.add_labels(mask, name="cells annotation")
    qtbot.waitUntil(lambda: "1 object" in dock.sections.labels.painted.rows()[-1][0], timeout=20000)
    dock.sections.labels.next_button.click()
    assert (layer.selected_label, layer.mode) == (2, "paint")
    mask[0, :] = np.arange(1, 81)
    mask[1:4, :] = np.arange(81, 321).clip(max=255).reshape(3, 80)
    layer.data = mask
    qtbot.waitUntil(lambda: "254 objects" in dock.sections.labels.painted.rows()[-1][0], timeout=20000)
    dock.sections.labels.next_button.click()
    assert dock.sections.message.text().startswith("cells annotation has used all numbers up to 255")


def test_the_next_object_waits_until_it_is_known_which_numbers_are_in_use(viewer, dock, qtbot):
    """In a large stack that takes seconds, and two objects with one number would be learnt as one."""
    viewer.add_image(picture(), name="cells")
    layer = viewer.add_labels(np.arange(60 * 80).reshape(60, 80) // 800, name="cells annotation")
    dock.sections.labels.next_button.click()
    qtbot.waitUntil(lambda: (layer.selected_label, layer.mode) == (6, "paint"), timeout=20000)
    dock.sections.labels.background_button.click()
    layer.paint((30, 30), 1)
    qtbot.waitUntil(lambda: dock.choosing.brush.busy, timeout=20000)
    qtbot.waitUntil(lambda: not dock.choosing.brush.busy, timeout=20000)
    assert layer.selected_label == 1


def test_colours_are_those_of_the_labels_also_where_only_the_brushs_is_shown(viewer, painted):
    layer = viewer.layers["cells annotation"]
    before = painted.layers.label_colours(layer.unique_id, (1, 2, 3))
    layer.show_selected_label = True
    assert painted.layers.label_colours(layer.unique_id, (1, 2, 3)) == before
    assert len(set(before.values())) == 3


def test_labels_that_napari_cannot_paint_on(viewer, dock, qtbot):
    viewer.add_image(picture(), name="cells")
    labels = np.zeros((60, 80), np.uint8)
    viewer.add_labels([labels, labels[::2, ::2]], name="pyramid")
    s, words = dock.sections, "does not paint on labels of several resolutions"
    assert not s.labels.background_button.isEnabled() and words in s.labels.background_button.toolTip()
    qtbot.waitUntil(lambda: words in s.train.button.toolTip(), timeout=20000)
    assert s.labels.masks_button.isEnabled()
    for read_only in (np.broadcast_to(labels, labels.shape), zarr.open_array(zarr.array(labels).store, mode="r")):
        dock.choosing.choose_annotation(viewer.add_labels(read_only).unique_id)
        assert "cannot write to the file" in s.labels.background_button.toolTip()


def test_napari_does_not_paint_beside_a_smaller_unit(viewer, dock, qtbot):
    image = viewer.add_image(picture(), name="cells", scale=(0.5, 0.5), units="um")
    dock.sections.labels.new_button.click()
    s = dock.sections
    assert s.labels.background_button.isEnabled()
    other = viewer.add_image(picture(), name="nano", units="nm")
    assert "misses labels in micrometer beside layers in nanometer" in s.labels.background_button.toolTip()
    qtbot.waitUntil(lambda: "misses labels" in s.train.button.toolTip(), timeout=20000)
    other.units = image.units
    assert s.labels.background_button.isEnabled()
    image.units = other.units = "nm"
    assert not s.labels.background_button.isEnabled()
    viewer.layers["cells annotation"].units = "nm"
    assert s.labels.background_button.isEnabled()


def test_labels_that_lie_elsewhere_are_not_painted(viewer, dock, qtbot):
    """Whose scale another program has lost: what is painted where the image is seen would be learnt elsewhere."""
    viewer.add_image(picture((3, 60, 80)), name="cells", scale=(2, 0.5, 0.5))
    labels = viewer.add_labels(np.zeros((3, 60, 80), np.uint8), name="cells annotation", scale=(2, 1, 1))
    s, words = dock.sections, "These labels do not lie on cells; right-click"
    assert s.labels.background_button.toolTip().startswith(words)
    qtbot.waitUntil(lambda: s.train.button.toolTip().startswith(words), timeout=20000)
    assert s.labels.masks_button.isEnabled()
    app = get_app_model()
    context, below = (list(app.menus.iter_menu_groups(f"napari/layers/context{of}")) for of in ("", "/copy_spatial"))
    titles = {getattr(item, "command", item).title for group in context + below for item in group}
    path = ("Copy scale and transforms", "Copy all to clipboard", "Apply scale/transforms from Clipboard")
    assert titles.issuperset(path), titles
    for title in path:
        assert f"> {title}" in s.labels.background_button.toolTip()
    viewer.layers.selection = {viewer.layers["cells"]}
    app.commands.execute_command("napari.layer.copy_all_to_clipboard")
    viewer.layers.selection = {labels}
    app.commands.execute_command("napari.layer.paste_spatial_from_clipboard")
    assert s.labels.background_button.isEnabled()
    labels.translate = (0, 0.2, 0.2)
    dock.choosing.changed.emit()
    assert s.labels.background_button.isEnabled()


def test_training_saves_a_model_chooses_it_and_shows_what_it_sees(viewer, painted, settle, own_home):
    before = viewer.layers["cells annotation"].data.copy()
    s = painted.sections
    s.train.button.click()
    assert s.train.button.text() == "Stop"
    assert not s.segment.buttons["view"].isEnabled()
    assert "training is running" in s.segment.buttons["view"].toolTip()
    settle(painted)
    assert s.train.button.text() == "Train"
    assert s.train.plot.loss
    assert s.train.plot.validation
    assert s.message.text().startswith("Better than before: loss on held-out paint from 0.8 to 0.2")
    (saved,) = (own_home / "models").glob("*.safetensors")
    assert s.model.choice().path == saved
    assert saved.stem.startswith("cells 20")
    assert viewer.layers["cells labels"].data[20, 20] == 1
    assert viewer.layers["cells scores"].data.shape == (60, 80)
    assert viewer.layers["cells scores"].data[20, 20] > 0.5 > viewer.layers["cells scores"].data[50, 60]
    assert viewer.dims.ndim == 2  # no slider for channels
    np.testing.assert_array_equal(viewer.layers["cells annotation"].data, before)
    assert viewer.layers.selection.active is viewer.layers["cells annotation"]


def test_a_model_that_cannot_be_saved_stays_in_memory_until_there_is_room(painted, settle, own_home, monkeypatch):
    def warning(_parent, _title, text, _buttons, chosen_by_enter):
        asked.append(text)
        if len(asked) == 1:
            return QMessageBox.StandardButton.Discard
        if len(asked) == 3:
            (own_home / "models").unlink()  # room is made
        return chosen_by_enter

    monkeypatch.setattr(QMessageBox, "warning", warning)
    own_home.mkdir(exist_ok=True)
    (own_home / "models").write_text("in the way")
    asked, train, message = [], painted.sections.train.button, painted.sections.message
    train.click()
    settle(painted)
    assert train.text() == "Train" and message.text().startswith("Cannot write to") and not message.isHidden()
    train.click()
    settle(painted)
    assert [text for text in asked if "its result is not saved yet. Cannot write to" not in text] == []
    assert len(asked) == 3
    (run,) = list_runs()
    assert f"Saved as '{run.model.stem}'." in message.text()


def test_a_training_that_does_not_help_keeps_the_model(painted, settle, own_home):
    s = painted.sections
    s.train.button.click()
    settle(painted)
    chosen = s.model.choice().path
    s.settings.train.control("seed").setValue(13)
    s.train.button.click()
    settle(painted)
    assert s.model.choice().path == chosen
    assert s.message.text().startswith("Kept the model from before, because nothing was better")


def test_a_training_that_finds_the_scale_alone_keeps_that(painted, settle):
    """The start at another scale is another model: what is segmented with it must be what was judged."""
    s = painted.sections
    s.settings.train.control("seed").setValue(14)
    s.train.button.click()
    settle(painted)
    assert load_model(s.model.choice().path).header.scale == 0.5
    assert s.message.text().startswith("Kept the network from before, because nothing was better")
    assert "now it knows the scale" in s.message.text() and "Saved as" in s.message.text()


def test_results_lie_on_the_image_and_are_replaced(viewer, painted, settle):
    image = viewer.layers["cells"]
    s = painted.sections
    s.train.button.click()
    settle(painted)
    for _ in range(2):
        s.segment.buttons["view"].click()
        settle(painted)
    assert [layer.name for layer in viewer.layers] == ["cells", "cells scores", "cells labels", "cells annotation"]
    labels, scores = viewer.layers["cells labels"], viewer.layers["cells scores"]
    np.testing.assert_allclose(labels.data_to_world((59, 79)), image.data_to_world((59, 79)))
    np.testing.assert_allclose(scores.data_to_world((59, 79)), image.data_to_world((59, 79)))
    assert (labels.units, labels.axis_labels) == (image.units, image.axis_labels)
    assert (scores.units, scores.axis_labels) == (image.units, image.axis_labels)
    assert s.message.text() == "Segmented 1 plane."


def test_results_of_each_of_several_images_lie_over_it(viewer, painted, settle):
    s = painted.sections
    s.train.button.click()
    settle(painted)
    assert [layer.name for layer in viewer.layers] == ["cells", "cells scores", "cells labels", "cells annotation"]
    viewer.add_image(picture(seed=1), name="more")
    s.image.combo.set_key(viewer.layers["more"].unique_id)
    s.labels.new_button.click()
    viewer.layers.remove("cells labels")
    s.segment.buttons["all"].click()
    settle(painted)
    names = [layer.name for layer in viewer.layers]
    assert names[:4] == ["cells", "cells scores", "cells labels", "cells annotation"]
    assert names[4:] == ["more", "more scores", "more labels", "more annotation"]


def test_several_classes_are_channels_of_the_scores(viewer, painted, settle, qtbot):
    viewer.layers["cells annotation"].paint((40, 40), 3)
    painted.sections.labels.classes.click()
    painted.sections.train.button.click()
    settle(painted)
    scores = viewer.layers["cells scores"]
    assert scores.data.shape == (2, 60, 80)
    assert scores.metadata["channels"] == ("class 1", "class 2")
    np.testing.assert_allclose(scores.scale, (1, 0.5, 0.25))
    assert tuple(map(str, scores.units)) == ("pixel", "micrometer", "micrometer")
    assert scores.axis_labels == ("channel", "y", "x")


def test_results_leave_the_view_alone(viewer, dock, settle, qtbot):
    viewer.add_image(picture((3, 60, 80)), name="stack", scale=(2, 1, 1))
    dock.sections.labels.new_button.click()
    paint(viewer.layers["stack annotation"], (2,))
    qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=20000)
    viewer.dims.set_current_step(0, 2)
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 20, 30), 7
    dock.sections.train.seconds.setValue(1)
    dock.sections.train.button.click()
    settle(dock)
    assert viewer.layers["stack scores"].data[2].any()
    assert viewer.dims.current_step[0] == 2
    np.testing.assert_allclose(viewer.scene.camera.center, (0, 20, 30))
    assert viewer.scene.camera.zoom == 7


def test_a_users_layer_is_never_taken_for_a_result(viewer, painted, settle):
    mine = viewer.add_labels(np.full((60, 80), 7), name="cells labels")
    painted.sections.train.button.click()
    settle(painted)
    assert (mine.data == 7).all()
    assert viewer.layers["cells labels [1]"].metadata[MARK]["what"] == "labels"
    names = [painted.sections.labels.combo.itemText(i) for i in range(painted.sections.labels.combo.count())]
    assert names == ["cells annotation", "cells labels"]


def test_a_stack_is_segmented_plane_by_plane(viewer, dock, settle, qtbot):
    stack = picture((3, 60, 80))
    viewer.add_image(stack, name="stack", scale=(2, 0.5, 0.5), units=("s", "um", "um"), axis_labels=("t", "y", "x"))
    dock.sections.labels.new_button.click()
    viewer.dims.set_current_step(0, 1)
    paint(viewer.layers["stack annotation"], (1,))
    qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=20000)
    dock.sections.train.seconds.setValue(1)
    dock.sections.train.button.click()
    settle(dock)
    labels = viewer.layers["stack labels"]
    assert [bool(plane.any()) for plane in labels.data] == [False, True, False]
    dock.sections.segment.buttons["layer"].click()
    settle(dock)
    assert all(plane[20, 20] == 1 for plane in labels.data)
    scores = viewer.layers["stack scores"]
    assert scores.data.shape == (3, 60, 80)
    np.testing.assert_allclose(scores.scale, (2, 0.5, 0.5))
    assert tuple(map(str, scores.units)) == ("second", "micrometer", "micrometer")
    assert scores.axis_labels == ("t", "y", "x")
    assert dock.sections.message.text() == "Segmented 2 planes; 1 was there already."


def test_lazy_and_multiscale_layers(viewer, dock, settle, qtbot):
    stack = picture((3, 60, 80))
    viewer.add_image(da.from_array(stack, chunks=(1, 60, 80)), name="lazy")
    viewer.add_image([stack[0], stack[0, ::2, ::2]], name="pyramid", multiscale=True)
    dock.sections.image.combo.setCurrentText("lazy")
    dock.sections.labels.new_button.click()
    paint(viewer.layers["lazy annotation"], (0,))
    qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=20000)
    dock.sections.train.seconds.setValue(1)
    dock.sections.train.button.click()
    settle(dock)
    dock.sections.segment.buttons["all"].click()
    settle(dock)
    assert dock.sections.message.text() == "Segmented 3 planes; 1 was there already."
    assert (viewer.layers["lazy labels"].data[:, 20, 20] == 1).all()
    assert viewer.layers["pyramid labels"].data.shape == (60, 80)


def test_images_of_one_size_keep_their_own_labels(viewer, dock):
    for name in ("first", "second"):
        viewer.add_image(picture(), name=name)
        dock.sections.image.combo.setCurrentText(name)
        dock.sections.labels.new_button.click()
    for name in ("first", "second"):
        dock.sections.image.combo.setCurrentText(name)
        assert dock.sections.labels.combo.currentText() == f"{name} annotation"


def test_the_dock_begins_with_the_selected_layer(viewer, open_dock):
    for name in ("first", "second", "third"):
        viewer.add_image(picture(), name=name)
    viewer.layers.selection.active = viewer.layers["second"]
    assert open_dock().sections.image.combo.currentText() == "second"


def test_one_bad_image_does_not_stop_the_others(viewer, painted, settle):
    viewer.add_image(np.zeros((40, 40)), name="empty")
    viewer.add_image(picture((2, 60, 80), 1), name="more")
    viewer.add_image(np.full((40, 40), np.nan), name="broken")
    s = painted.sections
    s.train.button.click()
    settle(painted)
    s.segment.buttons["all"].click()
    settle(painted)
    assert viewer.layers["cells labels"].data[20, 20] == 1
    assert (viewer.layers["more labels"].data[:, 20, 20] == 1).all()
    assert "empty labels" not in viewer.layers
    assert s.message.kind == "warning"
    assert s.message.text().startswith("Segmented 2 planes; 1 was there already, but: empty is constant")
    assert "broken has 1600 pixels that are NaN" in s.message._details.toPlainText()


def test_bad_images_give_one_sentence(viewer, dock, settle, qtbot):
    for value, words in ((np.nan, "NaN or infinite"), (5.0, "constant")):
        viewer.layers.clear()
        viewer.add_image(np.full((60, 80), value, np.float32), name="bad")
        dock.sections.labels.new_button.click()
        paint(viewer.layers["bad annotation"])
        qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=20000)
        dock.sections.train.button.click()
        settle(dock)
        assert words in dock.sections.message.text()
        assert dock.sections.message.kind == "error"
        assert dock.sections.train.button.text() == "Train"


def test_how_a_training_ended_stays_to_be_read_where_the_plane_in_view_is_too_large(
    viewer, painted, settle, monkeypatch
):
    def refuse(name, sides):
        raise ImageError(f"{name} would need too much memory.")

    painted.working.training.begun.connect(lambda: monkeypatch.setattr(_sources, "fit_at_once", refuse))
    painted.sections.train.button.click()
    settle(painted)
    message = painted.sections.message
    assert message.text().startswith("Better than before")
    assert message.text().endswith(" cells would need too much memory.")
    assert message.kind == "warning"


def test_labels_of_another_shape_are_refused(viewer, dock, qtbot):
    viewer.add_image(picture(), name="cells")
    viewer.add_labels(np.ones((30, 30), int), name="other")
    for button in (dock.sections.train.button, dock.sections.labels.background_button):
        assert not button.isEnabled() and "differ in size" in button.toolTip()
    viewer.add_labels(np.ones((60, 80), int), name="fits")
    dock.sections.labels.combo.setCurrentText("fits")
    qtbot.waitUntil(lambda: "Only background" in dock.sections.train.button.toolTip(), timeout=20000)


def test_stop_in_the_middle_leaves_a_usable_model(viewer, painted, settle, qtbot):
    s = painted.sections
    s.train.seconds.setValue(600)
    s.train.button.click()
    qtbot.waitUntil(lambda: len(s.train.plot.loss) > 5, timeout=10000)
    s.train.button.click()
    assert s.train.progress.words() == "Stopping…"
    settle(painted, 10)
    assert s.message.text().startswith("Better than before")
    assert viewer.layers["cells labels"].data[20, 20] == 1


@pytest.mark.parametrize("moment", ["gathering", "looking"])
def test_stop_before_the_first_step_leaves_everything_as_it_was(viewer, painted, settle, qtbot, own_home, moment):
    s = painted.sections
    before = s.model.choice().path
    s.train.seconds.setValue(60)
    s.settings.train.control("seed").setValue(15)
    s.train.button.click()
    if moment == "looking":
        qtbot.waitUntil(lambda: "left" in s.train.progress.words(), timeout=20000)
    s.train.button.click()
    settle(painted)
    assert s.message.text() == "Stopped before the first step; the model is as it was."
    assert s.model.choice().path == before
    assert s.train.button.text() == "Train"
    assert not list(own_home.rglob("*.safetensors")) and not list(own_home.rglob("*.run.json"))
    assert len(viewer.layers) == 2


def test_stop_while_segmenting_keeps_what_is_done(viewer, dock, painted, settle, qtbot):
    s = painted.sections
    s.train.button.click()
    settle(painted)
    viewer.add_image(picture((200, 60, 80)), name="long")
    s.image.combo.setCurrentText("long")
    s.segment.buttons["layer"].click()
    qtbot.waitUntil(
        lambda: "long labels" in viewer.layers and viewer.layers["long labels"].data[1].any(), timeout=10000
    )
    said = []
    painted.working.results.segmenting.progress.connect(lambda *words: said.append(words))
    s.segment.stop_button.click()
    assert not s.segment.stop_button.isEnabled() and s.segment.progress.words() == "Stopping…"
    settle(painted)
    assert said == []
    assert s.message.text().startswith("Stopped after")
    assert not viewer.layers["long labels"].data[-1].any()


def test_a_killed_engine_costs_a_sentence(viewer, painted, settle, qtbot):
    s = painted.sections
    s.train.seconds.setValue(600)
    s.train.button.click()
    qtbot.waitUntil(lambda: len(s.train.plot.loss) > 2, timeout=10000)
    os.kill(painted.bridge.pid, signal.SIGKILL)
    settle(painted)
    assert s.message.kind == "error"
    assert "engine process was killed" in s.message.text()
    s.train.seconds.setValue(1)
    s.train.button.click()
    settle(painted)
    assert s.message.text().startswith("Better than before")


def test_layers_closed_while_segmenting(viewer, painted, settle, qtbot):
    s = painted.sections
    s.train.button.click()
    settle(painted)
    viewer.add_image(picture((200, 60, 80)), name="long")
    s.image.combo.setCurrentText("long")
    s.segment.buttons["layer"].click()
    qtbot.waitUntil(lambda: "long labels" in viewer.layers, timeout=10000)
    viewer.layers.clear()
    settle(painted)
    assert "long is not open any more" in s.message.text()
    assert s.train.progress.words() == "Open an image first."


def press(viewer, key):
    """Press a key as napari does; returns the function that was called."""
    keymap = viewer.window._qt_viewer._key_map_handler.active_keymap
    bound = keymap[KeyBinding.validate(key)]
    bound()
    return getattr(bound, "__func__", bound)


def test_keys_work_and_are_given_back(viewer, painted, settle, qtbot):
    layer = viewer.layers["cells annotation"]
    painted.sections.train.seconds.setValue(1)
    qtbot.waitUntil(lambda: "1 object" in painted.sections.labels.painted.rows()[1][0], timeout=20000)
    press(viewer, "N")
    assert layer.selected_label == 3
    press(viewer, "Shift+B")
    assert layer.selected_label == 1
    press(viewer, "T")
    assert painted.working.training.running
    settle(painted)
    press(viewer, "Shift+P")
    assert painted.working.results.segmenting.running
    settle(painted)
    layer.mode = "pan_zoom"
    press(viewer, "P")
    assert layer.mode == "paint"
    assert viewer.keymap
    viewer.window.remove_dock_widget(painted)
    assert not viewer.keymap


def test_a_key_that_somebody_has_taken_stays_theirs(viewer, open_dock):
    def mine(_):
        pass

    viewer.bind_key("T", mine)
    dock = open_dock()
    assert press(viewer, "T") is mine
    viewer.window.remove_dock_widget(dock)
    assert press(viewer, "T") is mine


def test_closing_the_dock_ends_the_engine(viewer, dock, qtbot, alive):
    qtbot.waitUntil(lambda: "a fake device" in dock.sections.engine.device.text(), timeout=10000)
    pid = dock.bridge.pid
    assert alive(pid)
    viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(lambda: not alive(pid), timeout=20000)
    viewer.add_image(picture(), name="later")  # nobody is left who could mind


def test_what_is_being_written_is_written_to_its_end_when_napari_closes(dock):
    kept = (dock.keeping.projects._saving, dock.keeping.projects._leaving, dock.keeping.history._changing)
    for work in (*kept, dock.autosaving._saving, dock.working.training._saving, dock.working.tables._writing):
        assert work.writes


def test_closing_the_dock_does_not_wait_for_the_engine(viewer, dock, qtbot):
    qtbot.waitUntil(lambda: "a fake device" in dock.sections.engine.device.text(), timeout=10000)
    ended, go_on, engine = threading.Event(), threading.Event(), dock.bridge.engine()
    real = engine.close
    engine.close = lambda: (go_on.wait(20), real(), ended.set())
    viewer.window.remove_dock_widget(dock)
    assert not ended.is_set()
    go_on.set()
    qtbot.waitUntil(ended.is_set, timeout=20000)


def test_opening_and_closing_again_and_again_leaves_nothing_behind(viewer, open_dock, qtbot, alive):
    viewer.add_image(picture(), name="cells")

    def listeners():
        events = viewer.layers.events
        sources = (events.inserted, events.removed, events.reordered, viewer.dims.events.current_step)
        return [len(one.callbacks) for one in (*sources, viewer.events.theme, viewer.layers[0].events.name)]

    before, threads, pids = listeners(), threading.active_count(), []
    for _ in range(3):
        dock = open_dock()
        qtbot.waitUntil(lambda dock=dock: "a fake device" in dock.sections.engine.device.text(), timeout=10000)
        pids.append(dock.bridge.pid)
        viewer.window.remove_dock_widget(dock)
    assert listeners() == before
    qtbot.waitUntil(lambda: not any(alive(pid) for pid in pids), timeout=20000)
    assert not viewer.keymap
    qtbot.waitUntil(lambda: threading.active_count() <= threads, timeout=20000)


def test_a_layer_that_was_closed_is_forgotten_and_heard_when_it_comes_back(viewer, dock):
    """Whoever opens and closes images all day would keep something of each."""
    viewer.add_image(picture(), name="cells")
    labels, heard = viewer.add_labels(np.zeros((60, 80), int)), []
    for _ in range(5):
        viewer.layers.remove(viewer.add_labels(np.zeros((60, 80), int)))
    viewer.layers.remove(labels)
    viewer.layers.append(labels)
    assert dock.layers._connected.keys() == {None, *(layer.unique_id for layer in viewer.layers)}
    dock.layers.brushed.connect(heard.append)
    labels.paint((20, 20), 2)
    assert heard == [labels.unique_id]


def test_closing_the_viewer_ends_the_engine(viewer, dock, qtbot, alive):
    qtbot.waitUntil(lambda: "a fake device" in dock.sections.engine.device.text(), timeout=10000)
    pid = dock.bridge.pid
    viewer.window._qt_window.show()
    viewer.close()
    qtbot.waitUntil(lambda: not alive(pid), timeout=20000)


class SaysNo(QObject):
    """A user who is asked whether to close the viewer."""

    def eventFilter(self, watched, event):
        if event.type() != QEvent.Type.Close:
            return False
        event.ignore()
        return True


def test_a_viewer_that_stays_open_keeps_its_dock(viewer, dock):
    window, user = viewer.window._qt_window, SaysNo()
    window.installEventFilter(user)
    window.show()
    window.close()
    assert window.isVisible() and dock._open and dock._closing
    window.removeEventFilter(user)
    viewer.close()
    assert not dock._open  # at once: a moment later it may be deleted


def test_follows_the_theme(viewer, dock):
    dark = dock.sections.train.plot._colours
    viewer.theme = "light"
    assert dock.sections.train.plot._colours != dark


def test_opens_from_the_menu(make_napari_viewer_proxy, qtbot):
    viewer = make_napari_viewer_proxy()
    viewer.add_image(picture(), name="cells")
    _, dock = viewer.window.add_plugin_dock_widget("napari-upaint", "U-Paint")
    dock.sections.labels.new_button.click()
    assert "cells annotation" in [layer.name for layer in viewer.layers]
    viewer.window.remove_dock_widget(dock)


def test_the_loop_through_the_proxy_that_plugins_get(make_napari_viewer_proxy, qtbot, settle):
    viewer = make_napari_viewer_proxy()
    dock = UPaintDock(viewer, "upaint_dock_tasks")
    viewer.window.add_dock_widget(dock, name="U-Paint")
    viewer.add_image(picture(), name="cells", **PLACE)
    dock.sections.labels.new_button.click()
    paint(next(layer for layer in viewer.layers if layer.name == "cells annotation"))
    qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=20000)
    dock.sections.train.seconds.setValue(1)
    dock.sections.train.button.click()
    settle(dock)
    with qtbot.waitSignal(dock.live_weights.shown, timeout=20000):  # the first one may compile
        dock.sections.weights.live.click()
    names = ["cells", "cells scores", "cells labels", "cells annotation", "cells weight map"]
    assert [layer.name for layer in viewer.layers] == names
    viewer.theme = "light"
    viewer.window.remove_dock_widget(dock)
    assert not viewer.keymap


def test_torch_stays_out_of_the_window():
    code = "import sys, napari_upaint.widgets.upaint; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
