"""Measure and Save table, through the dock."""

from __future__ import annotations

import csv
import gc
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest
import qtpy
from qtpy.QtWidgets import QFileDialog

from napari_upaint.core import measure as measuring
from napari_upaint.io.image import Image
from napari_upaint.io.images import write_image
from napari_upaint.widgets._measured_objects import leading_names


def blobs(shape=(60, 80), second=45):
    image = np.full(shape, 10, np.float32)
    image[..., 10:30, 10:30] = 90
    image[..., 40:50, second:60] = 80
    return image


@pytest.fixture
def segment(viewer, dock, settle):
    """Return a function that opens an image and segments all of it."""

    def run(image, **options):
        viewer.add_image(image, name="cells", **options)
        dock.sections.segment.buttons["layer"].click()
        settle(dock)
        return viewer.layers["cells labels"]

    return run


def measure(dock, settle):
    assert dock.sections.segment.measure_button.isEnabled()
    dock.sections.segment.measure_button.click()
    settle(dock)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_reasons(viewer, dock, settle, segment):
    s = dock.sections.segment
    assert s.measure_button.toolTip() == s.table_button.toolTip() == "Open an image first."
    viewer.add_image(blobs(), name="other")
    assert s.measure_button.toolTip() == "Segment the image first."
    viewer.layers.clear()
    segment(blobs())
    assert s.measure_button.toolTip().startswith("Measure size, shape and gray values")
    assert not s.table_button.isEnabled()
    assert s.table_button.toolTip() == "Press 'Measure' first."
    measure(dock, settle)
    assert s.table_button.isEnabled()
    assert dock.sections.message.text().startswith("Measured 2 objects")
    viewer.layers.remove("cells labels")
    assert dock.sections.message.text() == ""
    assert s.measure_button.toolTip() == s.table_button.toolTip() == "Segment the image first."


def test_features_and_file_in_physical_units(viewer, dock, settle, segment, tmp_path, monkeypatch):
    labels = segment(blobs(), scale=(0.5, 0.5), units=("um", "um"))
    measure(dock, settle)
    assert dock.sections.message.text().startswith("Measured 2 objects of cells labels; 'Table'")
    assert np.isnan(labels.features["area_um2"][0])  # the number of a row is its label
    assert list(labels.features["area_um2"][1:]) == [100, 37.5]
    assert list(labels.features["intensity_mean"][1:]) == [90, 80]
    assert "area_um2: 100" in str(labels.get_status((10, 10), world=True))
    asked = []
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *a: (asked.append(a[2]), (str(tmp_path / "table"), ""))[1]
    )
    dock.sections.segment.table_button.click()
    settle(dock)
    assert Path(asked[0]).name == "cells objects.csv"
    assert Path(asked[0]).is_absolute()  # the folder that a program was started in is nobody's choice
    assert dock.sections.message.text() == f"Saved the table as {tmp_path / 'table.csv'}."
    dock.sections.segment.table_button.click()
    settle(dock)
    assert asked[1] == str(tmp_path / "cells objects.csv")
    found = rows(tmp_path / "table.csv")
    assert [row["label"] for row in found] == ["1", "2"]
    assert [row["area_um2"] for row in found] == ["100", "37.5"]
    viewer.layers["cells"].translate = (1, 2)
    assert dock.sections.segment.table_button.isEnabled()
    viewer.layers["cells"].scale = (0.25, 0.25)  # what was measured is not true any more
    assert dock.sections.segment.table_button.toolTip() == "Press 'Measure' first."
    measure(dock, settle)
    assert list(labels.features["area_um2"][1:]) == [25, 9.375]


def test_a_stack_shows_the_plane_in_view_and_saves_all(viewer, dock, settle, segment, tmp_path):
    stack = np.stack([blobs(), blobs(second=50), blobs()])
    labels = segment(stack, axis_labels=("t", "y", "x"))
    viewer.dims.set_current_step(0, 0)
    measure(dock, settle)
    assert dock.sections.message.text().startswith("Measured 6 objects on 3 planes of cells labels;")
    assert list(labels.features["area_px2"][1:]) == [400, 150]
    viewer.dims.set_current_step(0, 1)
    assert list(labels.features["area_px2"][1:]) == [400, 100]
    dock.sections.segment.table_wanted.emit(tmp_path / "all.csv")
    settle(dock)
    found = rows(tmp_path / "all.csv")
    assert [(row["t"], row["label"]) for row in found] == [(t, n) for t in "012" for n in "12"]
    assert [row["area_px2"] for row in found] == ["400", "150", "400", "100", "400", "150"]


def test_classes_keep_their_names(viewer, dock, settle, qtbot):
    viewer.add_image(blobs(), name="cells")
    dock.sections.labels.classes.click()
    dock.sections.labels.new_button.click()
    layer = viewer.layers["cells annotation"]
    for label, place in ((1, (55, 5)), (2, (20, 20)), (3, (45, 50))):
        layer.paint(place, label)
    qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=20000)
    dock.sections.train.seconds.setValue(1)
    dock.sections.train.button.click()
    settle(dock)
    before = viewer.layers["cells labels"].features.copy()
    measure(dock, settle)
    features = viewer.layers["cells labels"].features
    assert list(features["label"]) == ["background", "class 1"]
    words = "1 class of cells labels (label 1 is the class painted with 2, and so on)"
    assert dock.sections.message.text() == f"Measured {words}; 'Table' shows the measurements."
    dock.sections.segment.show_button.click()
    assert dock.table_window.table.words.text() == words
    assert list(features["area_px2"][1:]) == [550]
    dock.sections.settings.objects.control("threshold").setValue(0.3)
    settle(dock)
    assert viewer.layers["cells labels"].features.equals(before)


@pytest.mark.skipif(qtpy.API_NAME == "PySide6", reason="napari itself keeps layers that were closed")
def test_the_table_of_an_image_that_was_closed_does_not_keep_its_pixels(viewer, dock, settle, segment, qtbot):
    segment(blobs())
    measure(dock, settle)
    image = weakref.ref(viewer.layers["cells"].data)
    viewer.layers.remove("cells")
    qtbot.waitUntil(lambda: gc.collect() >= 0 and image() is None, timeout=2000)


def test_an_image_that_is_closed_meanwhile_is_named(viewer, dock, settle, segment):
    segment(blobs())
    dock.sections.segment.measure_button.click()
    viewer.layers.remove("cells")
    settle(dock)
    assert dock.sections.message.text() == "cells is not open any more; choose another one."


def test_a_long_measurement_shows_how_far_it_is_and_can_be_stopped(viewer, dock, settle, segment, qtbot, monkeypatch):
    labels = segment(np.repeat(blobs()[None], 6, 0))
    go_on, measured = threading.Semaphore(2), measuring.measure

    def slowly(*given, **how):
        go_on.acquire(timeout=20)
        return measured(*given, **how)

    monkeypatch.setattr(measuring, "measure", slowly)
    s = dock.sections.segment
    s.measure_button.click()
    qtbot.waitUntil(lambda: s.measure_line.words() == "Measured 2 of 6", timeout=20000)
    assert not s.measure_line.isHidden() and not s.measure_button.isEnabled()
    s.measure_stop_button.click()
    assert s.measure_line.isHidden() and s.measure_button.isEnabled()
    go_on.release(100)
    qtbot.waitUntil(lambda: not [one for one in threading.enumerate() if "measure_planes" in one.name], timeout=20000)
    assert "area_px2" not in labels.features
    measure(dock, settle)
    assert s.measure_line.isHidden()
    assert dock.sections.message.text().startswith("Measured 12 objects on 6 planes")


def test_a_table_goes_when_the_labels_change(viewer, dock, settle, segment):
    labels = segment(blobs())
    measure(dock, settle)
    dock.sections.settings.objects.control("smallest").setValue(300)
    settle(dock)
    assert labels.data.max() == 1
    assert "area_px2" not in labels.features
    assert dock.sections.segment.table_button.toolTip() == "Press 'Measure' first."
    measure(dock, settle)
    assert list(labels.features["area_px2"][1:]) == [400]


def test_colour_channels_have_names(viewer, dock, settle, segment):
    image = np.stack([blobs(), blobs() / 2, 0 * blobs()], axis=-1).astype(np.uint8)
    labels = segment(image, rgb=True)
    measure(dock, settle)
    assert list(labels.features["red_mean"][1:]) == [90, 80]
    assert list(labels.features["green_max"][1:]) == [45, 40]


def test_other_channels_of_the_file_are_measured_inside_the_objects(viewer, dock, settle, tmp_path):
    other = np.full((60, 80), 7, np.float32)
    path = tmp_path / "cells.v2.tif"
    write_image(path, Image(np.stack([blobs(), other]), "CYX", channel_names=("DAPI", "anti GFP")))
    viewer.add_image(blobs(), name="another file")
    chosen, _ = viewer.open(str(path), plugin="napari-upaint")
    dock.sections.image.combo.set_key(chosen.unique_id)
    dock.sections.segment.buttons["view"].click()
    settle(dock)
    measure(dock, settle)
    features = viewer.layers["cells.v2 DAPI labels"].features
    assert list(features["intensity_mean"][1:]) == [90, 80]
    assert list(features["anti_GFP_mean"][1:]) == [7, 7]
    assert [name for name in features if name.endswith("_mean")] == ["intensity_mean", "anti_GFP_mean"]
    assert not dock.layers.tables.table(chosen.unique_id).plan.others  # it would keep the pixels of a closed one


def test_nothing_found_gives_an_empty_table(viewer, dock, settle, segment, tmp_path):
    dock.sections.settings.objects.control("smallest").setValue(100_000)
    labels = segment(blobs((3, 60, 80)))
    nothing = "Nothing was found: paint what you look for and train, or choose another model."
    assert dock.sections.message.text() == f"Segmented 3 planes. {nothing}"
    measure(dock, settle)
    assert dock.sections.message.text() == "Measured 0 objects of cells labels."
    assert len(labels.features) == 1
    dock.sections.segment.table_wanted.emit(tmp_path / "none.csv")
    settle(dock)
    assert (tmp_path / "none.csv").read_text().startswith("axis_1,label,area_px2")


def test_a_file_that_cannot_be_written_costs_a_sentence(viewer, dock, settle, segment, tmp_path):
    segment(blobs())
    measure(dock, settle)
    (tmp_path / "file").touch()
    dock.sections.segment.table_wanted.emit(tmp_path / "file" / "table.csv")
    settle(dock)
    assert dock.sections.message.kind == "error"
    assert "Cannot write" in dock.sections.message.text()


def test_the_window_measures_what_it_says(dock, viewer):
    viewer.add_image(np.zeros((2, 3, 4, 5)), name="a", axis_labels=("-4", "label", "y", "x"))
    assert leading_names(dock.choosing.image(), 2) == ("axis_1", "axis_2")
