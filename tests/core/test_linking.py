"""Laws of linking: the same object keeps its id, and nothing else counts."""

import itertools
from unittest.mock import patch

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import ndimage

from napari_upaint.core import linking
from napari_upaint.core.contingency import contingency
from napari_upaint.core.linking import adopt, new_ids, plain_ids


def link(planes):
    for index, new in new_ids(planes):
        yield index, new[planes[index]]


def blobs(seed, shape=(30, 36)):
    rng = np.random.default_rng(seed)
    return ndimage.label(ndimage.gaussian_filter(rng.random(shape), 1.5) > 0.52)[0].astype(np.int32)


def stack(seed, planes):
    """Planes that resemble each other in part."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.random((planes, 30, 36)), (0.8, 1.5, 1.5))
    return {(z,): ndimage.label(plane > 0.52)[0].astype(np.int32) for z, plane in enumerate(field)}


def renumbered(labels, seed):
    """The same objects under other ids."""
    ids = np.random.default_rng(seed).permutation(500)[: labels.max(initial=0)] + 1
    return np.concatenate([[0], ids])[labels]


def same(one, other):
    assert list(one) == list(other)
    for index in one:
        np.testing.assert_array_equal(one[index], other[index])


@given(st.integers(0, 1000), st.integers(1, 5))
def test_objects_stay_objects_and_ids_are_used_once_in_a_plane(seed, planes):
    before = stack(seed, planes)
    after = dict(link(before))
    assert list(after) == list(before)
    for index, labels in after.items():
        table = contingency(before[index], labels)
        assert len(table.shared) == len(table.first_ids) == len(table.second_ids)
        np.testing.assert_array_equal(labels == 0, before[index] == 0)
        assert labels.dtype == np.int32


@given(st.integers(0, 1000), st.integers(1, 5), st.integers(0, 100))
def test_how_a_plane_was_numbered_changes_nothing(seed, planes, other):
    before = stack(seed, planes)
    after = dict(link(before))
    same(dict(link({index: renumbered(labels, other + index[0]) for index, labels in before.items()})), after)
    same(dict(link(after)), after)
    same(dict(link(dict(reversed(before.items())))), after)


@given(st.integers(0, 1000), st.integers(-1, 1), st.integers(-1, 1))
def test_a_shifted_copy_keeps_the_ids(seed, down, right):
    plane = blobs(seed)
    plane[[0, -1], :] = plane[:, [0, -1]] = 0
    # Specks move by more than their own size.
    plane[np.isin(plane, np.flatnonzero(np.bincount(plane.ravel()) < 12))] = 0
    # Thin objects may overlap their neighbours more than themselves; the law is about those that do not.
    shifted = np.roll(plane, (down, right), (0, 1))
    table = contingency(plane, shifted).objects()
    itself = table.first_ids[table.first] == table.second_ids[table.second]
    assume((table.iou()[~itself] < 0.1).all() and (table.iou()[itself] >= 0.1).all())
    after = dict(link({(0,): plane, (1,): renumbered(shifted, seed)}))
    np.testing.assert_array_equal(after[1,], np.roll(after[0,], (down, right), (0, 1)))


@given(st.integers(0, 1000))
def test_partners_have_the_largest_sum_of_overlaps(seed):
    rng = np.random.default_rng(seed)
    first, second = (rng.integers(0, 4, (6, 8)).astype(np.int32) for _ in range(2))
    with patch.object(linking, "_LEAST_OVERLAP", 1e-9):
        after = dict(link({(0,): first, (1,): second}))
    overlap = dict(pairs(first, second))
    kept = sum(overlap.get(pair, 0) for pair in same_ids(first, second, after))
    ids, others = np.unique(first[first > 0]), np.unique(second[second > 0])
    size = max(len(ids), len(others))
    padded = [*others, *[-1] * (size - len(others))]
    best = max(
        sum(overlap.get((a, b), 0) for a, b in zip(ids, some, strict=False)) for some in itertools.permutations(padded)
    )
    np.testing.assert_allclose(kept, best, atol=1e-9)


def pairs(first, second):
    table = contingency(first, second).objects()
    for a, b, iou in zip(table.first_ids[table.first], table.second_ids[table.second], table.iou(), strict=True):
        yield (int(a), int(b)), float(iou)


def same_ids(first, second, after):
    for a in np.unique(first[first > 0]):
        for b in np.unique(second[second > 0]):
            if after[0,][first == a][0] == after[1,][second == b][0]:
                yield int(a), int(b)


def square(*boxes, shape=(20, 20)):
    labels = np.zeros(shape, np.int32)
    for number, (row, column) in enumerate(boxes, 1):
        labels[row : row + 5, column : column + 5] = number
    return labels


def test_planes_that_were_not_segmented_are_passed_over():
    after = dict(link({(0,): square((2, 2), (10, 10)), (7,): square((11, 10), (2, 3))}))
    assert after[7,][12, 12] == after[0,][12, 12] == 2
    assert after[7,][3, 5] == after[0,][3, 3] == 1


def test_an_object_that_comes_again_later_is_new_and_its_id_was_never_used():
    after = dict(link({(0,): square((2, 2)), (1,): square((10, 10)), (2,): square((2, 2))}))
    assert [int(after[z,].max()) for z in range(3)] == [1, 2, 3]


def test_through_time_too_where_the_slice_before_has_no_partner():
    planes = {
        (0, 0): square((2, 2)),
        (0, 1): square((2, 2), (10, 10)),
        (1, 0): square((3, 2)),
        (1, 1): square((10, 11), (3, 2)),
    }
    after = dict(link(planes))
    assert after[1, 0].max() == 1
    assert after[0, 1][12, 12] == after[1, 1][12, 12] == 2
    assert after[1, 1][5, 4] == 1


def test_an_id_that_came_through_slices_is_not_given_again_through_time():
    planes = {
        (0, 0): square((2, 2)),
        (0, 1): square((2, 2)),
        (1, 0): square((5, 2)),
        (1, 1): square((7, 2), (2, 2)),
    }
    after = dict(link(planes))
    assert after[0, 1].max() == after[1, 0].max() == after[1, 1][8, 3] == 1
    assert after[1, 1][3, 3] == 2


def test_slices_go_before_time():
    planes = {(0, 0): square(), (0, 1): square((2, 2)), (1, 0): square((3, 2)), (1, 1): square((2, 2))}
    after = dict(link(planes))
    assert after[0, 1].max() == 1 and after[1, 0].max() == after[1, 1].max() == 2


def test_objects_that_only_share_a_neighbour_are_not_the_same():
    first = np.repeat([[1, 2]], [100, 15], axis=1)
    second = np.repeat([[1, 2]], [15, 100], axis=1)  # the large ones are the same, the small ones do not overlap
    after = dict(link({(0,): first, (1,): second}))
    np.testing.assert_array_equal(after[1,], np.repeat([[3, 1]], [15, 100], axis=1))


@given(st.integers(0, 500), st.integers(0, 100))
def test_the_ids_of_before_are_kept_and_can_be_taken_away_again(seed, other):
    labels = blobs(seed)
    before = renumbered(labels, other)
    np.testing.assert_array_equal(adopt(labels, before), before)
    np.testing.assert_array_equal(plain_ids(before)[before], labels)
    assert plain_ids(labels).change_nothing
    np.testing.assert_array_equal(plain_ids(labels * 0)[labels * 0], labels * 0)
    without = np.where(before == before.max(), 0, before)
    new = adopt(labels, without)
    np.testing.assert_array_equal(new[without > 0], without[without > 0])
    assert (new[(without == 0) & (labels > 0)] > without.max()).all()


@given(st.integers(0, 500), st.sampled_from([np.uint32, np.uint64]))
def test_ids_may_be_as_large_as_their_type_can_hold(seed, dtype):
    planes = stack(seed, 3)
    top = np.iinfo(dtype).max
    huge = {index: np.where(plane > 0, top - plane.astype(dtype), 0).astype(dtype) for index, plane in planes.items()}
    same(dict(link(huge)), dict(link(planes)))
    assert plain_ids(huge[0,]).change_nothing == (not planes[0,].any())
    np.testing.assert_array_equal(plain_ids(huge[0,])[huge[0,]], plain_ids(planes[0,])[planes[0,]])
