"""Scores of pixels, objects and partitions: equal to their definitions and to scikit-image."""

import numpy as np
import pytest
import skimage.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from napari_upaint.core import metrics
from napari_upaint.core.contingency import contingency
from napari_upaint.core.metrics import (
    average_precision,
    iou,
    object_scores,
    pixel_error,
    rand_error,
    seg_score,
    v_rand,
    variation_of_information,
)
from napari_upaint.io.samples import open_sample

SHAPES = array_shapes(min_dims=2, max_dims=3, max_side=8)
INTEGERS = [np.dtype(sign + order) for sign in "<>" for order in ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8")]


def two_maps(seed, shape, most=5):
    """Two label maps that agree on about half of the pixels."""
    rng = np.random.default_rng(seed)
    truth, other = rng.integers(0, most, (2, *shape))
    return np.where(rng.random(shape) < 0.5, truth, other), truth


def assigned(labels, truth, threshold):
    """Matched objects by the Hungarian method on the full table."""
    mine, theirs = np.unique(labels[labels > 0]), np.unique(truth[truth > 0])
    good = [[((labels == a) & (truth == b)).sum() / ((labels == a) | (truth == b)).sum() for b in theirs] for a in mine]
    table = np.array(good).reshape(len(mine), len(theirs)) >= threshold
    return table[linear_sum_assignment(-table.astype(float))].sum(), len(mine), len(theirs)


@settings(deadline=None, max_examples=80)
@given(SHAPES, st.integers(0, 2**32), st.floats(0.05, 1))
def test_objects_are_matched_as_often_as_possible(shape, seed, threshold):
    labels, truth = two_maps(seed, shape)
    scores = object_scores(labels, truth, threshold)
    assert (scores.matched, scores.found, scores.expected) == assigned(labels, truth, threshold)
    assert 0 <= scores.average_precision <= scores.f1 <= 1
    assert min(scores.precision, scores.recall) <= scores.f1 + 1e-12
    assert scores.f1 <= max(scores.precision, scores.recall) + 1e-12


@settings(deadline=None, max_examples=80)
@given(SHAPES, st.integers(0, 2**32), st.integers(2, 9))
def test_partitions_are_scored_as_by_scikit_image(shape, seed, most):
    labels, truth = two_maps(seed, shape, most)
    split, merged = variation_of_information(labels, truth)
    np.testing.assert_allclose(skimage.metrics.variation_of_information(truth, labels), (split, merged), atol=1e-9)
    known = truth > 0
    expected = skimage.metrics.variation_of_information(truth[known], labels[known]) if known.any() else (0, 0)
    np.testing.assert_allclose(variation_of_information(labels, truth, foreground=True), expected, atol=1e-9)
    n, same = truth.size, lambda one: one.ravel()[:, None] == one.ravel()
    pairs = (same(labels) != same(truth)).sum() / max(1, n * (n - 1))
    assert rand_error(labels, truth) == pytest.approx(pairs)


@settings(deadline=None, max_examples=80)
@given(SHAPES, st.integers(0, 2**32))
def test_v_rand_is_scikit_images_adapted_rand(shape, seed):
    labels, truth = two_maps(seed, shape, 3)
    labels.flat[0] = truth.flat[0] = labels.flat[-1] = truth.flat[-1] = 1
    if truth.size < 2:
        return
    error, *sides = skimage.metrics.adapted_rand_error(truth, labels)
    assert v_rand(labels, truth) == pytest.approx(1 - error)
    # Which of the two scikit-image calls precision has changed between its versions.
    assert sorted(v_rand(labels, truth, alpha=a) for a in (0, 1)) == pytest.approx(sorted(sides))


@settings(deadline=None, max_examples=60)
@given(SHAPES, st.integers(0, 2**32), st.sampled_from(INTEGERS), st.booleans())
def test_names_dtypes_and_memory_order_of_objects_do_not_matter(shape, seed, dtype, turned):
    labels, truth = two_maps(seed, shape)
    other = (labels * 20).astype(dtype)
    if dtype == np.uint64:
        other = np.where(labels > 0, labels.astype(dtype) + np.uint64(2**63), np.uint64(0)).astype(dtype)
    if turned:
        labels, other, truth = labels.T[::-1], np.asfortranarray(other.T[::-1]), truth.T[::-1]
    for score in (iou, pixel_error, object_scores, rand_error, v_rand, variation_of_information):
        assert score(other, truth) == score(labels, truth)
    np.testing.assert_array_equal(average_precision(other, truth), average_precision(labels, truth))
    np.testing.assert_equal(seg_score(other, truth), seg_score(labels, truth))


@settings(deadline=None, max_examples=40)
@given(SHAPES, st.integers(0, 2**32))
def test_a_map_is_perfect_beside_itself(shape, seed):
    _, truth = two_maps(seed, shape)
    assert object_scores(truth, truth, 1).f1 == 1
    assert iou(truth, truth) == v_rand(truth, truth) == 1
    assert pixel_error(truth, truth) == rand_error(truth, truth) == 0
    assert variation_of_information(truth, truth) == (0, 0)
    assert seg_score(truth, truth) == 1 or not truth.any()


def test_ids_beyond_float_precision_stay_apart():
    truth = np.array([[2**53, 2**53 + 1, 2**64 - 1, 0]], np.uint64)
    assert object_scores(truth, truth) == object_scores(np.array([[1, 2, 3, 0]]), truth)
    assert object_scores(truth, truth).matched == 3


def test_objects_are_matched_by_numbers_that_older_scipy_takes(monkeypatch):
    kinds, match = [], metrics.maximum_bipartite_matching
    monkeypatch.setattr(
        metrics, "maximum_bipartite_matching", lambda pairs: kinds.append(pairs.indices.dtype) or match(pairs)
    )
    assert object_scores(np.eye(4, dtype=int), np.eye(4, dtype=int)).matched == 1
    assert kinds == [np.int32]


def test_known_values():
    truth = np.zeros((10, 10), np.uint8)
    truth[:, :4], truth[:, 6:] = 1, 2
    labels = np.zeros((10, 10), np.int64)
    labels[:, :3], labels[:4, 6:] = 7, 9
    assert iou(labels, truth) == pytest.approx(46 / 80)
    assert pixel_error(labels, truth) == pytest.approx(0.34)
    scores = object_scores(labels, truth)
    assert (scores.matched, scores.precision, scores.recall, scores.f1) == (1, 0.5, 0.5, 0.5)
    np.testing.assert_allclose(average_precision(labels, truth, (0.3, 0.5, 0.75, 0.8)), [1, 1 / 3, 1 / 3, 0])
    assert seg_score(labels, truth) == pytest.approx(0.75 / 2)  # 4 of 10 rows are less than half
    labels[4, 6:] = 9
    assert seg_score(labels, truth) == pytest.approx(0.75 / 2)  # half is not more than half


def test_each_error_of_partition_shows_on_its_own_side():
    truth = np.repeat([[1, 2]], 4, axis=1)
    pieces, joined = np.arange(8).reshape(1, 8) // 2, np.ones((1, 8), int)
    assert variation_of_information(pieces, truth) == (1, 0)
    assert variation_of_information(joined, truth) == (0, 1)
    assert v_rand(pieces, truth, alpha=1) == v_rand(joined, truth, alpha=0) == 1
    assert variation_of_information(pieces, np.where(truth == 1, 0, 2), foreground=True) == (1, 0)


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (4, 4)])
def test_nothing_beside_nothing_and_beside_something(shape):
    empty, full = np.zeros(shape, np.uint16), np.ones(shape, np.uint16)
    nothing = object_scores(empty, empty)
    assert (nothing.f1, nothing.precision, nothing.recall, iou(empty, empty)) == (1, 1, 1, 1)
    assert nothing.average_precision == 1
    assert np.isnan(seg_score(full, empty))
    if full.size:
        missed, invented = object_scores(empty, full), object_scores(full, empty)
        assert (missed.f1, missed.precision, missed.recall) == (0, 0, 0)
        assert (invented.f1, invented.precision, invented.recall) == (0, 0, 0)
        assert v_rand(full, empty) == 1


def test_thousands_of_objects_need_no_table_of_all_pairs():
    ids = np.arange(1, 250_001).reshape(500, 500)
    table = contingency(ids, ids[::-1])
    assert len(table.shared) == 250_000
    assert object_scores(ids * 2**40, ids).matched == 250_000


def test_what_cannot_be_compared_is_refused():
    for score in (iou, pixel_error, object_scores, seg_score, rand_error, v_rand, variation_of_information):
        with pytest.raises(ValueError, match="one shape"):
            score(np.zeros((2, 2), int), np.zeros((1, 2), int))
    with pytest.raises(ValueError, match="expected integers"):
        object_scores(np.zeros((2, 2)), np.zeros((2, 2), int))
    with pytest.raises(ValueError, match="threshold is 0"):
        object_scores(np.ones((2, 2), int), np.ones((2, 2), int), 0)


def test_a_threshold_on_real_nuclei_is_scored_as_by_scikit_image():
    sample = open_sample("nuclei_fluorescence")
    image = ndimage.gaussian_filter(np.squeeze(np.asarray(sample.image.data)).astype(float), 1)[:180, :180]
    truth, labels = np.asarray(sample.truth)[:180, :180], ndimage.label(image > image.mean() + 0.5 * image.std())[0]
    assert v_rand(labels, truth) == pytest.approx(1 - skimage.metrics.adapted_rand_error(truth, labels)[0])
    expected = skimage.metrics.variation_of_information(truth, labels)
    np.testing.assert_allclose(variation_of_information(labels, truth), expected)
    scores = object_scores(labels, truth)
    assert (scores.matched, scores.found, scores.expected) == assigned(labels, truth, 0.5)
    assert scores.average_precision == average_precision(labels, truth)[0]
    assert 0.5 < seg_score(labels, truth) < iou(labels, truth)
