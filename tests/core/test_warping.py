"""Warping error: topology is kept, borders cost nothing, splits and mergers cost what they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from napari_upaint.core.warping import _AROUND, SIMPLE, warp_truth, warping_error

CORNERS = np.ones((3, 3))
PLANES = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(lambda shape: arrays(bool, shape))


def topology(plane):
    """Objects (over edges) and background pieces (over corners) with background around."""
    framed = np.pad(plane, 1)
    return ndimage.label(framed)[1], ndimage.label(~framed, CORNERS)[1]


def test_simple_pixels_are_those_of_the_definition():
    for ring in range(256):
        around = np.zeros((3, 3), bool)
        for i, (dy, dx) in enumerate(_AROUND):
            around[1 + dy, 1 + dx] = ring >> i & 1
        objects, _ = ndimage.label(around)
        edges = {objects[1 + dy, 1 + dx] for dy, dx in _AROUND[::2]} - {0}
        empty = ~around
        empty[1, 1] = False
        background = ndimage.label(empty, CORNERS)[1]
        assert SIMPLE[ring] == (len(edges) == 1 and background == 1), f"{ring:08b}"


@settings(deadline=None, max_examples=150)
@given(PLANES, st.data())
def test_warping_keeps_the_topology_and_never_leads_away(truth, data):
    labels, mask = data.draw(arrays(bool, truth.shape)), data.draw(arrays(bool, truth.shape))
    for allowed in (None, mask):
        warped = warp_truth(labels, truth, mask=allowed)
        assert topology(warped) == topology(truth)
        assert (warped[warped != truth] == labels[warped != truth]).all()
        if allowed is not None:
            assert (warped == truth)[~mask].all()
        framed = np.pad(warped, 1)
        for y, x in np.argwhere((warped != labels) & (True if allowed is None else mask)):  # nothing simple is left
            assert not SIMPLE[sum(int(framed[1 + y + dy, 1 + x + dx]) << i for i, (dy, dx) in enumerate(_AROUND))]
    assert warping_error(truth, truth) == 0


def test_moved_borders_cost_nothing():
    y, x = np.indices((64, 64))
    truth = np.hypot(y - 32, x - 32) < 20
    labels = np.hypot(y - 28, (x - 35) / 1.3) < 17
    assert warping_error(labels, truth) == 0
    assert np.mean(labels != truth) > 0.09


def test_a_merger_costs_the_thinnest_wall_and_a_split_the_thinnest_cut():
    truth = np.ones((20, 21), np.uint8)
    truth[:, 10] = 0
    merged = np.ones_like(truth)
    assert warping_error(merged, truth) == pytest.approx(20 / 420)
    gap = truth.copy()
    gap[7, 10] = 1
    assert warping_error(gap, truth) == pytest.approx(1 / 420)
    assert warping_error(truth, gap) == pytest.approx(1 / 420)


def test_a_mask_keeps_the_truth_where_it_is():
    truth = np.zeros((12, 12), bool)
    truth[2:6, 2:6] = True
    labels = np.roll(truth, 1, axis=1)
    assert warping_error(labels, truth) == 0
    assert warping_error(labels, truth, mask=np.zeros_like(truth)) == np.mean(labels != truth)


def test_volumes_are_warped_plane_by_plane():
    rng = np.random.default_rng(0)
    labels, truth = ndimage.gaussian_filter(rng.normal(size=(2, 3, 40, 50)), (0, 0, 2, 2)) > 0
    planes = [warp_truth(a, b) for a, b in zip(labels, truth, strict=True)]
    np.testing.assert_array_equal(warp_truth(labels, truth), planes)


@pytest.mark.parametrize("shape", [(0, 4), (1, 1), (2, 1, 3)])
def test_tiny_planes(shape):
    assert warping_error(np.zeros(shape, int), np.zeros(shape, int)) == 0


def test_what_does_not_fit_is_refused():
    plane = np.zeros((3, 3), int)
    with pytest.raises(ValueError, match="differ"):
        warp_truth(plane, plane, mask=np.ones((2, 2), bool))
    with pytest.raises(ValueError, match="do not fit"):
        warp_truth(plane[0], plane[0])
