"""Laws of tiling: sizes follow the paper, tiles cover an image once, mirroring is NumPy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from napari_upaint.core import tiling

DEPTHS = range(1, 8)
SHAPES = st.one_of(
    array_shapes(min_dims=2, max_dims=2, max_side=120), array_shapes(min_dims=3, max_dims=3, max_side=30)
)


def walked(size, depth):
    """Go through the network's layers one by one; None if a pooling sees an odd size or nothing is left."""
    for _ in range(depth - 1):
        size -= 4
        if size <= 0 or size % 2:
            return None
        size //= 2
    size -= 4
    for _ in range(depth - 1):
        size = 2 * size - 4
        if size <= 0:
            return None
    return size if size > 0 else None


def test_the_papers_figures():
    assert tiling.halo(5) == 92
    assert tiling.input_size(388, 5) == 572
    assert tiling.grid(5) == 16


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_input_is_the_smallest_that_suffices(depth):
    valid = [(size, out) for size in range(1, 1500) if (out := walked(size, depth))]
    assert all(out == size - 2 * tiling.halo(depth) for size, out in valid)
    for output in range(1, 300):
        assert tiling.input_size(output, depth) == next(size for size, out in valid if out >= output)


@given(SHAPES, st.integers(2, 6), st.integers(1, 400))
def test_tiles_cover_every_pixel_once_and_start_on_the_grid(shape, depth, tile):
    plan = tiling.plan(shape, depth, tile)
    seen = np.zeros(shape, int)
    tiles = list(plan)
    assert len(tiles) == len(plan)
    for one in tiles:
        seen[one.region] += 1
        assert all(start % tiling.grid(depth) == 0 for start in one.start)
        assert all(keep <= out for keep, out in zip(one.keep, plan.output, strict=True))
    assert (seen == 1).all()
    assert plan.output == tuple(walked(size, depth) for size in plan.input)
    assert plan.halo == tiling.halo(depth)


@given(SHAPES, st.integers(2, 5), st.integers(1, 600))
def test_no_tile_is_larger_than_asked_for_or_needed(shape, depth, tile):
    smallest = tiling.input_size(tiling.grid(depth), depth)
    for n, size in zip(shape, tiling.plan(shape, depth, tile).input, strict=True):
        assert size <= max(tile + 4, smallest)  # the next valid size may lie a little above
        assert size <= tiling.input_size(n + tiling.grid(depth), depth)


@pytest.mark.parametrize("depth", range(2, 6))
def test_a_valid_tile_size_is_taken_as_it_is(depth):
    cells = tiling.grid(depth)
    for tile in (size for size in range(tiling.input_size(cells, depth), 700) if walked(size, depth)):
        stride = walked(tile, depth) // cells * cells
        assert tiling.plan((3 * stride,), depth, tile).input == (tile,)
        assert tiling.plan((100_000,), depth, tile).input[0] <= tile  # less if that makes tiles more even


@given(SHAPES, st.integers(1, 6), st.integers(1, 400))
def test_tiles_of_padded_networks_overlap_by_half(shape, depth, tile):
    plan = tiling.plan(shape, depth, tile, padded=True)
    assert plan.blended and plan.input == plan.output
    seen, tiles = np.zeros(shape, int), list(plan)
    assert len(tiles) == len(plan)
    for one in tiles:
        seen[one.region] += 1
        assert all(
            start % tiling.grid(depth) == 0 and keep > 0 for start, keep in zip(one.start, one.keep, strict=True)
        )
    assert (seen >= 1).all()
    for axis, (n, size, stride, count) in enumerate(zip(shape, plan.input, plan.stride, plan.counts, strict=True)):
        assert size == tiling.input_size(size, depth, padded=True)
        assert count == 1 or (size == 2 * stride and size <= max(tile, 2 * tiling.grid(depth)))
        line = seen.max(tuple(a for a in range(len(shape)) if a != axis))
        assert (line[stride : (count - 1) * stride] >= min(2, count)).all(), "covered twice but at the ends"
        assert (count - 1) * stride < n <= size + (count - 1) * stride


def test_a_small_image_is_one_padded_tile():
    plan = tiling.plan((33, 64), 5, 512, padded=True)
    assert (plan.input, len(plan)) == ((48, 64), 1)


@given(SHAPES, st.integers(1, 5), st.integers(1, 10**6), st.booleans(), st.integers(1, 4))
def test_a_plan_within_memory_is_within_it_and_no_worse_than_square_tiles(shape, depth, pixels, padded, parts):
    plan = tiling.plan_within(shape, depth, pixels, padded=padded, parts=parts)
    seen = np.zeros(shape, int)
    for one in plan:
        seen[one.region] += 1
    assert (seen >= 1).all() and (padded or seen.max() == 1)
    assert plan.halo == (0 if padded else tiling.halo(depth))
    smallest = tiling.plan(shape, depth, 1, padded=padded)
    assert np.prod(plan.input) <= max(pixels, np.prod(smallest.input))
    for tile in (40, 100, 200, 400):
        square = tiling.plan(shape, depth, tile, padded=padded)
        if np.prod(square.input) <= pixels:
            rounds, others = -(-len(plan) // parts), -(-len(square) // parts)
            assert rounds * np.prod(plan.input) <= others * np.prod(square.input)


def test_strips_waste_less_than_squares():
    plan = tiling.plan_within((4096, 4096), 5, 1036**2)
    square = tiling.plan((4096, 4096), 5, 1036)
    assert len(plan) * np.prod(plan.input) < 0.99 * len(square) * np.prod(square.input)
    two = tiling.plan_within((4096, 4096), 5, 1036**2, parts=2)
    assert len(two) % 2 == 0


def test_tiles_are_even():
    assert tiling.plan((520,), 5, 684).stride == (272,)  # not 496 and 24


@given(st.integers(-300, 300), st.integers(1, 200), st.integers(1, 60))
def test_mirroring_is_that_of_numpy(start, size, n):
    margin = 600
    padded = np.pad(np.arange(n), margin, mode="reflect")
    np.testing.assert_array_equal(tiling.mirrored(start, size, n), padded[margin + start : margin + start + size])


@given(SHAPES, st.integers(2, 4), st.integers(1, 300), st.booleans())
def test_tiles_are_cut_from_the_mirrored_image(shape, depth, tile, reverse):
    image = np.arange(2 * np.prod(shape)).reshape(2, *shape)
    image = image[:, ::-1] if reverse else image
    plan = tiling.plan(shape, depth, tile)
    pad = [(plan.halo, plan.halo + max(plan.input))] * len(shape)
    padded = np.pad(image, [(0, 0), *pad], mode="reflect")
    for one in list(plan)[:: max(1, len(plan) // 3)]:
        box = tuple(slice(a, a + size) for a, size in zip(one.start, plan.input, strict=True))
        np.testing.assert_array_equal(tiling.cut(image, plan, one), padded[(slice(None), *box)])


def test_a_tile_within_the_image_is_no_copy():
    image = np.zeros((1, 900, 900), np.float32)
    plan = tiling.plan((900, 900), 5, 400)
    inside = [
        one for one in plan if all(a > 92 and a + n < 900 - 120 for a, n in zip(one.start, one.keep, strict=True))
    ]
    assert inside and all(np.shares_memory(tiling.cut(image, plan, one), image) for one in inside)
