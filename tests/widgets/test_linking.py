"""The same number for the same object through slices and time."""

import numpy as np
import pytest

from napari_upaint.core.linking import NewIds
from napari_upaint.engine.progress import PlaneResult
from napari_upaint.widgets._new_layers import MARK


def moving(planes=4):
    """Two squares that move; the lower one is first in the second half, another one comes in the last plane."""
    image = np.zeros((planes, 120, 140), np.float32)
    for z in range(planes):
        image[z, 20 + 12 * z : 40 + 12 * z, 20:40] = 1
        image[z, 40 - 6 * z : 60 - 6 * z, 80:100] = 1
    image[-1, 90:110, 110:130] = 1
    return image


@pytest.fixture
def stack(viewer, dock, settle, qtbot):
    """A stack that is segmented, and what waits until its numbers are settled."""
    viewer.add_image(moving(), name="stack")
    dock.sections.settings.objects.control("smallest").setValue(0)
    qtbot.waitUntil(lambda: dock.sections.segment.buttons["layer"].isEnabled(), timeout=20000)
    dock.sections.segment.buttons["layer"].click()
    settle(dock)
    (layer,) = (one for one in viewer.layers if one.metadata.get(MARK, {}).get("what") == "labels")

    def wait():
        qtbot.waitUntil(lambda: not dock.working.busy and not dock.linking.busy, timeout=10000)
        return layer.data

    return wait


def left(data):
    return [int(plane[30 + 12 * z, 30]) for z, plane in enumerate(data)]


def right(data):
    return [int(plane[50 - 6 * z, 90]) for z, plane in enumerate(data)]


def test_objects_keep_their_number_while_the_box_is_ticked(dock, stack):
    box = dock.sections.segment.link_box
    plain = stack().copy()
    assert left(plain) == [1, 1, 2, 2]
    box.click()
    linked = stack().copy()
    assert left(linked) == [1] * 4
    assert right(linked) == [2] * 4
    assert linked[-1, 100, 120] == 3
    np.testing.assert_array_equal(linked > 0, plain > 0)
    box.click()
    np.testing.assert_array_equal(stack(), plain)


def test_it_follows_the_settings_of_objects(dock, stack):
    dock.sections.segment.link_box.click()
    stack()
    smallest = dock.sections.settings.objects.control("smallest")
    smallest.setValue(10_000)
    assert not stack().any()
    smallest.setValue(0)
    assert left(stack()) == [1] * 4
    assert right(stack()) == [2] * 4


def test_it_follows_a_new_segmentation(viewer, dock, stack):
    dock.sections.segment.link_box.click()
    stack()
    viewer.dims.set_current_step(0, 3)
    viewer.layers["stack"].data[3, :, 70:] = 0
    dock.sections.segment.buttons["view"].click()
    assert left(stack()) == [1] * 4
    assert right(stack()) == [2, 2, 2, 0]


def test_a_table_of_other_numbers_goes(viewer, dock, stack, qtbot):
    dock.sections.segment.measure_button.click()
    stack()
    assert dock.sections.segment.table_button.isEnabled()
    dock.sections.segment.link_box.click()
    stack()
    qtbot.waitUntil(lambda: not dock.sections.segment.table_button.isEnabled(), timeout=20000)
    dock.sections.segment.measure_button.click()
    stack()
    measured = dock.working.tables.measured()
    assert np.bincount(measured.table["label"]).tolist() == [0, 4, 4, 1]


def test_what_cannot_be_linked_says_so(viewer, dock):
    box = dock.sections.segment.link_box
    assert not box.isEnabled()
    assert box.toolTip() == "Open an image first."
    viewer.add_image(moving()[0], name="plane")
    assert "single plane" in box.toolTip()
    viewer.add_image(moving(), name="stack")
    dock.sections.image.combo.setCurrentIndex(dock.sections.image.combo.findText("stack"))
    assert box.isEnabled()


def test_volumes_are_linked_through_time_and_whole(viewer, dock, qtbot):
    """An object that leans so far that its slices do not overlap stays one object."""
    image = np.zeros((2, 4, 40, 60), np.float32)
    labels = np.zeros(image.shape, np.int32)
    for t in range(2):
        for z in range(4):
            labels[t, z, 10 * z : 10 * z + 10, 5 + t : 15 + t] = 2 - t
            labels[t, z, 5:15, 40:50] = 1 + t
    layer = viewer.add_image(image, name="movie")
    source = dock.layers.image(layer.unique_id)
    for t in range(2):
        scores = np.stack([labels[t] == 0, labels[t] > 0]).astype(np.float16)
        result = PlaneResult(labels[t], scores, ("background", "object"))
        dock.layers.results.put_labels(source, (t,), result, "objects")
        dock.layers.results.put_scores(source, (t,), result, "objects", dock.sections.settings.objects.value())
    dock.sections.segment.link_box.click()
    qtbot.waitUntil(lambda: not dock.working.busy and not dock.linking.busy, timeout=10000)
    linked = viewer.layers["movie labels"].data
    for t in range(2):
        assert len(np.unique(linked[t][labels[t] == 2 - t])) == 1
        assert len(np.unique(linked[t])) == 3
    assert linked[0, 0, 5, 10] == linked[1, 0, 5, 10] != linked[0, 0, 10, 45] == linked[1, 0, 10, 45]


def test_large_volumes_are_renumbered_in_several_turns(viewer, dock, qtbot, monkeypatch):
    """All at once, a volume of 60 slices would hold up the window for a tenth of a second."""
    sizes = []
    plain = NewIds.__getitem__

    def counted(new, labels):
        sizes.append(labels.size)
        return plain(new, labels)

    monkeypatch.setattr(NewIds, "__getitem__", counted)
    image = np.zeros((2, 5, 1000, 1000), np.uint8)
    layer = viewer.add_image(image, name="movie")
    source = dock.layers.image(layer.unique_id)
    for t in range(2):
        labels = np.zeros(image.shape[1:], np.int32)
        labels[:, 10:20, 10:20], labels[:, 900:910, 10:20] = 1 + t, 2 - t
        result = PlaneResult(labels, np.stack([labels == 0, labels > 0]).astype(np.float16), ("background", "object"))
        dock.layers.results.put_labels(source, (t,), result, "objects")
        dock.layers.results.put_scores(source, (t,), result, "objects", dock.sections.settings.objects.value())
    dock.sections.segment.link_box.click()
    qtbot.waitUntil(lambda: not dock.working.busy and not dock.linking.busy, timeout=30000)
    linked = viewer.layers["movie labels"].data
    assert (linked[:, :, 10:20, 10:20] == 1).all()
    assert (linked[:, :, 900:910, 10:20] == 2).all()
    assert len(sizes) > 1
    assert max(sizes) <= 4_000_000
