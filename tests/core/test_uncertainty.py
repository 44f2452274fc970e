"""Laws of uncertainty, and of where to paint next."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_upaint.core.uncertainty import (
    LEAST,
    Place,
    Spread,
    entropy,
    margin,
    object_radius,
    smoothed,
    where_next,
    where_next_of,
)

SHAPES = st.sampled_from([(24, 31), (17, 40), (6, 12, 11)])


def scores_of(seed, classes=3, shape=(8, 9)):
    scores = np.random.default_rng(seed).gamma(0.3, size=(classes, *shape)).astype(np.float32) + 1e-6
    return scores / scores.sum(0)


@st.composite
def situations(draw):
    """Uncertainty, paint, visited places and a radius."""
    shape = draw(SHAPES)
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    uncertainty = (rng.random(shape) ** draw(st.sampled_from([1, 8]))).astype(np.float32)
    painted = (rng.random(shape) < draw(st.sampled_from([0, 0.002, 0.05]))).astype(np.int32) * 3
    visited = [tuple(int(rng.integers(n)) for n in shape) for _ in range(draw(st.integers(0, 3)))]
    return uncertainty, painted, visited, draw(st.integers(1, 5))


@given(st.integers(0, 500), st.integers(2, 5))
def test_margin_and_entropy_are_0_where_sure_1_where_all_are_alike_whatever_the_order_of_classes(seed, classes):
    scores = scores_of(seed, classes)
    order = np.random.default_rng(seed).permutation(classes)
    best, second = np.sort(scores, axis=0)[[-1, -2]]
    np.testing.assert_allclose(margin(scores), 1 - (best - second), atol=1e-6)
    for measure in (margin, entropy):
        value = measure(scores)
        assert value.dtype == measure(scores.astype(np.float64)).dtype == np.float32
        assert ((value >= 0) & (value <= 1)).all()
        np.testing.assert_allclose(measure(scores[order]), value, atol=1e-6)
        np.testing.assert_allclose(measure(np.full((classes, 2, 2), 1 / classes, np.float32)), 1, atol=1e-6)
        np.testing.assert_allclose(measure(np.eye(classes, dtype=np.float16)[:, :, None]), 0, atol=1e-4)


def test_entropy_sees_a_third_class_that_the_margin_does_not():
    two, three = np.array([[0.5], [0.5], [0.0]], np.float32), np.array([[1 / 3], [1 / 3], [1 / 3]], np.float32)
    assert margin(two) == pytest.approx(margin(three))
    assert entropy(two) < entropy(three) - 0.3


def spread_of(predictions):
    running = Spread(predictions[0].shape)
    for nth, scores in enumerate(predictions, start=1):
        running.add(scores, nth)
    return running.value(len(predictions))


@given(st.integers(0, 500), st.integers(1, 8))
def test_the_spread_is_twice_the_standard_deviation_of_the_class_where_it_is_largest(seed, turns):
    predictions = [scores_of(seed + turn) for turn in range(turns)]
    value = spread_of(predictions)
    np.testing.assert_allclose(value, 2 * np.std(predictions, axis=0).max(0), atol=1e-5)
    assert ((value >= 0) & (value <= 1)).all()


def test_parts_come_to_the_same_as_the_whole():
    predictions = [scores_of(seed) for seed in range(3)]
    running = Spread(predictions[0].shape)
    for nth, scores in enumerate(predictions, start=1):
        for axis in (0, 1):
            for row in range(axis, scores.shape[1], 2):
                running.add(scores[:, row], nth, (slice(None), row))
    np.testing.assert_array_equal(running.value(3), spread_of(predictions))
    np.testing.assert_allclose(running.mean, np.mean(predictions, axis=0), atol=1e-6)


def test_opposite_predictions_are_as_far_apart_as_can_be():
    one = np.array([[1.0], [0.0]], np.float32)
    assert spread_of([one, one[::-1]]) == pytest.approx(1)
    assert spread_of([one, one]) == 0


@given(situations())
def test_the_place_is_free_and_no_free_place_is_more_uncertain(situation):
    uncertainty, painted, visited, radius = situation
    place = where_next(uncertainty, painted, visited, radius)
    while radius and not free_of(painted.shape, [(np.argwhere(painted), radius)]).any():
        radius //= 2
    free = free_of(painted.shape, [(np.argwhere(painted), radius), (np.array(visited), 2 * radius)])
    means = smoothed(uncertainty, radius)
    if place is None:
        assert not (free & (means >= LEAST)).any()
    else:
        assert free[place.at]
        assert place.uncertainty == pytest.approx(means[free].max(), abs=1e-6)


def free_of(shape, taken):
    free = np.ones(shape, bool)
    for where, reach in taken:
        for other in where:
            near = [np.abs(np.arange(n) - at) <= reach for n, at in zip(shape, other, strict=True)]
            free[np.ix_(*near)] = False
    return free


@given(situations())
def test_going_from_place_to_place_is_a_way_down_that_ends(situation):
    uncertainty, painted, visited, radius = situation
    before, visited, values = len(visited), list(visited), []
    while (place := where_next(uncertainty, painted, visited, radius)) is not None:
        values.append(place.uncertainty)
        visited.append(place.at)
    assert values == sorted(values, reverse=True)
    assert len(set(visited[before:])) == len(values)


@given(situations(), st.integers(0, 3))
def test_the_value_does_not_depend_on_how_the_image_lies(situation, axis):
    uncertainty, painted, visited, radius = situation
    axis %= uncertainty.ndim
    turned = [tuple(uncertainty.shape[a] - 1 - at if a == axis else at for a, at in enumerate(one)) for one in visited]
    one = where_next(uncertainty, painted, visited, radius)
    other = where_next(np.flip(uncertainty, axis), np.flip(painted, axis), turned, radius)
    assert (one is None) == (other is None)
    if one is not None:
        assert one.uncertainty == pytest.approx(other.uncertainty, abs=1e-5)


@pytest.mark.parametrize("radius", [4, 5])
def test_the_weights_of_a_window_fall_linearly_from_its_middle(radius):
    one = np.zeros((15, 21), np.float32)
    one[7, 8] = 1
    y, x = (np.maximum(0, 5 - np.abs(np.arange(n) - at)) / 25 for n, at in ((15, 7), (21, 8)))
    np.testing.assert_allclose(smoothed(one, radius), np.outer(y, x), atol=1e-6)


def test_a_doubtful_blob_is_found_then_the_next_and_then_nothing():
    uncertainty = np.zeros((100, 120), np.float32)
    uncertainty[20:31, 20:31] = 0.9
    uncertainty[70:81, 90:101] = 0.6
    nothing = np.zeros(uncertainty.shape, np.uint8)
    first = where_next(uncertainty, nothing, (), 6)
    assert first == Place((25, 25), pytest.approx(0.8, abs=0.1))
    assert where_next(uncertainty, nothing, [first.at], 6).at == (75, 95)
    paint = nothing.copy()
    paint[25, 25] = 1
    assert where_next(uncertainty, paint, (), 6).at == (75, 95)
    assert where_next(uncertainty * 0, nothing, (), 6) is None
    assert where_next(uncertainty[:0], nothing[:0], (), 6) is None
    with pytest.raises(ValueError, match="shape"):
        where_next(uncertainty, nothing[1:], (), 5)


@given(st.lists(st.floats(0.03, 1), min_size=1, max_size=8), st.integers(0, 100))
def test_of_several_planes_the_best_is_found_and_those_that_cannot_be_better_are_not_read(values, seed):
    rng = np.random.default_rng(seed)
    bounds = {number: min(1.0, value + 0.3 * rng.random()) for number, value in enumerate(values)}
    read = []

    def find(number):
        read.append(number)
        return Place((0, 0), values[number]) if number % 3 else None

    found = where_next_of(bounds, find)
    there = [value for number, value in enumerate(values) if number % 3]
    assert (found is None) == (not there)
    if found is not None:
        assert found[1].uncertainty == max(there)
        assert all(bounds[number] >= max(there) for number in read)


def test_the_window_is_about_as_large_as_an_object():
    labels = np.zeros((80, 80), np.int32)
    y, x = np.mgrid[:80, :80]
    for number, (at_y, at_x) in enumerate([(20, 20), (20, 60), (60, 20)], 1):
        labels[(y - at_y) ** 2 + (x - at_x) ** 2 <= 100] = number
    labels[70, 70] = 9  # a speck
    assert object_radius(labels) == 10
    z = np.arange(21)[:, None, None] - 10
    assert object_radius((z**2 + (y - 20) ** 2 + (x - 20) ** 2 <= 64).astype(int)) == 8
    assert object_radius(labels[:0]) == object_radius(np.zeros((5, 5), int)) == 12
    assert object_radius(np.ones((500, 500), int)) == 64
    # Like ids in electron microscopy: a table up to the largest would not fit in memory.
    assert object_radius(labels.astype(np.uint64) + np.uint64(2**63) * (labels > 0)) == 10
