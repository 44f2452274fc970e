"""Save a project, open it again: images, what is painted on them, model and settings."""

from __future__ import annotations

import errno
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtWidgets import QFileDialog
from upaint_pictures import picture

from napari_upaint.core.regions import Region
from napari_upaint.engine.progress import PlaneResult
from napari_upaint.io.image import Image
from napari_upaint.io.images import write_image
from napari_upaint.session.autosaves import autosave, autosaved
from napari_upaint.session.saved_project import (
    SavedAnnotation,
    SavedImage,
    SavedProject,
    is_project,
    read_annotation,
    read_project,
    save_project,
)
from napari_upaint.widgets._projects import _leave_to_be_offered, _words


@pytest.fixture
def settled(dock, settle, qtbot):
    def wait():
        qtbot.waitUntil(lambda: not dock.keeping.busy, timeout=10000)
        settle(dock)

    return wait


@pytest.fixture
def files(tmp_path):
    """Two images in files, of the same size."""
    paths = [tmp_path / "cells.tif", tmp_path / "others.tif"]
    for seed, path in enumerate(paths):
        write_image(path, Image(picture(seed=seed), "YX", {"Y": 0.5, "X": 0.5}, "micrometer"))
    return paths


def paint(viewer, dock, name, label=2):
    """Choose an image and paint on it."""
    dock.sections.image.combo.setCurrentText(name)
    dock.sections.labels.new_button.click()
    layer = viewer.layers[f"{name} annotation"]
    layer.brush_size = 6
    layer.paint((50, 60), 1)
    layer.paint((20, 20), label)
    return layer.data.copy()


@pytest.fixture
def autosaved_all(dock, qtbot):
    """Return a function that waits for the last autosave of this session."""
    autosaving = dock.autosaving
    return lambda: qtbot.waitUntil(lambda: not (autosaving._timer.isActive() or autosaving._saving.busy), timeout=20000)


def answer(monkeypatch, folder):
    """Name a folder whenever one is asked for."""
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(folder), ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))


def segmented(viewer, dock, name):
    """Show labels of an image as a segmentation does, and return their layer."""
    image = dock.layers.image(viewer.layers[name].unique_id)
    found = np.zeros(image.shape, np.int32)
    found[10:20, 10:20] = 1
    result = PlaneResult(found, np.stack([found == 0, found > 0]).astype(np.float16), ("background", "object"))
    dock.layers.results.put_labels(image, (), result, "objects")
    return viewer.layers[f"{name} labels"]


@pytest.fixture
def opened_later(viewer, dock, saved, settled, files):
    """The project without one of its images, whose file comes back and is opened by hand."""
    viewer.layers.clear()
    elsewhere = files[1].rename(files[1].with_suffix(".away"))
    choose(dock, "open")
    settled()
    elsewhere.rename(files[1])
    viewer.open(str(files[1]), plugin="napari-upaint")
    dock.sections.image.combo.setCurrentText("others")


def of_others(folder):
    """Return what a project holds of the other image."""
    return next(one for one in read_project(folder).images if one.name == "others").annotations


def choose(dock, what):
    dock.sections.project.actions_[what].trigger()


@pytest.fixture
def saved(viewer, dock, files, settled, qtbot, monkeypatch, tmp_path):
    """A project of two images, both painted on, and of one trained model."""
    for path in files:
        viewer.open(str(path), plugin="napari-upaint")
    expected = {"others": paint(viewer, dock, "others", 5), "cells": paint(viewer, dock, "cells", 3)}
    s = dock.sections
    qtbot.waitUntil(lambda: s.train.button.isEnabled(), timeout=20000)
    s.train.seconds.setValue(1)
    s.settings.augment.control("flip").setChecked(False)
    s.segment.volume_box.setChecked(True)
    s.train.button.click()
    settled()
    s.train.seconds.setValue(33)
    answer(monkeypatch, tmp_path / "my project")
    choose(dock, "save")
    settled()
    assert s.message.text() == f"Saved the project to {tmp_path / 'my project'}."
    assert s.project.name.text() == "my project"
    return tmp_path / "my project", expected


def test_an_empty_viewer_can_only_open(dock):
    row = dock.sections.project
    assert row.name.text() == "not saved as a project"
    assert row.actions_["open"].isEnabled()
    assert not row.actions_["save"].isEnabled()
    assert "Open an image first" in row.actions_["save"].toolTip()


def test_everything_comes_back(viewer, dock, saved, settled):
    folder, expected = saved
    assert is_project(folder)
    s = dock.sections
    model = s.model.choice().path
    viewer.layers.clear()
    s.model.choose(None)
    s.train.seconds.setValue(60)
    s.settings.augment.restore()
    s.segment.volume_box.setChecked(False)
    choose(dock, "open")
    settled()
    for name, annotation in expected.items():
        layer = viewer.layers[f"{name} annotation"]
        np.testing.assert_array_equal(layer.data, annotation)
        np.testing.assert_allclose(layer.scale, (0.5, 0.5))
        np.testing.assert_array_equal(viewer.layers[name].data, picture(seed=["cells", "others"].index(name)))
    assert (s.image.combo.currentText(), s.labels.combo.currentText()) == ("cells", "cells annotation")
    assert s.model.choice().path == model
    assert s.train.seconds.value() == 33
    assert not s.settings.augment.control("flip").isChecked() and s.segment.volume_box.isChecked()
    assert s.message.text() == "Opened the project my project: 2 images."
    s.image.combo.setCurrentText("others")
    assert s.labels.combo.currentText() == "others annotation"


def test_paint_whose_image_was_closed_stays_in_the_project(viewer, dock, saved, settled):
    """It was deleted from the folder, or became the paint of another image of that size."""
    folder, expected = saved
    for start in ("painted here", "opened"):
        viewer.layers.remove("others")
        choose(dock, "save")
        settled()
        images = {image.name: image for image in read_project(folder).images}
        assert sorted(images) == ["cells", "others"], start
        assert [len(images[name].annotations) for name in ("cells", "others")] == [1, 1], start
        viewer.layers.clear()
        choose(dock, "open")
        settled()
        for name, annotation in expected.items():
            np.testing.assert_array_equal(viewer.layers[f"{name} annotation"].data, annotation)


def test_regions_stay_in_the_project_though_the_first_labels_are_empty(
    viewer, dock, files, settled, monkeypatch, tmp_path
):
    viewer.open(str(files[0]), plugin="napari-upaint")
    key = viewer.layers["cells"].unique_id
    dock.sections.labels.new_button.click()  # nobody paints on them
    dock.sections.labels.new_button.click()
    viewer.layers["cells annotation [1]"].paint((50, 60), 1)
    dock.layers.regions.put(key, [Region("annotated", ((5.0, 5.0), (5.0, 40.0), (30.0, 40.0), (30.0, 5.0)))])
    before = dock.layers.regions.of(key)
    assert len(before) == 1
    answer(monkeypatch, tmp_path / "my project")
    choose(dock, "save")
    settled()
    viewer.layers.clear()
    choose(dock, "open")
    settled()
    assert dock.layers.regions.of(viewer.layers["cells"].unique_id) == before


def test_what_a_project_brings_back_is_not_offered_once_more(viewer, dock, saved, settled, autosaved_all, qtbot):
    viewer.layers.clear()
    autosaved_all()
    viewer.open(str(saved[0].parent / "cells.tif"), plugin="napari-upaint")
    offer = dock.sections.labels.offer
    qtbot.waitUntil(lambda: offer.offered is not None, timeout=20000)
    choose(dock, "open")
    settled()
    assert "cells annotation" in viewer.layers
    qtbot.waitUntil(lambda: offer.offered is None, timeout=20000)
    viewer.layers.remove("cells annotation")
    qtbot.waitUntil(lambda: offer.offered is not None, timeout=20000)


def test_an_image_that_is_open_is_not_opened_twice(viewer, dock, saved, settled):
    viewer.layers.remove("cells annotation")
    choose(dock, "open")
    settled()
    names = sorted(layer.name for layer in viewer.layers if layer.name in ("cells", "others", "cells annotation"))
    assert names == ["cells", "cells annotation", "others"]


def test_an_image_is_known_by_its_name_whichever_system_wrote_that(viewer, dock):
    layer = viewer.add_image(picture(), name="K\u00f6rper")
    assert dock.keeping.projects._find(SavedImage("Ko\u0308rper", (60, 80), {}, ())) == layer.unique_id


def test_of_two_layers_that_swapped_their_names_each_has_its_own_paint(viewer, dock, saved, settled, files):
    _, expected = saved
    viewer.layers.clear()
    for path in files:
        viewer.open(str(path), plugin="napari-upaint")
    cells, others = viewer.layers
    cells.name, others.name = "spare", "cells"
    cells.name = "others"
    choose(dock, "open")
    settled()
    for number, name in enumerate(("cells", "others")):
        layer = viewer.layers[f"{name} annotation"]
        np.testing.assert_array_equal(layer.data, expected[name])
        owner = dock.choosing.ownership.image_of(layer.unique_id)
        np.testing.assert_array_equal(dock.layers.image(owner).data, picture(seed=number))


def test_a_hundred_missing_images_do_not_fill_the_window():
    images = tuple(SavedImage(f"field {number}", (60, 80), {}) for number in range(100))
    project = SavedProject(images, "", "objects", None, {})
    words = _words(Path("plate 1"), project, [image.name for image in images])
    assert words == (
        "Opened the project plate 1: 0 images. Not found: 'field 0', 'field 1', 'field 2', 'field 3', 'field 4',"
        " 'field 5', 'field 6' and 93 others; open them yourself, and what was painted on them is offered."
    )


def test_a_missing_image_is_named_and_its_paint_kept(
    viewer, dock, saved, settled, autosaved_all, files, qtbot, own_home
):
    viewer.layers.clear()
    files[1].unlink()
    autosaved_all()
    for path in (own_home / "annotations").iterdir():
        path.unlink()
    choose(dock, "open")
    settled()
    assert (
        "Not found: 'others'; open it yourself, and what was painted on it is offered" in dock.sections.message.text()
    )
    assert "cells annotation" in viewer.layers
    viewer.layers.clear()
    viewer.add_image(picture(seed=1), name="others")
    offer = dock.sections.labels.offer
    qtbot.waitUntil(lambda: offer.offered is not None, timeout=20000)
    offer.accept_button.click()
    qtbot.waitUntil(lambda: "others annotation" in viewer.layers, timeout=20000)
    np.testing.assert_array_equal(viewer.layers["others annotation"].data, saved[1]["others"])


def test_paint_of_a_missing_image_is_left_whole_or_not_at_all(tmp_path, own_home, monkeypatch):
    def full(_, target):
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    autosave(np.eye(4, dtype=np.uint8), tmp_path / "a.npz")
    missing = SavedImage("cells", (4, 4), {}, (SavedAnnotation({}, path=tmp_path / "a.npz"),))
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfile", full)
        _leave_to_be_offered((missing,))
    assert not list((own_home / "annotations").iterdir())
    for _ in range(2):
        _leave_to_be_offered((missing,))
    assert len(autosaved("cells", (4, 4))) == 1


def test_what_is_painted_on_a_missing_image_outlives_saving(viewer, dock, saved, settled, files):
    """A disk is missing today; the user goes on with the other image, and saves."""
    viewer.layers.clear()
    elsewhere = files[1].rename(files[1].with_suffix(".away"))
    choose(dock, "open")
    settled()
    viewer.layers["cells annotation"].paint((40, 10), 7)
    for _ in range(2):
        choose(dock, "save")
        settled()
    elsewhere.rename(files[1])
    viewer.layers.clear()
    choose(dock, "open")
    settled()
    assert viewer.layers["cells annotation"].data[40, 10] == 7
    np.testing.assert_array_equal(viewer.layers["others annotation"].data, saved[1]["others"])
    assert [layer.name for layer in viewer.layers if "annotation" in layer.name].count("others annotation") == 1


@pytest.mark.parametrize("painted", [True, False])
def test_labels_that_are_something_else_do_not_replace_what_did_not_come_back(
    viewer, dock, saved, settled, opened_later, painted
):
    """One labels layer on the image, even an empty one, and its old paint was deleted from the project."""
    dock.sections.labels.new_button.click()
    if painted:
        viewer.layers["others annotation"].paint((50, 60), 1)
    for _ in range(2):
        choose(dock, "save")
        settled()
    found = [read_annotation(one) for one in of_others(saved[0])]
    assert len(found) == 1 + painted
    assert any(np.array_equal(one, saved[1]["others"]) for one in found)


def test_paint_that_was_restored_is_not_kept_beside_itself(viewer, dock, saved, settled, opened_later, qtbot):
    """And once its file is replaced, no later save names that."""
    offer = dock.sections.labels.offer
    qtbot.waitUntil(lambda: offer.offered is not None, timeout=20000)
    offer.accept_button.click()
    qtbot.waitUntil(lambda: "others annotation" in viewer.layers, timeout=20000)
    for _ in range(3):
        choose(dock, "save")
        settled()
        (annotation,) = of_others(saved[0])
        assert annotation.damage == ""
        np.testing.assert_array_equal(read_annotation(annotation), saved[1]["others"])


def test_a_result_whose_image_was_closed_before_the_first_save_is_in_the_project(
    viewer, dock, files, settled, monkeypatch, tmp_path
):
    for path in files:
        viewer.open(str(path), plugin="napari-upaint")
    labels = segmented(viewer, dock, "others")
    labels.paint((40, 40), 5)
    corrected = labels.data.copy()
    viewer.layers.remove("others")
    answer(monkeypatch, tmp_path / "my project")
    choose(dock, "save")
    settled()
    for start in ("closed", "opened again"):
        found = of_others(tmp_path / "my project")
        assert len(found) == 1, start
        np.testing.assert_array_equal(read_annotation(found[0]), corrected)
        viewer.open(str(files[1]), plugin="napari-upaint")
        choose(dock, "save")
        settled()


def test_a_project_of_a_later_version_opens(viewer, dock, saved, settled):
    folder, expected = saved
    raw = json.loads((folder / "project.json").read_text("utf-8"))
    for image in raw["images"]:
        image["origin"] |= {"address": "somewhere", "sample": None}
    (folder / "project.json").write_text(json.dumps(raw), "utf-8")
    viewer.layers.clear()
    choose(dock, "open")
    settled()
    assert dock.sections.message.text().startswith("Opened the project")
    np.testing.assert_array_equal(viewer.layers["cells annotation"].data, expected["cells"])


def test_one_damaged_file_costs_no_other_image(viewer, dock, saved, settled):
    folder, expected = saved
    for path in (folder / "annotations").iterdir():
        with np.load(path) as file:
            if '"layer": "others annotation"' in str(file["about"]):
                damaged = path
    damaged.write_bytes(damaged.read_bytes()[:-40])
    viewer.layers.clear()
    choose(dock, "open")
    settled()
    words = dock.sections.message.text()
    assert "What was painted on 'others' cannot be read now; its files stay in the project." in words
    np.testing.assert_array_equal(viewer.layers["cells annotation"].data, expected["cells"])
    choose(dock, "save")
    settled()
    assert damaged.exists()


def test_save_again_asks_for_nothing_but_replaces_no_paint_of_another_window(viewer, dock, saved, settled, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: pytest.fail("asked"))
    viewer.layers["cells annotation"].paint((40, 10), 7)
    choose(dock, "save")
    settled()
    viewer.layers.clear()
    choose(dock, "open")
    settled()
    assert viewer.layers["cells annotation"].data[40, 10] == 7
    folder = saved[0]
    theirs = read_project(folder)
    save_project(theirs, folder)  # keeps the files: nothing that this window does not know
    choose(dock, "save")
    settled()
    assert dock.sections.message.kind == "info"
    painted = SavedAnnotation({"layer": "theirs"}, np.full((60, 80), 9, np.uint8))
    save_project(replace(theirs, images=(replace(theirs.images[0], annotations=(painted,)),)), folder)
    choose(dock, "save")
    settled()
    assert "holds paint that this window has not seen" in dock.sections.message.text()
    choose(dock, "open")
    settled()
    choose(dock, "save")
    settled()
    assert dock.sections.message.kind == "info"
    layers = [one.notes["layer"] for image in read_project(folder).images for one in image.annotations]
    assert sorted(layers) == ["cells annotation", "others annotation", "theirs"]
    assert viewer.layers["cells annotation"].data[40, 10] == 7


def test_saving_while_a_project_is_opened_loses_no_paint(viewer, dock, saved, settled, monkeypatch):
    folder, _ = saved
    real, saves = dock.layers.bring_back, []

    def bring_back(*what):
        made = real(*what)
        if not saves:
            saves.append(made)
            choose(dock, "save")
        return made

    monkeypatch.setattr(dock.layers, "bring_back", bring_back)
    viewer.layers.clear()
    choose(dock, "open")
    settled()
    assert saves and [len(image.annotations) for image in read_project(folder).images] == [1, 1]
    choose(dock, "save")
    settled()
    assert dock.sections.message.text().startswith("Saved the project")
    assert [len(image.annotations) for image in read_project(folder).images] == [1, 1]


def test_what_cannot_be_done_costs_a_sentence(viewer, dock, settled, monkeypatch, tmp_path):
    viewer.add_image(picture(), name="cells")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter 1.txt").write_text("x")
    answer(monkeypatch, tmp_path / "thesis")
    choose(dock, "save as")
    settled()
    assert "holds other files" in dock.sections.message.text()
    choose(dock, "open")
    settled()
    assert "There is no project in" in dock.sections.message.text()
    assert dock.sections.project.folder is None


def test_a_project_of_somebody_else_runs_no_program(viewer, dock, settled, monkeypatch, tmp_path):
    """napari runs Python files that are opened like images."""
    program = tmp_path / "cells.py"
    program.write_text(f"open({str(tmp_path / 'it ran')!r}, 'w').close()", encoding="utf-8")
    image = SavedImage("cells", (96, 128), {"path": str(program), "reader": "napari"})
    folder, _ = save_project(SavedProject((image,)), tmp_path / "my project")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    choose(dock, "open")
    settled()
    assert not (tmp_path / "it ran").exists()
    assert "Not found: 'cells'" in dock.sections.message.text()


def test_a_sample_comes_back(viewer, dock, settled, monkeypatch, tmp_path):
    viewer.open_sample("napari-upaint", "cells_phase")
    answer(monkeypatch, tmp_path / "p")
    names = [layer.name for layer in viewer.layers]
    choose(dock, "save")
    settled()
    viewer.layers.clear()
    choose(dock, "open")
    settled()
    assert names[0] in viewer.layers


def test_a_corrected_result_comes_back_as_one_and_not_as_paint(viewer, dock, saved, settled, qtbot):
    """Its first object is 1: learnt as paint it would be background."""
    cells, labels = viewer.layers["others"], np.zeros(picture().shape, np.int32)
    labels[10:20, 10:20] = 1
    viewer.layers.remove("others annotation")
    key = dock.layers.bring_back(cells.unique_id, "objects", labels, corrected=True)
    dock.layers.files.rename(key, "others labels (corrected)")
    choose(dock, "save")
    settled()
    viewer.layers.clear()
    choose(dock, "open")
    settled()
    s = dock.sections
    np.testing.assert_array_equal(viewer.layers["others labels (corrected)"].data, labels)
    assert (s.image.combo.currentText(), s.labels.combo.currentText()) == ("cells", "cells annotation")
    assert s.image.cover.isHidden()  # the chosen image is seen, not the one that was opened last
    assert not viewer.layers["others"].visible
    s.labels.combo.set_key(viewer.layers["others labels (corrected)"].unique_id)
    s.image.combo.setCurrentText("others")
    qtbot.waitUntil(lambda: "press 'From masks'" in s.train.button.toolTip(), timeout=20000)
    assert not s.train.button.isEnabled()


def test_corrections_of_a_result_are_saved_before_a_new_segmentation_keeps_them(
    viewer, dock, files, settled, monkeypatch, tmp_path
):
    viewer.open(str(files[0]), plugin="napari-upaint")
    labels = segmented(viewer, dock, "cells")
    labels.brush_size = 4
    labels.paint((50, 60), 99)
    corrected = labels.data.copy()
    answer(monkeypatch, tmp_path / "my project")
    choose(dock, "save")
    settled()
    viewer.layers.clear()
    choose(dock, "open")
    settled()
    assert [layer.name for layer in viewer.layers] == ["cells", "cells labels (corrected)"]
    np.testing.assert_array_equal(viewer.layers["cells labels (corrected)"].data, corrected)
    assert not dock.layers.files.corrected_results()  # it is the user's now
