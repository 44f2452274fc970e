"""Several images lie on top of each other: the chosen one, whose paint is learnt from, is the one that is seen."""

from __future__ import annotations

import numpy as np
import pytest
from upaint_pictures import open_fields, paint, picture

from napari_upaint.io.image import Image
from napari_upaint.io.images import write_image

SHAPE = (60, 80)


@pytest.fixture
def fields(viewer, tmp_path):
    """Three fields of view in one place, each a file of its own."""
    open_fields(viewer, tmp_path, (1, 2, 3), SHAPE)


@pytest.fixture
def pick(viewer, dock):
    """Return a function that chooses an image in the dock by hand."""

    def by_hand(name):
        combo = dock.sections.image.combo
        combo.setCurrentText(name)
        combo.activated.emit(combo.currentIndex())

    return by_hand


def seen(viewer):
    return {layer.name for layer in viewer.layers if layer.visible}


def test_the_dock_goes_with_what_is_opened_until_there_are_labels(viewer, dock, fields):
    combo = dock.sections.image.combo
    assert combo.currentText() == "field 3"
    viewer.layers.selection.active = viewer.layers["field 2"]
    assert combo.currentText() == "field 2"
    dock.sections.labels.new_button.click()
    viewer.add_image(picture(SHAPE), name="field 4")
    assert combo.currentText() == "field 2"


def test_channels_of_one_file_do_not_follow_a_look(viewer, dock, tmp_path):
    write_image(tmp_path / "cells.tif", Image(np.stack([picture(SHAPE), picture(SHAPE, seed=2)]), "CYX"))
    first, last = viewer.open(str(tmp_path / "cells.tif"), plugin="napari-upaint")
    combo, section = dock.sections.image.combo, dock.sections.image
    viewer.layers.selection.active = last
    assert combo.currentText() == first.name
    assert section.cover.isHidden()  # they are seen together
    combo.activated.emit(combo.currentIndex())
    assert seen(viewer) == {first.name, last.name}
    words = "80 × 60 pixels."
    assert section._facts.text() == f"{words} One of 2 channels: the network sees only this one."
    viewer.add_image(picture(SHAPE), name="another")
    viewer.layers.remove(last)
    assert section._facts.text() == words


def test_channels_of_another_file_do_not_shine_through(viewer, dock, tmp_path, pick, segment):
    """They are added up, so all fields of view would be seen at once, with the objects of all of them."""
    names = []
    for number in (1, 2):
        path = tmp_path / f"field {number}.tif"
        write_image(path, Image(np.stack([picture(SHAPE), picture(SHAPE, seed=number)]), "CYX"))
        names.append([layer.name for layer in viewer.open(str(path), plugin="napari-upaint")])
    first, second = names
    section = dock.sections.image
    for field, other in ((first, second), (second, first)):
        for name in field:
            viewer.layers[name].blending = "additive"
        pick(field[0])
        assert {*field} <= seen(viewer) and not {*other} & seen(viewer)
        assert section.cover.isHidden()
        segment("view")
        assert f"{field[0]} labels" in seen(viewer) and f"{other[0]} labels" not in seen(viewer)
    viewer.layers[first[1]].visible = True
    assert section.covered().startswith(f"{first[1]} lies over {second[0]}")


def test_an_image_below_another_one_is_said_not_to_be_seen_and_shown_on_request(viewer, dock, fields):
    section = dock.sections.image
    assert section.cover.isHidden()
    section.combo.setCurrentText("field 1")
    assert not section.cover.isHidden()
    assert section.covered() == "field 3 lies over field 1: you do not see what is learnt."
    viewer.layers["field 3"].opacity = 0.5
    assert section.covered().startswith("field 2 lies over")
    section.show_button.click()
    assert section.cover.isHidden()
    assert seen(viewer) == {"field 1", "field 3"}
    viewer.layers["field 1"].visible = False
    assert section.covered() == "field 1 is hidden."
    viewer.layers["field 2"].visible = True
    section.show_button.click()
    assert section.cover.isHidden()


def test_who_goes_to_an_image_sees_it_however_large_it_is_drawn(viewer, dock, pick):
    for name, scale, corner in (("large", 1, 0), ("small", 0.2, 0), ("tiny", 0.01, 0), ("beside", 1, 500)):
        viewer.add_image(picture(SHAPE), name=name, scale=(scale, scale), translate=(corner, corner))
    camera = viewer.scene.camera
    camera.center, camera.zoom = (0, 30, 40), 5
    places = (("large", (30, 40), 1), ("small", (6, 8), 5), ("tiny", (0.3, 0.4), 100), ("beside", (530, 540), 1))
    for name, center, zoomed_in in places:
        pick(name)
        np.testing.assert_allclose(camera.center[-2:], center, atol=0.6 / zoomed_in)
        assert 100 < max(SHAPE) * camera.zoom / zoomed_in < 2 * max(viewer.canvas.size)
    camera.center, camera.zoom = (0, 530, 520), 20  # a part of it, on purpose
    pick("beside")
    assert (*camera.center[-2:], camera.zoom) == (530, 520, 20)
    viewer.dims.transpose()
    camera.center, camera.zoom = (0, 578, 502), 60
    pick("beside")
    assert (*camera.center[-2:], camera.zoom) == (578, 502, 60)


def test_an_image_of_much_larger_pixels_is_seen_as_a_whole_and_a_part_of_it_on_purpose(viewer, dock, pick):
    for name, scale in (("fine", 0.065), ("fine too", 0.065), ("coarse", 1)):
        viewer.add_image(picture(SHAPE), name=name, scale=(scale, scale))
    camera = viewer.scene.camera
    pick("fine")
    camera.center, camera.zoom = (0, 2, 2.5), 400
    pick("fine too")
    assert camera.zoom == 400
    pick("coarse")
    np.testing.assert_allclose(camera.center[-2:], (30, 40), atol=0.6)
    assert max(SHAPE) * camera.zoom < max(viewer.canvas.size)
    camera.center, camera.zoom = (0, 2, 2.5), 400
    pick("coarse")
    assert camera.zoom == 400


def test_who_goes_to_another_image_sees_it_and_what_is_painted_on_it(viewer, dock, fields, pick, qtbot):
    pick("field 1")
    dock.sections.labels.new_button.click()
    paint(viewer.layers["field 1 annotation"])
    pick("field 3")
    assert seen(viewer) == {"field 1", "field 2", "field 3"}
    qtbot.waitUntil(lambda: not dock.sections.labels.background_button.isEnabled(), timeout=20000)
    assert dock.sections.labels.background_button.toolTip().startswith("These labels were painted on field 1")
    dock.choosing.brush.take_background()  # by its key
    assert dock.sections.message.text().startswith("These labels were painted on field 1")
    assert not viewer.layers["field 1 annotation"].visible
    dock.sections.labels.new_button.click()
    viewer.layers.selection.active = viewer.layers["field 1 annotation"]
    assert dock.sections.image.combo.currentText() == "field 1"
    assert seen(viewer) == {"field 1", "field 1 annotation"}
    viewer.layers["field 1 annotation"].visible = False
    dock.sections.labels.background_button.click()  # napari has no brush for hidden labels
    assert viewer.layers["field 1 annotation"].visible
    assert viewer.layers["field 1 annotation"].mode == "paint"


def test_new_labels_lie_on_what_is_seen(viewer, dock, fields):
    dock.sections.image.combo.setCurrentText("field 1")
    dock.sections.labels.new_button.click()
    assert seen(viewer) == {"field 1", "field 1 annotation"}


def test_labels_of_another_image_that_were_picked_stay_to_be_seen(viewer, dock, fields, pick):
    pick("field 1")
    dock.sections.labels.new_button.click()
    paint(viewer.layers["field 1 annotation"])
    pick("field 2")
    labels = dock.sections.labels.combo
    labels.activated.emit(labels.currentIndex())
    assert seen(viewer) >= {"field 2", "field 1 annotation"}


def test_images_beside_each_other_and_in_a_grid_hide_nothing(viewer, dock, fields):
    section = dock.sections.image
    section.combo.setCurrentText("field 1")
    viewer.canvas.grid.enabled = True
    assert section.cover.isHidden()
    viewer.canvas.grid.enabled = False
    assert not section.cover.isHidden()
    for number in (2, 3):
        viewer.layers[f"field {number}"].translate = (0, 100 * number)
    dock.choosing._show_cover()
    assert section.cover.isHidden()


def test_an_image_in_a_smaller_unit_lies_where_it_is_seen(viewer, dock):
    viewer.add_image(picture(SHAPE), name="micro", units="um")
    nano = viewer.add_image(picture(SHAPE), name="nano", units="nm")  # a corner of the other one
    section = dock.sections.image
    section.combo.setCurrentText("micro")
    assert section.cover.isHidden()
    nano.scale = (1000, 1000)
    dock.choosing._show_cover()
    assert section.covered().startswith("nano lies over micro")


def test_results_of_images_that_are_not_seen_do_not_lie_on_the_one_that_is(viewer, dock, fields, pick, segment):
    pick("field 1")
    segment("all")
    assert {name for name in seen(viewer) if name.endswith("labels")} == {"field 1 labels"}
    pick("field 3")
    assert {name for name in seen(viewer) if name.endswith("labels")} == {"field 3 labels"}
    viewer.layers.remove("field 3")
    pick("field 2")
    assert {name for name in seen(viewer) if name.endswith("labels")} == {"field 2 labels"}
    viewer.layers.remove("field 1 labels")
    dock.sections.image.combo.setCurrentText("field 1")  # below another one, but asked for
    segment("view")
    assert "field 1 labels" in seen(viewer)


def test_results_of_a_small_image_that_is_hidden_do_not_lie_in_the_corner_of_the_one_above(viewer, dock, pick, segment):
    viewer.add_image(picture(SHAPE), name="small", scale=(0.2, 0.2))
    viewer.add_image(picture(SHAPE, seed=2), name="large")
    for name in ("small", "large"):
        pick(name)
        segment("view")
    assert {name for name in seen(viewer) if name.endswith("labels")} == {"large labels"}
    pick("small")
    assert {name for name in seen(viewer) if name.endswith("labels")} == {"small labels"}


def test_who_hid_the_labels_is_told_why_no_result_is_seen(viewer, dock, segment):
    viewer.add_image(picture(SHAPE), name="cells")
    segment()
    viewer.layers["cells labels"].visible = False
    segment()
    hidden = "'cells labels' is hidden; click its eye in napari's list of layers to see it."
    assert dock.sections.message.text() == f"Segmented 1 plane. {hidden}"
    viewer.layers["cells labels"].visible = True
    segment()
    assert dock.sections.message.text() == "Segmented 1 plane."


def test_a_dock_that_is_opened_begins_with_the_labels_in_hand(viewer, fields, open_dock):
    from napari_upaint.widgets._layers import Layers

    layers = Layers(viewer)
    for number in (1, 2):
        layers.new_annotation(viewer.layers[f"field {number}"].unique_id)
    dock = open_dock()
    assert dock.sections.image.combo.currentText() == "field 2"
    assert dock.sections.labels.combo.currentText() == "field 2 annotation"
