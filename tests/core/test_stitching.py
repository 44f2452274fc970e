"""Laws of stitching: what every tile agrees on comes back, and the weights of a pixel add up to 1."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from napari_upaint.core import tiling
from napari_upaint.core.stitching import Stitching, shares, window

SHAPES = st.one_of(array_shapes(min_dims=2, max_dims=2, max_side=80), array_shapes(min_dims=3, max_dims=3, max_side=20))


def put_all(image, plan, reverse=False):
    stitching = Stitching(plan, len(image))
    for one in list(plan)[:: -1 if reverse else 1]:
        tile = tiling.cut(image, plan, one)
        inner = (slice(None), *(slice(plan.halo, n - plan.halo) for n in plan.input))
        stitching.put(one, tile[inner])
    return stitching.scores


@given(SHAPES, st.integers(1, 4), st.integers(1, 200), st.booleans())
def test_an_image_cut_and_stitched_is_itself(shape, depth, tile, padded):
    image = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    plan = tiling.plan(shape, depth, tile, padded=padded)
    found = put_all(image, plan)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, image, atol=0 if not padded else 2e-6)


def test_the_order_of_the_tiles_does_not_matter():
    image = np.random.default_rng(0).normal(size=(3, 70, 90)).astype(np.float32)
    plan = tiling.plan((70, 90), 3, 32, padded=True)
    np.testing.assert_allclose(put_all(image, plan), put_all(image, plan, reverse=True), atol=1e-6)


@given(st.integers(1, 300), st.integers(1, 40))
def test_shares_add_up_to_one(n, stride):
    count = max(1, -(-(n - stride) // stride))
    total = np.zeros(n)
    for i, part in enumerate(shares(n, 2 * stride, stride, count)):
        assert (part > 0).all()
        total[i * stride : i * stride + len(part)] += part
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_a_pixel_that_one_tile_shows_is_that_tiles():
    first, last = shares(100, 64, 48, 2)
    assert (first[:48] == 1).all() and (last[16:] == 1).all()


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_the_middle_is_trusted_most_and_both_sides_alike(size):
    one = window(size)
    np.testing.assert_allclose(one, one[::-1])
    assert one.max() <= 1 and one.min() > 0 and (np.diff(one[: (size + 1) // 2]) > 0).all()


def test_overlapping_tiles_are_averaged_by_their_windows():
    plan = tiling.plan((96, 64), 2, 64, padded=True)
    assert plan.counts == (2, 1)
    stitching = Stitching(plan, 1)
    for value, one in enumerate(plan):
        stitching.put(one, np.full((1, *plan.output), value, np.float32))
    before, after = window(64)[32:], window(64)[:32]
    expected = [*[0] * 32, *(after / (before + after)), *[1] * 32]
    np.testing.assert_allclose(stitching.scores[0, :, 0], expected, atol=1e-6)
