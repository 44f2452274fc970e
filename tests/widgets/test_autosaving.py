"""What was painted survives whatever ends the window."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Labels
from napari.layers._layer_actions import _duplicate_layer
from qtpy.QtWidgets import QMessageBox
from upaint_painting import SHAPE, stroke

from napari_upaint.engine.progress import PlaneResult
from napari_upaint.io.image import Image
from napari_upaint.io.images import write_image
from napari_upaint.session.autosaves import autosave, autosaved, new_autosave, restore
from napari_upaint.widgets import _autosaving


@pytest.fixture
def quick(monkeypatch):
    """Save at once instead of every few seconds."""
    monkeypatch.setattr(_autosaving, "_SOON", 0.05)
    monkeypatch.setattr(_autosaving, "_BETWEEN", 0.1)


@pytest.fixture
def image(viewer):
    return viewer.add_image(np.random.default_rng(0).random(SHAPE), name="cells", scale=(0.5, 0.5))


@pytest.fixture
def answer(monkeypatch):
    """Return a function that sets the answer to questions."""

    def answers(button):
        def question(*asked):
            assert asked[-1] == QMessageBox.StandardButton.No  # what Enter chooses
            return button

        monkeypatch.setattr(QMessageBox, "question", question)

    return answers


def saved(shape=SHAPE, name="cells"):
    return autosaved(name, shape)


def files_of_one_name(folder):
    """Write two images that differ; microscopes call everything "Pos0"."""
    files = [folder / day / "Pos0.tif" for day in ("monday", "tuesday")]
    for number, path in enumerate(files):
        write_image(path, Image(np.random.default_rng(number).random(SHAPE).astype(np.float32), "YX"))
    return files


def painted_before(value=3, kind="objects", name="cells", shape=SHAPE):
    """Leave behind what an earlier session would."""
    annotation = np.zeros(shape, np.uint16)
    annotation[..., 10:20, 10:30] = value
    autosave(annotation, new_autosave(name, shape), {"kind": kind})
    return annotation


def test_after_kill_9_everything_comes_back(viewer, dock, image, qtbot):
    user = subprocess.Popen([sys.executable, str(Path(__file__).parent / "upaint_painting.py")])
    try:
        end = time.monotonic() + 120  # a second napari, beside two others, on a slow machine
        while not saved() or saved()[0].pixels < 200:
            assert user.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        os.kill(user.pid, signal.SIGKILL)
        user.wait()
    viewer.layers.clear()  # the next start
    viewer.add_image(image.data, name="cells", scale=(0.5, 0.5))
    offer = dock.sections.labels.offer
    qtbot.waitUntil(lambda: offer.offered is not None, timeout=20000)
    assert offer.words().startswith("Bring back what was painted on ")
    assert "cells annotation" not in viewer.layers
    offer.accept_button.click()
    qtbot.waitUntil(lambda: "cells annotation" in viewer.layers, timeout=20000)
    found, expected = viewer.layers["cells annotation"].data, Labels(np.zeros(SHAPE, np.uint16))
    for number in range(2000):
        stroke(expected, number)
        if np.array_equal(found, expected.data):
            break
    np.testing.assert_array_equal(found, expected.data)


def test_what_is_painted_is_saved_and_only_then(viewer, dock, image, quick, qtbot):
    dock.sections.labels.new_button.click()
    layer = viewer.layers["cells annotation"]
    qtbot.wait(300)
    assert saved() == []
    layer.paint((50, 60), 1)
    qtbot.waitUntil(lambda: len(saved()) == 1, timeout=20000)
    first = saved()[0]
    qtbot.wait(500)
    assert saved()[0].saved == first.saved
    layer.paint((20, 20), 2)
    qtbot.waitUntil(lambda: saved()[0].saved > first.saved, timeout=20000)
    np.testing.assert_array_equal(restore(saved()[0]), layer.data)
    assert saved()[0].path == first.path
    assert dock.sections.labels.offer.offered is None  # it is open


def test_saved_before_a_training_and_when_the_dock_closes(viewer, dock, image, qtbot, monkeypatch):
    monkeypatch.setattr(_autosaving, "_SOON", 1000.0)
    dock.sections.labels.new_button.click()
    layer = viewer.layers["cells annotation"]
    layer.paint((50, 60), 1)
    layer.paint((20, 20), 2)
    qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=20000)
    dock.sections.train.seconds.setValue(1)
    dock.sections.train.button.click()
    qtbot.waitUntil(lambda: len(saved()) == 1, timeout=20000)
    layer.paint((90, 90), 3)
    viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(lambda: (restore(saved()[0]) == layer.data).all(), timeout=20000)


def test_paint_of_another_file_of_that_name_is_not_offered(viewer, dock, quick, qtbot, tmp_path):
    """Microscopes call everything "Pos0"."""
    files = files_of_one_name(tmp_path)
    viewer.open(str(files[0]), plugin="napari-upaint")
    dock.sections.labels.new_button.click()
    viewer.layers["Pos0 annotation"].paint((50, 60), 1)
    qtbot.waitUntil(lambda: len(saved(name="Pos0")) == 1, timeout=20000)
    offer = dock.sections.labels.offer
    for path, offered in ((files[1], False), (files[0], True)):
        viewer.layers.clear()
        viewer.open(str(path), plugin="napari-upaint")
        if offered:
            qtbot.waitUntil(lambda: offer.offered is not None, timeout=20000)
        else:
            qtbot.wait(500)
            assert offer.offered is None


def test_paint_on_the_second_of_two_images_of_one_name_is_offered_where_it_is_open_alone(
    viewer, dock, quick, qtbot, tmp_path
):
    """napari calls it "Pos0 [1]" while the other one is open, too."""
    files = files_of_one_name(tmp_path)
    for path in files:
        (layer,) = viewer.open(str(path), plugin="napari-upaint")
    assert layer.name == "Pos0 [1]"
    dock.sections.image.combo.set_key(layer.unique_id)
    dock.sections.labels.new_button.click()
    viewer.layers["Pos0 [1] annotation"].paint((50, 60), 1)
    qtbot.waitUntil(lambda: len(saved(name="Pos0")) == 1, timeout=20000)
    offer = dock.sections.labels.offer
    for path, offered in ((files[0], False), (files[1], True)):
        viewer.layers.clear()
        viewer.open(str(path), plugin="napari-upaint")
        qtbot.wait(500)
        assert (offer.offered is not None) == offered
    viewer.open(str(files[0]), plugin="napari-upaint")
    dock.sections.image.combo.setCurrentText("Pos0 [1]")
    qtbot.waitUntil(lambda: offer.offered is None, timeout=20000)


def test_paint_on_a_channel_is_offered_with_the_others_of_its_file_and_comes_back_on_its_own(
    viewer, dock, quick, qtbot, tmp_path
):
    path = tmp_path / "Ko\u0308rper.tif"  # as a Mac writes it
    write_image(path, Image(np.random.default_rng(0).random((2, *SHAPE)).astype(np.float32), "CYX"))
    _, second = viewer.open(str(path), plugin="napari-upaint")
    combo, offer = dock.sections.image.combo, dock.sections.labels.offer
    combo.set_key(second.unique_id)
    dock.sections.labels.new_button.click()
    viewer.layers["Ko\u0308rper channel 1 annotation"].paint((50, 60), 1)
    qtbot.waitUntil(lambda: len(saved(name="K\u00f6rper channel 1")) == 1, timeout=20000)
    viewer.layers.clear()
    for layer in viewer.open(str(path), plugin="napari-upaint"):
        layer.name = unicodedata.normalize("NFC", layer.name)
    assert combo.currentText() == "K\u00f6rper channel 0"
    qtbot.waitUntil(lambda: offer.offered is not None, timeout=20000)
    offer.accept_button.click()
    qtbot.waitUntil(lambda: "K\u00f6rper channel 1 annotation" in viewer.layers, timeout=20000)
    assert combo.currentText() == "K\u00f6rper channel 1"
    qtbot.waitUntil(lambda: offer.offered is None, timeout=20000)


def test_paint_that_goes_on_on_another_image_is_found_by_that_one(viewer, dock, quick, qtbot, tmp_path):
    """It was saved under the name of the first and noted as the second's, and so offered for neither."""
    files = [tmp_path / "a.tif", tmp_path / "b.tif"]
    for number, path in enumerate(files):
        write_image(path, Image(np.random.default_rng(number).random(SHAPE).astype(np.float32), "YX"))
        viewer.open(str(path), plugin="napari-upaint")
    image, labels = dock.sections.image.combo, dock.sections.labels.combo
    image.setCurrentText("a")
    dock.sections.labels.new_button.click()
    layer = viewer.layers["a annotation"]
    layer.paint((50, 60), 1)
    qtbot.waitUntil(lambda: len(saved(name="a")) == 1, timeout=20000)
    image.setCurrentText("b")
    labels.set_key(layer.unique_id)
    labels.activated.emit(labels.currentIndex())  # both show the same
    layer.paint((20, 20), 2)
    qtbot.waitUntil(lambda: len(saved(name="b")) == 1, timeout=20000)
    np.testing.assert_array_equal(restore(saved(name="b")[0]), layer.data)
    offer = dock.sections.labels.offer
    for path in files:
        viewer.layers.clear()
        viewer.open(str(path), plugin="napari-upaint")
        qtbot.waitUntil(lambda: offer.offered is not None, timeout=20000)


def test_restore_keeps_the_old_file_until_the_new_one_is_there(viewer, dock, image, quick, qtbot):
    expected = painted_before(3, "classes")
    dock.autosaving._again()  # as if it had been there when the image was opened
    offer = dock.sections.labels.offer
    qtbot.waitUntil(lambda: offer.offered is not None, timeout=20000)
    before = saved()[0].path
    offer.accept_button.click()
    qtbot.waitUntil(lambda: "cells annotation" in viewer.layers, timeout=20000)
    layer = viewer.layers["cells annotation"]
    np.testing.assert_array_equal(layer.data, expected)
    assert layer.data.dtype == expected.dtype
    np.testing.assert_allclose(layer.scale, (0.5, 0.5))
    assert dock.sections.labels.kind() == "classes"
    assert dock.sections.labels.combo.currentText() == "cells annotation"
    qtbot.waitUntil(lambda: not before.exists(), timeout=20000)
    assert len(saved()) == 1
    assert offer.offered is None


def test_older_ones_are_offered_after_the_newest(viewer, dock, image, qtbot, answer):
    for age, value in enumerate((5, 6, 7)):
        painted_before(value)
        os.utime(saved()[0].path, (10**9 - age, 10**9 - age))
    dock.autosaving._again()
    offer = dock.sections.labels.offer
    qtbot.waitUntil(lambda: offer.offered is not None, timeout=20000)
    newest = offer.offered
    assert restore(newest).max() == 5
    answer(QMessageBox.StandardButton.No)
    offer.decline_button.click()
    assert newest.path.exists() and offer.offered is newest
    answer(QMessageBox.StandardButton.Yes)
    offer.decline_button.click()
    assert not newest.path.exists()
    qtbot.waitUntil(lambda: offer.offered not in (None, newest), timeout=20000)
    assert restore(offer.offered).max() == 6


def test_a_new_annotation_does_not_replace_what_was_not_brought_back(viewer, dock, image, quick, qtbot):
    expected = painted_before(9)
    dock.autosaving._again()
    qtbot.waitUntil(lambda: dock.sections.labels.offer.offered is not None, timeout=20000)
    dock.sections.labels.new_button.click()
    viewer.layers["cells annotation"].paint((50, 60), 1)
    qtbot.waitUntil(lambda: len(saved()) == 2, timeout=20000)
    assert any((restore(one) == expected).all() for one in saved())


def test_an_annotation_closed_by_mistake_comes_back(viewer, dock, image, qtbot):
    dock.sections.labels.new_button.click()
    layer = viewer.layers["cells annotation"]
    layer.paint((50, 60), 5)
    expected = layer.data.copy()
    viewer.layers.remove(layer)  # before it was saved for the first time
    offer = dock.sections.labels.offer
    qtbot.waitUntil(lambda: offer.offered is not None, timeout=8000)
    offer.accept_button.click()
    qtbot.waitUntil(lambda: "cells annotation" in viewer.layers, timeout=20000)
    np.testing.assert_array_equal(viewer.layers["cells annotation"].data, expected)
    qtbot.waitUntil(lambda: offer.offered is None, timeout=800)  # at once, not when it has been saved again


def test_discarded_is_gone_also_for_the_next_start(viewer, dock, image, quick, qtbot, answer):
    answer(QMessageBox.StandardButton.Yes)
    dock.sections.labels.new_button.click()
    viewer.layers["cells annotation"].paint((50, 60), 5)
    viewer.layers.remove("cells annotation")
    offer = dock.sections.labels.offer
    qtbot.waitUntil(lambda: offer.offered is not None, timeout=20000)
    offer.decline_button.click()
    qtbot.waitUntil(lambda: offer.offered is None, timeout=20000)
    qtbot.wait(300)
    assert saved() == []


def test_what_is_open_is_not_offered_by_a_dock_that_was_opened_anew(viewer, dock, image, open_dock, quick, qtbot):
    dock.sections.labels.new_button.click()
    layer = viewer.layers["cells annotation"]
    layer.paint((50, 60), 5)
    qtbot.waitUntil(lambda: len(saved()) == 1, timeout=20000)
    path = saved()[0].path
    viewer.window.remove_dock_widget(dock)
    again = open_dock()
    offer = again.sections.labels.offer
    qtbot.wait(500)
    assert offer.offered is None
    layer.paint((20, 20), 2)
    qtbot.waitUntil(lambda: (restore(saved()[0]) == layer.data).all(), timeout=20000)
    assert [one.path for one in saved()] == [path]  # it goes on in the same file
    viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: offer.offered is not None, timeout=20000)
    assert offer.offered.path == path


def test_a_duplicate_is_saved_to_a_file_of_its_own(viewer, dock, image, quick, qtbot):
    """napari gives it the metadata of its original."""
    dock.sections.labels.new_button.click()
    layer = viewer.layers["cells annotation"]
    layer.paint((50, 60), 5)
    qtbot.waitUntil(lambda: len(saved()) == 1, timeout=20000)
    copy = viewer.add_layer(Labels.create(*layer.as_layer_data_tuple()))
    copy.data = layer.data.copy()
    dock.choosing.choose_annotation(copy.unique_id)
    copy.paint((20, 20), 2)
    qtbot.waitUntil(lambda: len(saved()) == 2, timeout=20000)
    for one in (layer, copy):
        assert any((restore(found) == one.data).all() for found in saved())


def test_labels_of_another_size_do_not_replace_what_was_saved(viewer, dock, image, quick, qtbot):
    dock.sections.labels.new_button.click()
    layer = viewer.layers["cells annotation"]
    layer.paint((20, 20), 2)
    qtbot.waitUntil(lambda: len(saved()) == 1, timeout=20000)
    before, image.data = layer.data, image.data[:40, :50]
    layer.data = np.zeros((40, 50), np.uint16)
    layer.paint((30, 30), 3)
    qtbot.waitUntil(lambda: len(saved((40, 50))) == 1, timeout=20000)
    np.testing.assert_array_equal(restore(saved()[0]), before)


def test_only_the_same_image_is_asked_about(viewer, dock, qtbot):
    painted_before(shape=(60, 80))
    painted_before(name="others")
    viewer.add_image(np.ones(SHAPE), name="cells")
    qtbot.wait(300)
    assert dock.sections.labels.offer.offered is None
    viewer.add_image(np.ones(SHAPE), name="others")
    dock.sections.image.combo.setCurrentText("others")
    qtbot.waitUntil(lambda: dock.sections.labels.offer.offered is not None, timeout=20000)
    dock.sections.image.combo.setCurrentText("cells")
    assert dock.sections.labels.offer.offered is None


def test_a_folder_that_cannot_be_written_costs_a_sentence(viewer, dock, image, quick, qtbot, own_home):
    own_home.mkdir(exist_ok=True)
    (own_home / "annotations").write_text("in the way")
    dock.sections.labels.new_button.click()
    viewer.layers["cells annotation"].paint((50, 60), 1)
    qtbot.waitUntil(lambda: "could not be saved automatically" in dock.sections.message.text(), timeout=20000)
    (own_home / "annotations").unlink()
    viewer.window.remove_dock_widget(dock)  # nothing was painted since: it is tried again all the same
    qtbot.waitUntil(lambda: len(saved()) == 1, timeout=20000)


def test_a_corrected_result_that_was_saved_comes_back_as_one(viewer, dock, image, quick, qtbot):
    labels = np.zeros(SHAPE, np.int32)
    labels[..., 10:20, 10:20] = 1
    key = dock.layers.bring_back(image.unique_id, "objects", labels, corrected=True)
    dock.choosing.choose_annotation(key)
    layer = viewer.layers[-1]
    layer.fill((0,) * layer.ndim, 2)
    qtbot.waitUntil(lambda: bool(saved()) and (restore(saved()[0]) == layer.data).all(), timeout=20000)
    viewer.layers.remove(layer)
    offer = dock.sections.labels.offer
    qtbot.waitUntil(lambda: offer.offered is not None, timeout=20000)
    offer.accept_button.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=20000)
    assert dock.layers.is_corrected_result(viewer.layers[-1].unique_id)
    assert "press 'From masks'" in dock.sections.train.button.toolTip()


def segmented(viewer, dock, image):
    """Show labels as a segmentation does, and return their layer."""
    found = np.zeros(SHAPE, np.int32)
    found[10:20, 10:20] = 1
    result = PlaneResult(found, np.stack([found == 0, found > 0]).astype(np.float16), ("background", "object"))
    dock.layers.results.put_labels(dock.layers.image(image.unique_id), (), result, "objects")
    return viewer.layers["cells labels"]


def saves(qtbot, layer):
    """Wait until all that a layer holds is saved in one file, and return what was saved."""
    qtbot.waitUntil(lambda: any((restore(one) == layer.data).all() for one in saved()), timeout=20000)
    (found,) = saved()
    return found


def test_what_is_corrected_on_a_result_is_offered_after_a_crash_and_is_no_paint(viewer, dock, image, quick, qtbot):
    layer, offer = segmented(viewer, dock, image), dock.sections.labels.offer
    qtbot.wait(300)
    assert saved() == []  # a segmentation can be made again
    layer.paint((50, 60), 5)
    assert saves(qtbot, layer).notes["corrected"]
    layer.fill((15, 15), 0)
    first = saves(qtbot, layer)
    layer.undo()
    corrected = layer.data.copy()
    assert saves(qtbot, layer).path == first.path
    dock.autosaving._again()
    qtbot.wait(300)
    assert offer.offered is None  # it is open
    viewer.layers.clear()  # the next start
    viewer.add_image(image.data, name="cells", scale=(0.5, 0.5))
    dock.sections.labels.new_button.click()
    qtbot.waitUntil(lambda: offer.offered is not None, timeout=20000)
    assert offer.words().startswith("Bring back the result that was corrected on ")
    offer.accept_button.click()
    qtbot.waitUntil(lambda: "cells labels (corrected)" in viewer.layers, timeout=20000)
    back = viewer.layers["cells labels (corrected)"]
    np.testing.assert_array_equal(back.data, corrected)
    assert dock.layers.is_corrected_result(back.unique_id)
    assert dock.sections.labels.combo.currentText() == "cells annotation"  # it is not what is learnt from
    qtbot.waitUntil(lambda: not first.path.exists(), timeout=20000)
    back.paint((90, 90), 6)
    saves(qtbot, back)
    assert offer.offered is None


def test_corrections_are_saved_on_after_a_new_segmentation_kept_them(viewer, dock, image, quick, qtbot):
    layer = segmented(viewer, dock, image)
    dock.sections.labels.new_button.click()
    layer.paint((50, 60), 5)
    first = saves(qtbot, layer)
    segmented(viewer, dock, image)
    assert layer.name == "cells labels (corrected)"
    layer.paint((90, 90), 6)
    assert saves(qtbot, layer).path == first.path
    assert dock.sections.labels.offer.offered is None


def test_what_is_corrected_on_a_copy_is_saved_too(viewer, dock, image, quick, qtbot):
    layer = segmented(viewer, dock, image)
    dock.sections.labels.new_button.click()  # or the copy would be what is painted on
    viewer.layers.selection = {layer}
    _duplicate_layer(viewer.layers)
    copy = viewer.layers["cells labels copy"]
    dock.sections.labels.combo.setCurrentText("cells annotation")
    copy.paint((50, 60), 5)
    np.testing.assert_array_equal(restore(saves(qtbot, copy)), copy.data)


def test_a_corrected_result_that_a_project_brought_is_not_offered_until_something_was_erased(
    viewer, dock, image, qtbot
):
    labels, offer = np.zeros(SHAPE, np.int32), dock.sections.labels.offer
    labels[10:20, 10:30] = 1
    dock.layers.bring_back(image.unique_id, "objects", labels, corrected=True)
    notes = {"corrected": True, "layer": "cells labels (corrected)"}
    autosave(labels, new_autosave("cells", SHAPE), notes)
    dock.autosaving._again()
    qtbot.waitUntil(lambda: not dock.autosaving._looking.busy, timeout=20000)
    assert offer.offered is None
    erased = labels * (np.arange(SHAPE[1]) < 20)
    autosave(erased, new_autosave("cells", SHAPE), notes)
    dock.autosaving._again()
    qtbot.waitUntil(lambda: offer.offered is not None, timeout=20000)
    assert offer.offered.pixels == 100


def test_a_save_that_takes_long_is_followed_by_a_longer_pause(viewer, dock, image, quick, qtbot, monkeypatch):
    def slow(*given):
        time.sleep(0.5)
        return autosave(*given)

    monkeypatch.setattr(_autosaving, "autosave", slow)
    layer = segmented(viewer, dock, image)
    layer.paint((50, 60), 5)
    qtbot.waitUntil(lambda: bool(saved()) and not dock.autosaving._saving.busy, timeout=20000)
    layer.paint((90, 90), 6)
    assert dock.autosaving._timer.remainingTime() > 1000
