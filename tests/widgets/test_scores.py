"""Scores on their way from the engine into their layer."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from upaint_pictures import two_squares

from napari_upaint.widgets import _score_cache, _segmenting
from napari_upaint.widgets._new_layers import CACHE
from napari_upaint.widgets._score_cache import ScoreCache


@pytest.fixture
def segment(viewer, segment):
    def run(extent="layer"):
        segment(extent)
        return viewer.layers["cells scores"]

    return run


def test_they_are_written_beside_the_window(viewer, segment, monkeypatch):
    """Memory that is written for the first time costs: a fifth of a second for a plane of 4096 x 4096."""
    threads = []
    real = ScoreCache.write

    def write(self, index, scores):
        threads.append(threading.current_thread())
        real(self, index, scores)

    monkeypatch.setattr(ScoreCache, "write", write)
    viewer.add_image(two_squares((3, 60, 80)), name="cells")
    layer = segment()
    again = segment("view")
    assert again is layer
    assert len(threads) == 4
    assert threading.main_thread() not in threads
    assert [float(plane.max()) > 0.9 for plane in layer.data] == [True] * 3
    assert set(layer.metadata[CACHE].planes) == {(0,), (1,), (2,)}


def test_what_a_plane_was_made_of_is_forgotten_with_its_scores_and_others_are_not_looked_through():
    class Unread(dict):
        def __iter__(self):
            raise AssertionError("thousands of planes for each of thousands")

    def left(index, scores):
        made = Unread.fromkeys([(0,), (1,), (1, 0), (1, 3), (2, 0)], "known")
        cache = ScoreCache(np.zeros((2, 3, 4, 5, 6), np.float16), ("background", "object"), "objects", made=made)
        cache.write(index, scores)
        return set(made.keys())

    assert left((2, 0), np.ones((2, 5, 6))) == {(0,), (1,), (1, 0), (1, 3)}
    assert left((0, 1), np.ones((2, 5, 6))) == {(1,), (1, 0), (1, 3), (2, 0)}  # a slice of a volume
    assert left((1,), np.ones((2, 4, 5, 6))) == {(0,), (2, 0)}


def test_a_layer_that_was_closed_comes_again_with_all_planes(viewer, segment):
    viewer.add_image(two_squares((3, 60, 80)), name="cells")
    before = segment().data.copy()
    viewer.layers.remove("cells scores")
    viewer.dims.set_current_step(0, 1)
    assert not segment("view").data[0].any()  # closed is closed
    np.testing.assert_array_equal(segment().data, before)


def test_a_memory_that_is_full_costs_a_sentence(viewer, dock, settle, monkeypatch):
    def full(image, *_):
        raise _segmenting.UserError(f"The results of {image.name} would need 999 GB of memory.")

    monkeypatch.setattr(_segmenting, "empty_cache", full)
    monkeypatch.setattr("napari_upaint.widgets._result_layers.empty_cache", full)
    viewer.add_image(two_squares((3, 60, 80)), name="cells")
    dock.sections.segment.buttons["view"].click()
    settle(dock)
    assert "999 GB" in dock.sections.message.text()
    assert "cells labels" in viewer.layers
    assert "cells scores" not in viewer.layers


def test_every_prediction_has_a_number_of_its_own(viewer, dock, segment, settle, qtbot):
    """What shows one prediction is not up to date with the next, even if that has a new array of scores."""
    viewer.add_image(two_squares((60, 80)), name="cells")
    dock.sections.segment.guide.show_box.click()
    segment("view")
    qtbot.waitUntil(lambda: not dock.uncertainty.busy, timeout=20000)
    first = viewer.layers["cells scores"].metadata[CACHE]
    viewer.layers["cells"].data[45, 50] = 85  # surer by now
    before = float(viewer.layers["cells uncertainty (margin)"].data[45, 50])
    dock.sections.labels.classes.click()
    dock.sections.labels.new_button.click()
    layer = viewer.layers["cells annotation"]
    for label, place in ((1, (55, 5)), (2, (20, 20)), (3, (45, 55))):
        layer.paint(place, label)
    qtbot.waitUntil(dock.sections.train.button.isEnabled, timeout=20000)
    dock.sections.train.seconds.setValue(1)
    dock.sections.train.button.click()
    settle(dock)
    second = viewer.layers["cells scores"].metadata[CACHE]
    assert second is not first
    assert second.planes[()].turn > first.planes[()].turn
    qtbot.waitUntil(lambda: not dock.uncertainty.busy, timeout=20000)
    assert viewer.layers["cells uncertainty (margin)"].data[45, 50] < before - 0.1
    assert _score_cache.empty_cache(dock.choosing.image(), ("a", "b"), "objects").planes == {}
