"""Laws of objects: what scores become, numbered, cleaned, apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from napari_upaint.core.objects import class_parts, label_scores
from napari_upaint.io.samples import open_sample
from napari_upaint.settings import ObjectSettings

PLAIN = ObjectSettings(smallest=0, fill_holes=False)
YX = np.mgrid[:60, :90]


def disc(y, x, radius):
    return (YX[0] - y) ** 2 + (YX[1] - x) ** 2 <= radius**2


def scores_of(mask, border=None):
    """Certain scores: background, object and, if given, border."""
    maps = [~(mask if border is None else mask | border), mask] + ([] if border is None else [border])
    return np.stack(maps).astype(np.float32)


def objects(mask, settings=PLAIN, border=None):
    return label_scores(scores_of(mask, border), kind="objects", border=border is not None, settings=settings)


@given(st.integers(0, 1000), st.sampled_from([(20, 30), (6, 9, 8)]))
def test_objects_are_connected_components_in_order_of_their_first_pixel(seed, shape):
    mask = np.random.default_rng(seed).random(shape) < 0.3
    found = objects(mask)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, ndimage.label(mask)[0])


@given(st.integers(0, 300), st.booleans(), st.booleans(), st.integers(0, 12), st.booleans())
def test_numbers_are_dense_and_in_order_whatever_was_done(seed, split, fill, smallest, with_border):
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.random((3 if with_border else 2, 40, 50)), (0, 2, 2))
    scores = np.exp(60 * smooth)
    scores /= scores.sum(0)
    settings = ObjectSettings(smallest=smallest, fill_holes=fill, split=split)
    found = label_scores(scores, kind="objects", border=with_border, settings=settings)
    values, first = np.unique(found[found > 0], return_index=True)
    assert values.tolist() == list(range(1, len(values) + 1))
    assert (np.diff(first) > 0).all()
    assert (np.bincount(found.ravel())[1:] >= smallest).all()


def test_the_threshold_counts():
    scores = np.stack([np.array([[0.61, 0.6, 0.2]]), np.array([[0.39, 0.4, 0.8]])]).astype(np.float16)
    for threshold, expected in ((0.0, [1, 1, 1]), (0.4, [0, 0, 1]), (0.395, [0, 1, 1]), (0.9, [0, 0, 0])):
        settings = ObjectSettings(threshold=threshold, smallest=0)
        found = label_scores(scores, kind="objects", border=False, settings=settings)
        np.testing.assert_array_equal(found[0] > 0, np.array(expected) > 0)


def test_small_objects_are_left_out_and_the_rest_renumbered():
    mask = disc(10, 10, 2) | disc(30, 30, 8) | disc(10, 60, 8)
    found = objects(mask, ObjectSettings(smallest=20))
    assert found.max() == 2 and found[10, 10] == 0 and found[10, 60] == 1 and found[30, 30] == 2


def test_holes_are_filled_but_not_what_lies_in_them():
    ring = disc(30, 40, 20) & ~disc(30, 40, 14)
    island, beside = disc(30, 40, 5), disc(50, 80, 5)
    found = objects(ring | island | beside, ObjectSettings(smallest=0, fill_holes=True))
    assert found.max() == 3 and (found[beside] == 3).all()
    assert (found[disc(30, 40, 20) & ~island] == 1).all() and (found[island] == 2).all()
    assert (objects(ring | island) == 0)[30, 50]


@pytest.mark.parametrize("turn", range(4))
def test_a_bay_that_ends_at_the_edge_of_the_image_is_no_hole(turn):
    bay = np.zeros((20, 20), bool)
    bay[5:, 4:16] = True
    bay[8:, 7:13] = False
    mask = np.rot90(bay, turn)
    assert (objects(mask, ObjectSettings(smallest=0, fill_holes=True)) == mask).all()


def test_holes_of_volumes_are_filled():
    mask = np.zeros((9, 12, 12), bool)
    mask[2:7, 2:9, 2:9] = True
    mask[4, 5, 5] = False
    assert objects(mask, ObjectSettings(smallest=0, fill_holes=True)).sum() == 5 * 7 * 7


@pytest.mark.parametrize("turn", range(4))
def test_what_two_objects_enclose_together_is_no_hole(turn):
    mask = np.zeros((9, 12), bool)
    mask[2, 2:6], mask[3:5, 2] = True, True
    mask[5, 3:7], mask[3:5, 6] = True, True  # they meet at two corners
    mask = np.rot90(mask, turn)
    found = objects(mask, ObjectSettings(smallest=0, fill_holes=True))
    assert found.max() == 2
    np.testing.assert_array_equal(found > 0, mask)


@given(st.integers(0, 200))
def test_holes_of_a_single_slice_are_filled_as_those_of_a_plane(seed):
    plane = ndimage.gaussian_filter(np.random.default_rng(seed).random((20, 30)), 1) > 0.48
    filled = ObjectSettings(smallest=0, fill_holes=True)
    np.testing.assert_array_equal(objects(plane[None], filled)[0], objects(plane, filled))


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("border", [False, True])
def test_an_empty_and_a_full_image(split, border):
    settings = ObjectSettings(smallest=0, split=split)
    nothing = np.zeros((20, 30), bool)
    other = nothing if border else None
    assert objects(nothing, settings, other).max() == 0
    assert (objects(~nothing, settings, other) > 0).all()
    one = objects(np.ones((1, 1), bool), settings, np.zeros((1, 1), bool) if border else None)
    assert one.tolist() == [[1]]


def test_touching_discs_are_split_and_single_ones_are_not():
    pair = disc(30, 25, 14) | disc(30, 50, 14)
    alone = objects(pair)
    apart = objects(pair, ObjectSettings(smallest=0, split=True))
    assert alone.max() == 1 and apart.max() == 2
    assert apart[30, 25] != apart[30, 50]
    np.testing.assert_array_equal(apart > 0, pair)
    assert np.bincount(apart.ravel())[1:].min() > 0.45 * pair.sum()
    single = disc(30, 40, 20)
    np.testing.assert_array_equal(objects(single, ObjectSettings(smallest=0, split=True)), single)


@given(st.integers(0, 200))
def test_splitting_loses_no_pixel_and_joins_nothing(seed):
    rng = np.random.default_rng(seed)
    mask = ndimage.gaussian_filter(rng.random((50, 60)), rng.uniform(0.5, 2.5)) > 0.5
    together, apart = objects(mask), objects(mask, ObjectSettings(smallest=0, fill_holes=False, split=True))
    np.testing.assert_array_equal(apart > 0, mask)
    for value in range(1, apart.max() + 1):
        assert len(np.unique(together[apart == value])) == 1


def test_a_small_object_beside_a_large_one_survives_a_split():
    mask = disc(30, 30, 15)
    mask[28:33, 47:49] = True
    found = objects(mask, ObjectSettings(smallest=1, split=True))
    assert found.max() == 2 and (found[28:33, 47:49] == 2).all()


def test_thin_neighbours_do_not_seed_each_other():
    mask = np.zeros((30, 40), bool)
    mask[10, 5:35] = mask[12, 5:35] = True
    apart, together = objects(mask, ObjectSettings(smallest=0, split=True)), objects(mask)
    assert apart.max() == together.max() == 2


def test_objects_grow_over_the_border_between_them_but_never_overlap_or_enter_background():
    left, right = np.zeros((2, 40, 60), bool)
    left[10:30, 5:28], right[10:30, 32:55] = True, True
    border = np.zeros((40, 60), bool)
    border[10:30, 28:32] = True
    found = objects(left | right, PLAIN, border)
    assert (found[left] == 1).all() and (found[right] == 2).all()
    assert (found[10:30, 28:30] == 1).all() and (found[10:30, 30:32] == 2).all()
    np.testing.assert_array_equal(found > 0, left | right | border)


def test_a_wide_border_is_taken_back_by_two_pixels_only():
    inside = disc(30, 40, 10)
    border = disc(30, 40, 18) & ~inside
    found = objects(inside, PLAIN, border)
    distance = ndimage.distance_transform_edt(~inside)
    np.testing.assert_array_equal(found > 0, distance <= 2)


def test_the_threshold_also_says_what_is_taken_back():
    scores = np.array([[0.1, 0.6, 0.75], [0.9, 0.1, 0.0], [0.0, 0.3, 0.25]], np.float32)[:, None]
    for threshold, expected in ((0.2, [1, 1, 1]), (0.3, [1, 1, 0]), (0.5, [1, 0, 0])):
        settings = ObjectSettings(threshold=threshold, smallest=0)
        found = label_scores(scores, kind="objects", border=True, settings=settings)
        np.testing.assert_array_equal(found, [expected])


def test_scores_of_half_precision_are_added_exactly():
    """A score of exactly the threshold is enough, and a little less is not."""
    a, b = 0.25 + 2.0**-12, 0.25 - 2.0**-12
    scores = np.array([[0.5, 0.5], [a, a], [b, b - 2.0**-13]], np.float16)[:, None]
    for kind in ("objects", "classes"):
        found = label_scores(scores, kind=kind, border=False, settings=ObjectSettings(smallest=0))
        np.testing.assert_array_equal(found, [[1, 0]])


def test_without_knowledge_of_borders_truth_comes_back():
    truth = np.asarray(open_sample("nuclei_fluorescence").truth)
    found = objects(truth > 0)
    np.testing.assert_array_equal(found > 0, truth > 0)


def test_classes_take_the_likeliest_and_compete_with_background_together():
    scores = np.array([[0.4, 0.6, 0.2, 0.5], [0.31, 0.3, 0.3, 0.25], [0.29, 0.1, 0.5, 0.25]], np.float32)[:, None]
    found = label_scores(scores, kind="classes", border=False, settings=ObjectSettings(smallest=0))
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, [[1, 0, 2, 1]])


def test_classes_with_a_border_leave_it_as_background():
    scores = np.array([[0.1, 0.1], [0.2, 0.7], [0.0, 0.1], [0.7, 0.1]], np.float32)[:, None]
    found = label_scores(scores, kind="classes", border=True, settings=ObjectSettings(smallest=0))
    np.testing.assert_array_equal(found, [[0, 1]])


def test_small_patches_of_a_class_become_what_is_around_them():
    patches = disc(5, 5, 1) | disc(30, 20, 1)  # one in the background, one in the other class
    classes = np.where(patches, 2, disc(30, 20, 10) * 1 + disc(30, 60, 10) * 2)
    scores = np.stack([classes == value for value in range(3)]).astype(np.float32)
    found = label_scores(scores, kind="classes", border=False, settings=ObjectSettings(smallest=20))
    np.testing.assert_array_equal(found, disc(30, 20, 10) * 1 + disc(30, 60, 10) * 2)


@given(st.integers(0, 1000), st.integers(0, 30), st.integers(0, 1), st.sampled_from([2, 0.2]))
def test_no_small_patch_of_a_class_is_left(seed, smallest, volume, background):
    rng = np.random.default_rng(seed)
    scores = np.moveaxis(rng.dirichlet([background, 1, 1], (4,) * volume + (12, 15)), -1, 0).astype(np.float32)

    def found(least):
        return label_scores(scores, kind="classes", border=False, settings=ObjectSettings(smallest=least))

    every, kept = found(0), found(smallest)
    for value in (1, 2):
        assert (np.bincount(ndimage.label(kept == value)[0].ravel())[1:] >= smallest).all()
        parts = ndimage.label(every == value)[0]
        large = np.bincount(parts.ravel())[parts] >= smallest
        assert (kept[large & (parts > 0)] == value).all()
    assert (kept[every == 0] == 0).all()


def test_strokes_of_a_class_that_touch_are_one():
    painted = np.array([[1, 1, 0, 2, 2], [0, 0, 0, 0, 2], [1, 0, 2, 1, 1]])
    numbers = class_parts(painted)
    assert (numbers > 0).tolist() == (painted > 0).tolist()
    assert len(np.unique(numbers[painted == 1])) == 3 and len(np.unique(numbers[painted == 2])) == 2
    assert not set(np.unique(numbers[painted == 1])) & set(np.unique(numbers[painted == 2]))


def test_objects_of_several_classes_count_together():
    scores = np.array([[0.2, 0.8], [0.4, 0.1], [0.4, 0.1]], np.float32)[:, None]
    found = label_scores(scores, kind="objects", border=False, settings=PLAIN)
    np.testing.assert_array_equal(found, [[1, 0]])


def test_scores_are_never_changed():
    scores = scores_of(disc(30, 40, 10), disc(30, 60, 5))
    before = scores.copy()
    for kind in ("objects", "classes"):
        label_scores(scores, kind=kind, border=True, settings=ObjectSettings(split=True))
    np.testing.assert_array_equal(scores, before)
