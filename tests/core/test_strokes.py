"""The simulated annotator paints only what is true, within its budget, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_upaint.core.strokes import paint_strokes, stroke


def blobs(seed: int, shape: tuple[int, int] = (90, 110)) -> np.ndarray:
    """Return random instance labels: discs of several sizes, some touching, some cut by the edge."""
    rng = np.random.default_rng(seed)
    yy, xx = np.indices(shape)
    truth = np.zeros(shape, np.uint16)
    for value in range(1, 12):
        y, x, r = rng.uniform(0, shape[0]), rng.uniform(0, shape[1]), rng.uniform(2, 14)
        truth[(np.hypot(yy - y, (xx - x) / 1.4) < r) & (truth == 0)] = value
    return truth


seeds = st.integers(0, 10**6)


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(1, 7), st.integers(1, 60))
def test_strokes_never_paint_the_wrong_thing(seed: int, width: int, length: int) -> None:
    truth = blobs(seed)
    annotation = paint_strokes(truth, np.random.default_rng(seed), width=width, length=length)
    assert annotation.dtype == np.uint16
    assert not truth[annotation == 1].any()
    for value in np.unique(annotation[annotation > 1]):
        under = np.unique(truth[annotation == value])
        assert len(under) == 1
        assert under[0] > 0


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(1, 7), st.integers(1, 60))
def test_strokes_keep_to_their_budget(seed: int, width: int, length: int) -> None:
    annotation = paint_strokes(
        blobs(seed), np.random.default_rng(seed), n_object=3, n_background=2, width=width, length=length
    )
    assert (annotation > 0).sum() <= 5 * (max(length, width) + width) * (width + 1)
    assert len(np.unique(annotation[annotation > 1])) <= 3


def test_the_same_seed_paints_the_same() -> None:
    truth = blobs(3)
    first, second, other = (paint_strokes(truth, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_ids_run_from_two_and_both_sides_are_painted() -> None:
    annotation = paint_strokes(blobs(5), np.random.default_rng(0), n_object=4)
    assert list(np.unique(annotation)) == [0, 1, 2, 3, 4, 5]


def test_object_strokes_keep_off_the_edge() -> None:
    truth = np.zeros((60, 60), int)
    truth[10:50, 10:50] = 7
    annotation = paint_strokes(truth, np.random.default_rng(0), n_object=1)
    rim = (truth == 7) & ~ndimage.binary_erosion(truth == 7)
    assert (annotation == 2).any()
    assert not annotation[rim].any()


def test_the_first_background_stroke_runs_through_a_gap() -> None:
    truth = np.zeros((80, 200), int)
    truth[20:60, 10:40], truth[20:60, 46:76] = 1, 2
    for seed in range(5):
        annotation = paint_strokes(truth, np.random.default_rng(seed), n_background=1, n_object=0)
        assert (annotation[20:60, 40:46] == 1).any()


def test_classes_are_painted_as_class_plus_one() -> None:
    truth = np.zeros((60, 60), np.uint8)
    truth[:, 20:40], truth[:, 40:] = 1, 2
    annotation = paint_strokes(truth, np.random.default_rng(0), kind="classes", n_object=2)
    assert list(np.unique(annotation)) == [0, 1, 2, 3]
    painted = annotation > 0
    assert np.array_equal(annotation[painted], truth[painted] + 1)


@pytest.mark.parametrize("value", [0, 3])
def test_a_truth_of_one_value_is_painted_with_that_alone(value: int) -> None:
    annotation = paint_strokes(np.full((40, 50), value), np.random.default_rng(0))
    assert set(np.unique(annotation)) == {0, 1 if value == 0 else 2}


def test_a_single_pixel_can_be_hit_and_nothing_cannot() -> None:
    mask = np.zeros((9, 9), bool)
    assert not stroke(mask, np.random.default_rng(0)).any()
    mask[0, 8] = True
    assert np.array_equal(stroke(mask, np.random.default_rng(0)), mask)


def test_a_stroke_begins_inside_its_mask_wherever_it_may_begin() -> None:
    mask = np.zeros((30, 40), bool)
    mask[10:15, 10:30] = True
    for seed in range(5):
        assert not stroke(mask, np.random.default_rng(seed), start=np.ones_like(mask))[~mask].any()


@pytest.mark.parametrize(("dtype", "most"), [(np.uint8, 255), (np.uint16, 65535), (np.uint64, 2**40)])
def test_ids_may_be_as_large_as_their_type_allows(dtype: type, most: int) -> None:
    truth = np.zeros((60, 60), dtype)
    truth[10:25, 10:30], truth[30:50, 10:30] = 1, 2
    expected = paint_strokes(truth, np.random.default_rng(0))
    truth[truth == 2] = most
    np.testing.assert_array_equal(paint_strokes(truth, np.random.default_rng(0)), expected)
