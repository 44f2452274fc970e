"""What somebody corrects by hand on a result is never overwritten, and the table notices it."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from napari.layers._layer_actions import _convert_to_image, _convert_to_labels, _duplicate_layer

from napari_upaint.engine.progress import PlaneResult
from napari_upaint.widgets._measured_objects import measure_planes
from napari_upaint.widgets._new_layers import CACHE, MARK
from napari_upaint.widgets._words import after_keeping

KEPT = "cells labels (corrected)"
ANEW = "press 'Whole layer' or 'All open images' to segment again."
TO_LEARN = "choose that under 'Paint' and press 'From masks' to learn from it"
SENTENCE = f"What you corrected by hand was kept as the layer '{KEPT}'; {TO_LEARN}."


def blobs(shape=(60, 80)):
    """Two squares of one size, and a dim third one that a low threshold finds."""
    image = np.full(shape, 10, np.float32)
    image[..., 10:20, 10:20] = 90
    image[..., 40:50, 40:60] = 80
    image[..., 40:50, 5:20] = 45
    return image


@pytest.fixture
def segment(viewer, segment):
    """Return what segments, and gives the labels."""

    def run(extent="layer"):
        segment(extent)
        return viewer.layers["cells labels"]

    return run


@pytest.fixture
def cells(viewer, segment):
    """The labels of a plane that is segmented."""
    viewer.add_image(blobs(), name="cells")
    labels = segment()
    assert np.unique(labels.data).tolist() == [0, 1, 2]
    return labels


@pytest.fixture
def stack(viewer, segment):
    """The labels of a stack that is segmented."""
    viewer.add_image(blobs((3, 60, 80)), name="cells")
    viewer.dims.set_current_step(0, 1)
    return segment()


@pytest.fixture
def train(dock, settle, qtbot):
    """Return a function that paints a little and trains for a second."""

    def run(annotation):
        annotation.brush_size = 5
        annotation.paint((*(0 for _ in annotation.data.shape[:-2]), 15, 15), 2)
        annotation.paint((*(0 for _ in annotation.data.shape[:-2]), 55, 5), 1)
        qtbot.waitUntil(dock.sections.train.button.isEnabled, timeout=20000)
        dock.sections.train.seconds.setValue(1)
        dock.sections.train.button.click()
        settle(dock)

    return run


def set_threshold(dock, settle, value=0.3):
    dock.sections.settings.objects.control("threshold").setValue(value)
    settle(dock)


def text(dock):
    return dock.sections.message.text()


def ours(viewer):
    return [layer.name for layer in viewer.layers if layer.metadata.get(MARK, {}).get("what") == "labels"]


def test_a_training_leaves_corrections_alone_and_says_where_they_are(viewer, dock, cells, train):
    dock.sections.labels.new_button.click()
    before = cells.data.copy()
    cells.fill((15, 15), 0)
    corrected = cells.data.copy()
    train(viewer.layers["cells annotation"])
    assert cells.name == KEPT
    np.testing.assert_array_equal(cells.data, corrected)
    np.testing.assert_array_equal(viewer.layers["cells labels"].data, before)
    assert ours(viewer) == ["cells labels"]
    assert text(dock).startswith("Better than before")
    assert text(dock).endswith(SENTENCE)
    cells.undo()
    np.testing.assert_array_equal(cells.data, before)
    train(viewer.layers["cells annotation"])
    assert [layer.name for layer in viewer.layers if "(corrected)" in layer.name] == [KEPT]
    assert "corrected" not in text(dock)


def test_a_training_says_how_many_planes_are_not_of_its_model(viewer, dock, stack, train, segment, settle):
    dock.sections.labels.new_button.click()
    annotation = viewer.layers["cells annotation"]
    train(annotation)
    segment()
    assert "other plane" not in text(dock)
    train(annotation)
    assert text(dock).startswith("Better than before")
    assert text(dock).endswith(" 2 other planes still show what another model found; " + ANEW)
    viewer.dims.set_current_step(0, 2)
    segment("view")
    dock.sections.train.undo_button.click()
    settle(dock)
    assert text(dock).endswith(" 1 other plane still shows what another model found; " + ANEW)
    segment()
    assert text(dock) == "Segmented 1 plane; 2 were there already."


def test_a_setting_of_objects_makes_all_planes_anew_and_none_of_them_in_what_was_corrected(viewer, dock, stack, settle):
    stack.selected_label = 7
    stack.paint((2, 30, 70), 7)
    corrected = stack.data.copy()
    set_threshold(dock, settle)
    assert stack.name == KEPT
    np.testing.assert_array_equal(stack.data, corrected)
    assert [plane.max() for plane in viewer.layers["cells labels"].data] == [3, 3, 3]
    assert SENTENCE in text(dock)
    set_threshold(dock, settle, 0.6)
    assert [plane.max() for plane in viewer.layers["cells labels"].data] == [2, 2, 2]
    assert len([layer for layer in viewer.layers if "corrected" in layer.name]) == 1


def test_who_corrects_plane_by_plane_has_one_layer(viewer, dock, segment):
    viewer.add_image(blobs((3, 60, 80)), name="cells")
    viewer.dims.set_current_step(0, 0)
    labels = segment("view")
    labels.fill((0, 15, 15), 0)
    viewer.dims.set_current_step(0, 1)
    assert segment("view") is labels
    assert [np.unique(plane).tolist() for plane in labels.data] == [[0, 2], [0, 1, 2], [0]]
    assert text(dock) == "Segmented 1 plane."
    labels.paint((2, 30, 70), 7)  # drawn where nothing was segmented
    corrected = labels.data.copy()
    viewer.dims.set_current_step(0, 2)
    fresh = segment("view")
    assert fresh is not labels
    np.testing.assert_array_equal(labels.data, corrected)
    assert [plane.max() for plane in fresh.data] == [2, 2, 2]  # also the planes that were not asked for
    assert text(dock) == f"Segmented 1 plane. {SENTENCE}"


def test_segmenting_a_layer_again_leaves_it_whole(viewer, stack, segment):
    stack.fill((1, 15, 15), 0)
    viewer.layers["cells"].data[...] = 10
    viewer.layers["cells"].data[..., 0, 0] = 90  # a speck: nothing is found, but the image is not constant
    corrected = stack.data.copy()
    fresh = segment()
    np.testing.assert_array_equal(stack.data, corrected)
    assert not fresh.data.any()


def test_a_plane_that_was_emptied_by_hand_stays_empty(cells, segment):
    cells.fill((15, 15), 0)
    cells.fill((45, 45), 0)
    assert segment() is not cells
    assert not cells.data.any()


def test_a_model_of_another_kind_takes_no_corrections_away(viewer, dock, cells, train):
    cells.paint((30, 70), 7)
    corrected = cells.data.copy()
    dock.sections.labels.classes.click()
    dock.sections.labels.new_button.click()
    train(viewer.layers["cells annotation"])
    assert viewer.layers["cells labels"].metadata[MARK]["kind"] == "classes"
    np.testing.assert_array_equal(viewer.layers[KEPT].data, corrected)


def test_a_stroke_that_is_under_way_counts(viewer, dock, cells, segment):
    with cells.block_history():  # as a drag with the brush does, until the button is let go
        cells.paint((30, 70), 7)
        segment()
        cells.paint((30, 72), 7)
    assert cells.name == KEPT
    assert cells.data[30, 70] == 7


@pytest.mark.parametrize("array", ["int32", "uint8"])
def test_an_array_that_somebody_put_there_counts(viewer, cells, segment, array):
    cells.data = np.full((60, 80), 5, array)
    assert segment() is not cells
    assert (viewer.layers[KEPT].data == 5).all()


def test_labels_whose_metadata_a_program_replaced_can_be_painted_on(viewer, cells, segment):
    cells.metadata = {"mine": 1}
    cells.paint((30, 70), 7)
    cells.undo()
    cells.metadata = {"mine": 2}
    cells.data = cells.data.copy()
    assert cells.data[30, 70] == 0
    segment()
    assert "cells labels [1]" in viewer.layers  # the first ones are the user's now


def test_what_is_done_while_no_dock_is_open_counts(viewer, dock, cells, open_dock, settle):
    viewer.window.remove_dock_widget(dock)
    dock.deleteLater()
    cells.fill((15, 15), 0)
    another = open_dock()
    another.sections.segment.buttons["view"].click()
    settle(another)
    assert np.unique(viewer.layers[KEPT].data).tolist() == [0, 2]
    assert SENTENCE in text(another)


def test_a_copy_is_its_users_own(viewer, cells, segment, dock, settle):
    viewer.layers.selection = {cells}
    _duplicate_layer(viewer.layers)
    copy = viewer.layers["cells labels copy"]
    copy.paint((30, 70), 7)
    viewer.layers.move(viewer.layers.index(copy), viewer.layers.index(cells))
    assert segment() is cells
    assert copy.data[30, 70] == 7
    set_threshold(dock, settle)
    assert copy.data.max() == 7
    assert cells.data.max() == 3


@pytest.mark.filterwarnings("ignore:projection mode")  # of napari, which converts all the same
@pytest.mark.parametrize("how", [_duplicate_layer, _convert_to_labels])
def test_a_copy_of_scores_is_its_users_own(viewer, dock, cells, segment, how):
    scores = viewer.layers["cells scores"]
    viewer.layers.selection = {scores}
    how(viewer.layers)
    (copy,) = {layer for layer in viewer.layers if layer.name.startswith("cells scores")} - {scores}
    viewer.layers.move(viewer.layers.index(copy), viewer.layers.index(scores))
    before = np.array(copy.data)
    viewer.layers["cells"].data = blobs()[::-1]
    segment()
    assert copy in viewer.layers and scores in viewer.layers
    np.testing.assert_array_equal(copy.data, before)
    np.testing.assert_array_equal(scores.data, scores.metadata[CACHE].shown())
    assert CACHE not in copy.metadata  # it would keep all scores in memory
    assert [one.name for one in dock.layers.images()] == ["cells"]


def test_labels_that_were_turned_into_an_image_and_back_can_be_chosen(viewer, dock, cells, segment):
    for how in (_convert_to_image, _convert_to_labels):
        viewer.layers.selection = {viewer.layers["cells labels"]}
        how(viewer.layers)
        assert [one.name for one in dock.layers.images()] == ["cells"]
    assert [one.name for one in dock.layers.annotations()] == ["cells labels"]
    assert "From masks" in dock.sections.train.button.toolTip()


def test_moving_through_a_stack_or_hiding_it_is_no_correction(viewer, dock, stack, segment):
    for z in range(3):
        viewer.dims.set_current_step(0, z)
    stack.visible = False
    stack.visible = True
    stack.contour = 1
    assert segment() is stack


def test_what_was_kept_is_no_paint_unless_it_is_chosen(viewer, dock, cells, segment, qtbot, settle):
    dock.sections.labels.new_button.click()
    cells.fill((15, 15), 0)
    segment()
    combo = dock.sections.labels.combo
    cells.paint((30, 70), 7)  # somebody goes on correcting
    assert combo.currentText() == "cells annotation"
    viewer.add_image(blobs(), name="other")
    dock.sections.image.combo.setCurrentIndex(1)
    dock.sections.image.combo.setCurrentIndex(0)
    assert combo.currentText() == "cells annotation"
    combo.setCurrentIndex(combo.findText(KEPT))
    combo.activated.emit(combo.currentIndex())
    assert combo.currentText() == KEPT
    qtbot.waitUntil(dock.sections.labels.masks_button.isEnabled, timeout=20000)
    dock.sections.labels.masks_button.click()
    qtbot.waitUntil(lambda: "cells annotation [1]" in viewer.layers, timeout=20000)
    assert np.unique(viewer.layers["cells annotation [1]"].data).tolist() == [1, 3, 8]


# -- the table -------------------------------------------------------------------------------------------------------


def measure(dock, settle):
    dock.sections.segment.measure_button.click()
    settle(dock)


def test_a_table_goes_with_the_first_correction(viewer, dock, cells, settle, tmp_path):
    s = dock.sections.segment
    measure(dock, settle)
    s.show_button.click()
    assert dock.table_window.table.model.rowCount() == 2
    for correct in (lambda: cells.fill((15, 15), 0), cells.undo, cells.redo):
        correct()
        assert not s.table_button.isEnabled()
        assert s.table_button.toolTip() == "Press 'Measure' first."
        assert "area_px2" not in cells.features
        assert dock.table_window.table.model.rowCount() == 0
        measure(dock, settle)
        assert s.table_button.isEnabled()
    s.table_wanted.emit(tmp_path / "table.csv")
    settle(dock)
    with (tmp_path / "table.csv").open(newline="") as file:
        assert [row["label"] for row in csv.DictReader(file)] == ["2"]


def test_what_was_corrected_while_it_was_measured_has_no_table(dock, cells, settle):
    dock.sections.segment.measure_button.click()
    cells.fill((15, 15), 0)
    settle(dock)
    assert text(dock) == "The labels changed while they were measured; press 'Measure' again."
    assert dock.working.tables.measured() is None


def test_what_was_replaced_while_it_was_measured_has_no_table(viewer, dock, cells, settle):
    cells.fill((15, 15), 0)
    plan = dock.layers.tables.measurable(viewer.layers["cells"].unique_id)
    result = PlaneResult(np.zeros((60, 80), np.int32), np.zeros((2, 60, 80), np.float16), ("background", "object"))
    dock.layers.results.put_labels(plan.image, (), result, "objects")
    dock.working.tables._measuring.start(measure_planes, plan)
    settle(dock)
    assert text(dock).startswith("The labels changed")


# -- numbers through slices ------------------------------------------------------------------------------------------


def test_corrected_labels_are_linked_as_a_copy(viewer, dock, stack, qtbot):
    stack.fill((1, 15, 15), 9)
    stack.fill((2, 45, 45), 0)
    stack.paint((0, 30, 70), 5)
    corrected = stack.data.copy()
    box = dock.sections.segment.link_box
    box.click()
    qtbot.waitUntil(lambda: not dock.working.busy and not dock.linking.busy, timeout=10000)
    assert stack.name == KEPT
    np.testing.assert_array_equal(stack.data, corrected)
    linked = viewer.layers["cells labels"].data
    np.testing.assert_array_equal(linked > 0, corrected > 0)
    assert len(set(linked[:, 15, 15].tolist())) == 1
    assert linked[0, 45, 45] == linked[1, 45, 45]
    assert SENTENCE in text(dock)


def test_numbers_that_were_corrected_are_left_alone(viewer, dock, stack, segment, settle, qtbot):
    def wait():
        qtbot.waitUntil(lambda: not dock.working.busy and not dock.linking.busy, timeout=10000)

    dock.sections.segment.link_box.click()
    wait()
    stack.fill((1, 15, 15), 9)
    viewer.add_image(blobs((2, 60, 80)), name="other")
    dock.sections.image.combo.setCurrentIndex(dock.sections.image.combo.findText("other"))
    segment()
    wait()
    assert viewer.layers["cells labels"] is stack
    assert stack.data[1, 15, 15] == 9


def test_what_is_kept_in_words():
    assert after_keeping([]) == ""
    assert after_keeping(["a"]) == f"What you corrected by hand was kept as the layer 'a'; {TO_LEARN}."
    assert after_keeping(["a", "b"]) == (
        f"What you corrected by hand was kept as the layers 'a' and 'b'; {TO_LEARN.replace('that', 'one')}."
    )
    assert "in 4 layers" in after_keeping(list("abcd"))


def test_a_corrected_result_is_not_learnt_as_if_it_were_painted(viewer, dock, cells, settle, qtbot):
    """Its background is 0 and its first object 1: there is a button for that."""
    cells.paint((30, 30), 3)
    set_threshold(dock, settle)
    assert dock.sections.labels.combo.currentText() == KEPT
    button = dock.sections.train.button
    qtbot.waitUntil(lambda: "press 'From masks' to learn them" in button.toolTip(), timeout=20000)
    assert not button.isEnabled()
    labels = dock.sections.labels
    assert labels._meaning.text().startswith("A corrected result: 0 = background; 1, 2")
    assert labels.painted.isHidden()  # its first object is not background
    assert not labels.background_button.isEnabled()
    assert "press 'From masks' to learn them" in labels.background_button.toolTip()
    labels.masks_button.click()
    qtbot.waitUntil(button.isEnabled, timeout=20000)
    assert labels._meaning.text().startswith("0 = unlabelled")
    assert not labels.painted.isHidden()
    assert labels.background_button.isEnabled()
