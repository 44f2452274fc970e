"""*From masks*: a finished segmentation, in which 0 is background, becomes labels that can be learnt from."""

import errno
import threading

import dask.array as da
import numpy as np
import pytest

from napari_upaint.io.samples import open_sample

AWAY = "Plane 0 of masks cannot be read (The drive is away); check where its file lies, or copy it again."


@pytest.fixture
def cells():
    """A stack of real cells; the second slice holds none."""
    found = open_sample("cells_phase")
    image, truth = np.asarray(found.image.data)[:80, :100], np.asarray(found.truth)[:80, :100]
    return np.stack([image, image]), np.stack([truth, np.zeros_like(truth)])


@pytest.mark.parametrize("lazily", [False, True])
def test_masks_become_labels_and_stay_as_they_are(viewer, dock, qtbot, cells, lazily):
    image, truth = cells
    viewer.add_image(image, name="cells", scale=(2, 0.5, 0.5))
    masks = viewer.add_labels(da.from_array(truth) if lazily else truth.copy(), name="masks", scale=(2, 0.5, 0.5))
    s = dock.sections
    assert s.labels.combo.currentText() == "masks"
    qtbot.waitUntil(lambda: "press 'from masks'" in s.labels._meaning.text().lower(), timeout=20000)
    s.labels.masks_button.click()
    qtbot.waitUntil(lambda: s.labels.combo.currentText() == "cells annotation", timeout=20000)
    made = viewer.layers["cells annotation"]
    np.testing.assert_array_equal(made.data[0], truth[0] + 1)
    assert not made.data[1].any()
    np.testing.assert_array_equal(made.scale, masks.scale)
    np.testing.assert_array_equal(np.asarray(masks.data), truth)
    assert made.visible and not masks.visible
    qtbot.waitUntil(lambda: s.train.button.isEnabled(), timeout=20000)
    assert "masks" not in s.labels._meaning.text().lower()


def test_the_button_says_what_is_missing(viewer, dock, cells):
    button = dock.sections.labels.masks_button
    assert not button.isEnabled() and button.toolTip() == "Open an image first."
    viewer.add_image(cells[0], name="cells")
    assert not button.isEnabled() and "Convert to Labels" in button.toolTip()
    viewer.add_labels(cells[1][0], name="masks")
    assert not button.isEnabled() and "differ in size" in button.toolTip()
    viewer.add_labels(cells[1], name="more masks")
    dock.sections.labels.combo.setCurrentText("more masks")
    assert button.isEnabled() and "0 is background" in button.toolTip()


def test_an_image_that_is_closed_meanwhile_gets_a_sentence(viewer, dock, qtbot, cells):
    image = viewer.add_image(cells[0], name="cells")
    viewer.add_labels(cells[1], name="masks")
    dock.sections.labels.masks_button.click()
    viewer.layers.remove(image)
    qtbot.waitUntil(lambda: "not open any more" in dock.sections.message.text(), timeout=20000)
    assert dock.sections.message.text() == "cells is not open any more; no labels were made from masks."
    assert dock.sections.labels.masks_line.isHidden()
    assert [layer.name for layer in viewer.layers] == ["masks"]


def test_masks_far_away_can_be_waited_for_or_not(viewer, dock, qtbot, cells):
    image, truth = (np.repeat(one, 4, axis=0) for one in cells)
    asked, go_on = [], threading.Semaphore(3)

    def read(block):
        asked.append(go_on.acquire(timeout=20))
        return block

    viewer.add_image(image, name="cells")
    # `meta`: dask must not try the function.
    far = da.from_array(truth, chunks=(1, -1, -1)).map_blocks(read, dtype=truth.dtype, meta=np.array((), truth.dtype))
    go_on.release(4)  # as napari and the count of what is painted read, too
    viewer.add_labels(far, name="masks", visible=False)
    s = dock.sections.labels
    s.masks_button.click()
    qtbot.waitUntil(lambda: s.masks_line.words().startswith("Read plane "), timeout=20000)
    assert s.masks_line.words().endswith(" of 8") and 0 < s.masks_line.fraction() < 1 and not s.masks_line.isHidden()
    s.masks_stop_button.click()
    assert s.masks_line.isHidden()
    go_on.release(100)
    qtbot.waitUntil(lambda: not [one for one in threading.enumerate() if "_converted" in one.name], timeout=20000)
    assert [layer.name for layer in viewer.layers] == ["cells", "masks"]
    s.masks_button.click()
    qtbot.waitUntil(lambda: "cells annotation" in viewer.layers, timeout=20000)
    assert s.masks_line.isHidden()


def test_another_kind_that_is_chosen_meanwhile_is_not_that_of_the_masks(viewer, dock, qtbot, cells):
    viewer.add_image(cells[0], name="cells")
    viewer.add_labels(cells[1], name="masks")
    s = dock.sections.labels
    s.objects.click()
    s.masks_button.click()
    s.classes.click()
    qtbot.waitUntil(lambda: "cells annotation" in viewer.layers, timeout=20000)
    assert dock.layers.kinds.of(viewer.layers["cells annotation"].unique_id) == "objects"


def test_masks_that_cannot_be_read_cost_a_sentence(viewer, dock, qtbot, cells):
    def fail(block):
        raise OSError(errno.EIO, "The drive is away")

    viewer.add_image(cells[0], name="cells")
    away = da.from_array(cells[1]).map_blocks(fail, dtype=cells[1].dtype, meta=np.array((), cells[1].dtype))
    viewer.add_labels(away, name="masks", visible=False)
    said, s = dock.sections.message, dock.sections.labels
    for _ in ("when they are counted", "when they are taken"):
        qtbot.waitUntil(lambda: said.text() == AWAY, timeout=20000)
        said.clear()
        s.masks_button.click()
    qtbot.waitUntil(lambda: said.text() == AWAY and s.masks_line.isHidden(), timeout=20000)
