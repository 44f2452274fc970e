"""Laws of the weight map: equal to the formula, silent where nothing is known, local after a stroke."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from scipy import ndimage

from napari_upaint.core.nearest_objects import two_nearest
from napari_upaint.core.weight_map import (
    balance_of,
    border_of,
    border_term,
    carve_border,
    seeds_of,
    update_border,
    weight_map,
)
from napari_upaint.io.samples import open_sample
from napari_upaint.settings import Balance, WeightSettings

PLAIN = WeightSettings(balance="never")
SHAPES = st.one_of(array_shapes(min_dims=2, max_dims=2, max_side=24), array_shapes(min_dims=3, max_dims=3, max_side=9))
INTEGERS = [np.dtype(sign + order) for sign in "<>" for order in ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8")]


def naive_distances(labels, spacing=None):
    """Distances to the nearest and second nearest object, one distance transform per object."""
    d = np.full((2, *labels.shape), np.inf)
    for one in np.unique(labels[labels > 0]):
        distance = ndimage.distance_transform_edt(labels != one, sampling=spacing)
        d = np.sort([*d, distance], axis=0)[:2]
    return d


def naive_border(labels, w0=10.0, sigma=5.0, spacing=None):
    d1, d2 = naive_distances(labels, spacing)
    return np.where(labels > 0, 0, w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2)))


def scattered(seed, shape, dtype=np.int32, density=0.15, most=6):
    rng = np.random.default_rng(seed)
    return (rng.integers(1, most, shape) * (rng.random(shape) < density)).astype(dtype)


@settings(deadline=None, max_examples=80)
@given(
    SHAPES, st.integers(0, 2**32), st.floats(0.3, 9), st.floats(0, 300), st.sampled_from([0.01, 0.1, 0.6]), st.data()
)
def test_the_border_term_is_the_formula(shape, seed, sigma, w0, density, data):
    labels = scattered(seed, shape, density=density)
    spacing = data.draw(st.none() | st.tuples(*(st.floats(0.3, 4),) * len(shape)))
    found = border_term(labels, w0=w0, sigma=sigma, spacing=spacing)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, naive_border(labels, w0, sigma, spacing), atol=max(1e-5, 1e-6 * w0))


@settings(deadline=None, max_examples=40)
@given(SHAPES, st.integers(0, 2**32), st.floats(1, 12))
def test_distances_are_exact_within_reach(shape, seed, reach):
    labels = scattered(seed, shape, density=0.05)
    d1, d2 = two_nearest(labels, reach)
    exact1, exact2 = naive_distances(labels)
    near = (labels == 0) & (exact1 + exact2 <= reach)
    np.testing.assert_allclose(d1[near], exact1[near], rtol=1e-6)
    np.testing.assert_allclose(d2[near], exact2[near], rtol=1e-6)
    assert (d1[labels == 0] >= exact1[labels == 0] - 1e-4).all()
    assert (d2[labels == 0] >= exact2[labels == 0] - 1e-4).all()


@settings(deadline=None, max_examples=60)
@given(SHAPES, st.integers(0, 2**32), st.sampled_from(INTEGERS), st.booleans())
def test_any_integers_any_memory_order(shape, seed, dtype, turned):
    labels = scattered(seed, shape)
    other = (labels.astype(dtype) * dtype.type(20)).astype(dtype)
    if dtype.itemsize == 8 and dtype.kind == "u":
        other = np.where(labels > 0, np.uint64(2**63) + labels.astype("u8"), 0).astype(dtype)
    if turned:
        labels, other = labels.T[::-1], np.asfortranarray(other.T[::-1])
    np.testing.assert_array_equal(border_term(other), border_term(labels))
    carved = carve_border(other)
    assert carved.dtype == other.dtype
    np.testing.assert_array_equal(carved == 0, carve_border(labels) == 0)


@settings(deadline=None, max_examples=50)
@given(SHAPES, st.integers(0, 2**32), st.sampled_from([0.3, 0.7, 1.0]))
def test_carved_objects_do_not_touch(shape, seed, density):
    labels = scattered(seed, shape, density=density)
    carved = carve_border(labels)
    assert ((carved == labels) | (carved == 0)).all()
    most = ndimage.maximum_filter(carved, 3)
    least = ndimage.minimum_filter(np.where(carved > 0, carved, 99), 3)
    assert (most[carved > 0] == least[carved > 0]).all()
    lonely = ndimage.maximum_filter(labels, 3) == ndimage.minimum_filter(np.where(labels > 0, labels, 99), 3)
    np.testing.assert_array_equal(carved[lonely], labels[lonely])


def test_the_gap_is_one_pixel_wide_and_weighs_most():
    annotation = np.ones((21, 21), np.uint8)
    annotation[5:16, 3:10] = 2
    annotation[5:16, 10:18] = 3
    weights = weight_map(annotation, "objects", PLAIN)
    gap = np.isclose(weights, 1 + 10 * np.exp(-4 / 50))
    assert gap[6:15, 9].all()
    assert (carve_border(np.where(annotation > 1, annotation, 0))[8] == 0).sum() == 6 + 1
    assert weights.max() == weights[6:15, 9].max()
    assert weights[0, 0] < 2


@settings(deadline=None, max_examples=50)
@given(SHAPES, st.integers(0, 2**32), st.sampled_from(["objects", "classes"]))
def test_what_is_not_painted_weighs_nothing_and_moves_nothing(shape, seed, kind):
    rng = np.random.default_rng(seed)
    annotation = scattered(seed, shape, most=5, density=0.6).astype(np.uint16)
    weights = weight_map(annotation, kind)
    assert weights.dtype == np.float32
    assert (weights[annotation == 0] == 0).all()
    assert (weights[annotation > 0] > 0).all()
    # Background pixels are not objects: forgetting some leaves the others' border term as it was.
    forgotten = np.where((annotation == 1) & (rng.random(shape) < 0.5), 0, annotation)
    both = (annotation > 0) & (forgotten > 0)
    np.testing.assert_array_equal(weight_map(annotation, kind, PLAIN)[both], weight_map(forgotten, kind, PLAIN)[both])


def test_objects_weigh_the_background_between_them_as_the_formula_says():
    annotation = scattered(1, (60, 70), density=0.02, most=30)
    annotation[annotation > 0] += 1
    annotation[annotation == 0] = 1
    carved = carve_border(np.where(annotation > 1, annotation, 0))
    expected = 1 + naive_border(carved, 7, 4, (2, 1))
    found = weight_map(annotation, "objects", WeightSettings(w0=7, sigma=4, balance="never"), spacing=(0.6, 0.3))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_patches_of_one_class_are_kept_apart_but_not_from_other_classes():
    annotation = np.ones((20, 40), np.uint8)
    annotation[5:15, 4:10], annotation[5:15, 13:20], annotation[5:15, 20:30] = 2, 2, 3
    weights = weight_map(annotation, "classes", PLAIN)
    labels = np.zeros((20, 40), int)
    labels[5:15, 4:10], labels[5:15, 13:20] = 1, 2
    expected = 1 + np.where(annotation == 1, naive_border(labels), 0)
    np.testing.assert_allclose(weights, expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["objects", "classes"])
def test_balanced_classes_weigh_the_same_together(kind):
    annotation = np.zeros((30, 30), np.uint16)
    annotation[:20], annotation[25, :5], annotation[29, :2] = 1, 2, 3 if kind == "objects" else 2  # all objects are one
    weights = weight_map(annotation, kind, WeightSettings(w0=0, balance="always"))
    assert weights[annotation == 1].sum() == pytest.approx(weights[annotation > 1].sum())
    assert weights[annotation > 0].mean() == pytest.approx(1)
    np.testing.assert_allclose(np.unique(weights), [0, 607 / 2 / 600, 607 / 2 / 7], rtol=1e-5)


@settings(deadline=None, max_examples=40)
@given(counts=st.lists(st.integers(0, 1000), min_size=2, max_size=4), spare=st.integers(0, 3000))
def test_the_more_is_painted_the_less_classes_are_balanced(counts, spare):
    assume(any(counts))
    counts = np.array(counts)
    pixels = int(counts.sum()) + spare
    found = {balance: balance_of(counts, pixels, WeightSettings(balance=balance)) for balance in get_args(Balance)}
    for weights in found.values():
        assert (weights @ counts) == pytest.approx(counts.sum(), rel=1e-5)
        assert ((weights > 0) == (counts > 0)).all()
    ratios = [weights[counts > 0].max(initial=0) / weights[counts > 0].min(initial=1) for weights in found.values()]
    assert ratios == [pytest.approx(ratios[1] ** min(1, 2 * spare / max(1, pixels)), rel=1e-3), ratios[1], ratios[2]]
    if counts.sum() <= spare:  # strokes
        np.testing.assert_array_equal(found["strokes"], found["always"])
    if spare == 0:  # finished masks
        np.testing.assert_allclose(found["strokes"], found["never"], rtol=1e-6)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.sampled_from([(70, 90), (14, 30, 40)]), st.sampled_from([None, (3, 1, 1)]), st.data())
def test_a_stroke_changes_its_neighbourhood_only_and_exactly(seed, shape, spacing, data):
    chosen = WeightSettings(sigma=1.5)
    spacing = spacing if spacing is None else spacing[: len(shape)]
    annotation = scattered(seed, shape, density=0.5, most=9)
    border = border_of(seeds_of(annotation, "objects"), "objects", chosen, spacing)
    corner = [data.draw(st.integers(0, n - 1)) for n in shape]
    changed = tuple(slice(c, c + data.draw(st.integers(1, 6))) for c in corner)
    annotation[changed] = data.draw(st.integers(0, 12))
    update_border(border, annotation, changed, chosen, spacing)
    expected = border_of(seeds_of(annotation, "objects"), "objects", chosen, spacing)
    np.testing.assert_allclose(border, expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (1, 1, 1), (3, 1, 5), (0, 4)])
@pytest.mark.parametrize("value", [0, 1, 2, 7])
def test_tiny_and_uniform_annotations(shape, value):
    annotation = np.full(shape, value, np.uint16)
    for kind in ("objects", "classes"):
        assert (weight_map(annotation, kind) == (value > 0)).all()
    assert (border_term(annotation) == 0).all()


def test_what_is_no_annotation_is_refused():
    with pytest.raises(ValueError, match="integers"):
        border_term(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="below 0"):
        border_term(np.array([[-1, 2]]))
    with pytest.raises(ValueError, match="sigma"):
        border_term(np.ones((3, 3), int), sigma=0)
    with pytest.raises(ValueError, match="Spacing"):
        border_term(np.ones((3, 3), int), spacing=(1, 1, 1))
    with pytest.raises(ValueError, match="Spacing"):
        border_term(np.ones((3, 3), int), spacing=(1, 0))
    with pytest.raises(ValueError, match="Spacing"):
        weight_map(np.ones((3, 3), int), "objects", spacing=(1, 0))


def test_real_nuclei_weigh_as_the_formula_says():
    truth = np.asarray(open_sample("nuclei_fluorescence").truth)
    crowded = truth[100:260, 100:260]
    assert len(np.unique(crowded)) > 5
    for labels in (crowded, carve_border(crowded)):
        np.testing.assert_allclose(border_term(labels), naive_border(labels), atol=1e-5)
