"""Objects follow their settings, without the network."""

from __future__ import annotations

import numpy as np
import pytest

from napari_upaint.core.objects import label_scores
from napari_upaint.settings import ObjectSettings
from napari_upaint.widgets import _memory


def blobs(shape=(3, 60, 80)):
    image = np.full(shape, 10, np.float32)
    image[..., 10:30, 10:30] = 90
    image[..., 15:20, 15:20] = 10  # a hole
    image[..., 40:43, 40:43] = 90  # a small one
    image[..., 35:50, 60:75] = 45  # a dim one
    return image


@pytest.fixture
def segmented(viewer, dock, settle):
    """A stack with all planes segmented."""
    viewer.add_image(blobs(), name="cells", scale=(2, 1, 1))
    dock.sections.segment.buttons["layer"].click()
    settle(dock)
    assert [plane.max() for plane in viewer.layers["cells labels"].data] == [1, 1, 1]
    return dock


def control(dock, name):
    return dock.sections.settings.objects.control(name)


def test_labels_follow_every_setting_in_every_plane(viewer, segmented, settle):
    labels, cache = viewer.layers["cells labels"], viewer.layers["cells scores"].metadata["napari-upaint scores"]
    for name, value in (("threshold", 0.2), ("smallest", 0), ("smallest", 1000), ("smallest", 0)):
        control(segmented, name).setValue(value)
        settle(segmented)
        settings = segmented.sections.settings.objects.value()
        for index in range(3):
            expected = label_scores(cache.plane((index,)), kind="objects", border=False, settings=settings)
            np.testing.assert_array_equal(labels.data[index], expected)
    assert labels.data[0].max() == 3
    assert labels.data[0, 17, 17] == 1
    control(segmented, "fill_holes").setChecked(False)
    settle(segmented)
    assert labels.data[0, 17, 17] == 0
    control(segmented, "split").setChecked(True)
    settle(segmented)
    assert {one.labelled for one in cache.planes.values()} == {segmented.sections.settings.objects.value()}


def test_what_would_fill_the_memory_is_refused(viewer, segmented, settle, monkeypatch):
    before = viewer.layers["cells labels"].data.copy()
    monkeypatch.setattr(_memory, "available", lambda: 20 * 60 * 80)
    control(segmented, "split").setChecked(True)
    settle(segmented)
    assert "clear 'Split touching' or close other programs" in segmented.sections.message.text()
    np.testing.assert_array_equal(viewer.layers["cells labels"].data, before)
    control(segmented, "split").setChecked(False)
    control(segmented, "smallest").setValue(0)  # takes less
    settle(segmented)
    assert viewer.layers["cells labels"].data.max() == 2


def test_the_plane_in_view_comes_first(viewer, segmented):
    viewer.dims.set_current_step(0, 2)
    stale = segmented.layers.results.stale_plane(ObjectSettings(threshold=0.1))
    assert stale.index == (2,)


def test_the_network_is_not_asked(viewer, segmented, settle):
    segmented.bridge.close()
    before = viewer.layers["cells labels"].data.copy()
    control(segmented, "smallest").setValue(0)
    settle(segmented)
    assert (viewer.layers["cells labels"].data != before).any()
    assert segmented.bridge.pid is None


def test_layers_that_were_closed_stay_closed(viewer, segmented, settle):
    viewer.layers.remove("cells labels")
    control(segmented, "threshold").setValue(0.2)
    settle(segmented)
    assert "cells labels" not in viewer.layers
    viewer.layers.remove("cells")
    control(segmented, "threshold").setValue(0.3)
    settle(segmented)
    assert segmented.sections.message.kind == "info"


def test_what_was_segmented_again_meanwhile_is_not_overwritten(viewer, segmented, settle):
    wanted = ObjectSettings(threshold=0.1)
    stale = segmented.layers.results.stale_plane(wanted)
    segmented.sections.segment.buttons["view"].click()
    settle(segmented)
    before = viewer.layers["cells labels"].data.copy()
    segmented.layers.results.relabel(stale, np.full((60, 80), 7, np.int32), wanted)
    np.testing.assert_array_equal(viewer.layers["cells labels"].data, before)


def test_settings_changed_while_segmenting_hold_in_the_end(viewer, dock, settle):
    viewer.add_image(blobs(), name="cells")
    dock.sections.segment.buttons["layer"].click()
    control(dock, "smallest").setValue(0)
    settle(dock)
    assert [plane.max() for plane in viewer.layers["cells labels"].data] == [2, 2, 2]
