"""Laws of regions: which pixels they hold, and that nothing painted is ever changed by them."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_upaint.core.regions import Region, as_notes, fill_background, from_notes, learnt, region_mask

BOXES = st.tuples(*(st.integers(-5, 25) for _ in range(4)))


def box_region(purpose, top, left, bottom, right, index=()):
    """Return the rectangle around the pixels [top, bottom) x [left, right)."""
    y0, x0, y1, x1 = top - 0.5, left - 0.5, bottom - 0.5, right - 0.5
    return Region(purpose, ((y0, x0), (y0, x1), (y1, x1), (y1, x0)), index)


@given(BOXES)
def test_a_rectangle_holds_its_pixels(box):
    top, left, bottom, right = (
        min(box[0], box[2]),
        min(box[1], box[3]),
        max(box[0], box[2]) + 1,
        max(box[1], box[3]) + 1,
    )
    mask = region_mask([box_region("annotated", top, left, bottom, right)], "annotated", (20, 18))
    expected = np.zeros((20, 18), bool)
    expected[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = True
    np.testing.assert_array_equal(mask, expected)


@given(st.floats(0, 3.1), st.floats(3, 12), st.floats(3, 12))
def test_a_turned_rectangle_holds_what_lies_inside(angle, a, b):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([(-a, -b), (-a, b), (a, b), (a, -b)]) @ turn.T + 20
    mask = region_mask([Region("validation", tuple(map(tuple, corners)))], "validation", (40, 40))
    y, x = np.moveaxis((np.stack(np.mgrid[:40, :40], axis=-1) - 20) @ turn, -1, 0)
    inside, near = (abs(y) < a) & (abs(x) < b), (abs(abs(y) - a) < 1e-6) | (abs(abs(x) - b) < 1e-6)
    np.testing.assert_array_equal(mask[~near], inside[~near])


@pytest.mark.parametrize(
    ("corners", "pixels"),
    [
        (((0, 0), (0, 10), (10, 10), (10, 0)), 100),
        (((0, 0), (0, 10), (10, 10), (10, 5), (10, 0)), 100),  # the same with one corner more
        (((0, 0), (10, 10), (0, 10), (10, 0)), 50),  # a bow-tie on the corners of a rectangle
        (((0, 0), (0, 10), (10, 10), (0, 10)), 0),  # there and back
        (((0.5, 0.5), (0.5, 2.5), (3, 2.5), (3, 0.5)), 4),
    ],
)
def test_upper_and_left_edges_belong_to_a_region_and_the_others_do_not(corners, pixels):
    assert region_mask([Region("annotated", corners)], "annotated", (20, 20)).sum() == pixels


def test_several_regions_hold_what_any_of_them_holds():
    boxes = [((0,), 1, 1, 3, 3), ((0,), 2, 2, 6, 7), ((1,), 0, 4, 5, 9), ((0,), 8, 0, 9, 2)]
    regions = [box_region("annotated", *edges, index) for index, *edges in boxes]
    alone = [region_mask([one], "annotated", (2, 10, 12)) for one in regions]
    np.testing.assert_array_equal(region_mask(regions, "annotated", (2, 10, 12)), np.any(alone, axis=0))


def test_regions_lie_on_their_own_plane():
    regions = [box_region("annotated", 1, 1, 3, 3, (2, 1)), box_region("validation", 0, 0, 9, 9, (2, 1))]
    assert region_mask(regions, "annotated", (9, 9), index=(2, 0)) is None
    assert region_mask(regions, "annotated", (9, 9), index=(2, 1)).sum() == 4
    assert region_mask(regions, "annotated", (9, 9), index=(2,)) is None
    volume = region_mask(regions, "annotated", (3, 9, 9), index=(2,))
    assert volume[1].sum() == volume.sum() == 4
    assert region_mask(regions, "annotated", (1, 9, 9), index=(2,)) is None  # beyond the volume


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">i4", "i8"])
@given(seed=st.integers(0, 2**32))
def test_unlabelled_becomes_background_and_paint_stays(dtype, seed):
    rng = np.random.default_rng(seed)
    annotation = (rng.integers(0, 4, (9, 11)) * (rng.random((9, 11)) < 0.5)).astype(dtype)
    before, mask = annotation.copy(), rng.random((9, 11)) < 0.5
    filled, left = fill_background(annotation, mask), learnt(annotation, mask)
    np.testing.assert_array_equal(annotation, before)
    np.testing.assert_array_equal(filled, np.where(mask & (before == 0), 1, before))
    np.testing.assert_array_equal(left, np.where(mask, 0, before))
    assert filled.dtype == left.dtype == annotation.dtype
    assert fill_background(annotation, None) is annotation
    assert learnt(annotation, None) is annotation


def test_regions_are_the_same_again_after_json():
    regions = (box_region("annotated", 1, 2, 3, 4, (5,)), Region("validation", ((0.25, 1), (2, 3), (4, 5))))
    assert from_notes(json.loads(json.dumps(as_notes(regions)))) == regions
    damaged = [*as_notes(regions), {"purpose": "other"}, {"purpose": "annotated", "corners": [[1]], "index": []}, 7]
    assert from_notes(damaged) == regions
    far = [as_notes(regions[:1])[0] | {"corners": [[0, 0], [0, value], [1, 1]]} for value in (np.nan, np.inf, -1e300)]
    assert from_notes(far) == ()
    assert from_notes(None) == ()
