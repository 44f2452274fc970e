"""Windows that tell what an image shows: where there is something, of all sizes and types, whatever fails."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_upaint.core.telling_windows import middle, spread_over, telling_windows, windows_of
from napari_upaint.errors import ImageError


def speckled(shape, place, edge=200, seed=0):
    """An image of one gray value, except for a square with noise."""
    image = np.full(shape, 100, np.uint16)
    at = (..., *(slice(start, start + edge) for start in place))
    image[at] += np.random.default_rng(seed).integers(0, 500, image[at].shape, np.uint16)
    return image


@given(st.integers(0, 50))
def test_planes_are_spread_evenly(count):
    chosen = spread_over(count)
    assert chosen == sorted(set(chosen)) and len(chosen) == min(count, 3)
    assert all(0 <= number < count for number in chosen)
    assert [count - 1 - number for number in reversed(chosen)] == chosen or count % 2 == 0


def test_a_small_image_is_looked_at_as_a_whole():
    image = speckled((3, 300, 500), (20, 30))
    [window] = telling_windows([image])
    np.testing.assert_array_equal(window, image)
    assert window.base is None  # a view would keep the whole image in memory


@pytest.mark.parametrize("place", [(100, 100), (1500, 2300), (750, 1400)])
def test_of_a_large_image_a_window_with_something_in_it_is_looked_at(place):
    image = speckled((2, 2000, 2800), place)
    image[0] = 7  # a dye that shows nothing
    [window] = telling_windows([image])
    assert window.shape == (2, 704, 704) and window[1].std() > 10


def test_windows_are_spread_over_the_upper_half_by_contrast():
    image = np.zeros((1, 300, 5 * 704), np.uint8)
    for number, bright in enumerate((10, 50, 30, 20, 40)):
        image[:, :150, number * 704 : (number + 1) * 704] = bright
    assert [window.max() for window in telling_windows([image])] == [50, 30]


@given(st.lists(st.integers(1, 400), min_size=2, max_size=2), st.integers(1, 5))
def test_windows_are_few_and_small_enough_for_a_second(shape, count):
    images = [np.zeros((1, *shape), np.uint8)] * count
    windows = telling_windows(images)
    assert 1 <= len(windows) <= count
    assert sum(window.size for window in windows) <= 600_000


def test_of_a_volume_a_box_of_all_or_many_slices_is_looked_at():
    [window] = telling_windows([speckled((1, 90, 300, 260), (150, 100), edge=100)])
    assert window.shape == (1, 64, 112, 112) and window.std() > 10


@given(st.lists(st.integers(0, 20_000), min_size=2, max_size=3))
def test_of_a_large_image_the_middle_is_looked_through(shape):
    inside = [range(*part.indices(n)) for part, n in zip(middle(tuple(shape)), shape, strict=True)]
    limits = (128, 1024, 1024) if len(shape) == 3 else (8192, 8192)
    assert [len(one) for one in inside] == [min(n, limit) for n, limit in zip(shape, limits, strict=True)]
    assert all(abs(one.start - (n - one.stop)) <= 1 for one, n in zip(inside, shape, strict=True) if n)


def test_who_reads_the_middle_alone_sees_the_same():
    volume = speckled((1, 200, 40, 1200), (60, 10, 500), edge=30)
    part = volume[(slice(None), *middle(volume.shape[1:]))]
    assert part.shape == (1, 128, 40, 1024)
    windows, same = windows_of(1, lambda _: volume, 3), windows_of(1, lambda _: part, 3)
    np.testing.assert_array_equal(np.stack(windows), np.stack(same))
    assert windows[0].std() > 10


def test_planes_that_cannot_be_read_or_hold_nan_are_left_out():
    asked = []

    def read(number):
        asked.append(number)
        if number == 7:
            raise ImageError("It is gone.")
        return np.full((1, 30, 30), np.nan if number == 4 else number, np.float32)

    assert {window.max() for window in windows_of(9, read, 2)} == {1}
    assert asked == [1, 4, 7]


def test_one_volume_that_can_be_read_is_enough():
    asked = []

    def read(number):
        asked.append(number)
        return np.full((1, 5, 6, 7), np.nan if number == 1 else number, np.float32)

    assert [window.max() for window in windows_of(9, read, 3)] == [4]
    assert asked == [1, 4]


def test_nothing_that_can_be_read_leaves_no_window():
    def read(_):
        raise OSError("gone")

    assert windows_of(3, read, 2) == [] == windows_of(0, read, 2)
    assert windows_of(1, lambda _: np.zeros((1, 0, 5)), 2) == []


def test_of_a_volume_for_a_network_of_planes_some_slices_are_looked_at():
    volume = np.zeros((2, 9, 40, 50), np.uint8) + np.arange(9, dtype=np.uint8)[:, None, None]
    windows = windows_of(2, lambda _: volume, 2)
    assert [window.shape for window in windows] == [(2, 40, 50)] * 3
    assert sorted(int(window.max()) for window in windows) == [1, 4, 7]
    assert [window.shape for window in windows_of(2, lambda _: volume, 3)] == [(2, 9, 40, 50)]
