"""Laws of the warps: equal to scipy's splines, nothing invented in labels, fields as they are defined."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_upaint.core.augment import draw_warp
from napari_upaint.core.deformation import Warp, displacement_field, prefilter, warp_image, warp_labels
from napari_upaint.settings import AugmentSettings

SHAPES = st.one_of(
    st.tuples(st.integers(1, 23), st.integers(1, 31)),
    st.tuples(st.integers(1, 7), st.integers(1, 9), st.integers(1, 11)),
)
INTEGERS = [np.dtype(sign + order) for sign in "<>" for order in ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8")]


def positions(warp):
    """Input positions of a warp, from the definition in its docstring."""
    offset = np.indices(warp.out_shape) - (np.array(warp.out_shape).reshape(-1, *(1,) * len(warp.out_shape)) - 1) / 2
    where = np.tensordot(warp.matrix, offset, 1) + np.reshape(warp.center, (-1, *(1,) * len(warp.out_shape)))
    return where if warp.control is None else where + displacement_field(warp.out_shape, warp.control)


def drawn(seed, shape, out_shape, **changes):
    rng = np.random.default_rng(seed)
    center = rng.uniform(-0.5, 1.5, len(shape)) * np.array(shape)
    return draw_warp(rng, AugmentSettings(**changes), out_shape=out_shape, center=center)


@settings(deadline=None, max_examples=60)
@given(SHAPES, st.integers(0, 2**32), st.data())
def test_an_image_is_read_as_by_scipy(shape, seed, data):
    out_shape = data.draw(st.tuples(*(st.integers(1, 17),) * len(shape)))
    image = np.random.default_rng(seed).random((2, *shape)).astype(np.float32)
    warp = drawn(seed, shape, out_shape, grid=data.draw(st.integers(2, 5)))
    for order in (1, 3):
        expected = [
            ndimage.map_coordinates(c.astype(float), positions(warp), order=order, mode="mirror") for c in image
        ]
        np.testing.assert_allclose(warp_image(image, warp, order=order), expected, atol=2e-5)


@settings(deadline=None, max_examples=60)
@given(SHAPES, st.integers(0, 2**32), st.sampled_from(INTEGERS), st.booleans())
def test_labels_keep_their_values_and_dtype(shape, seed, dtype, reverse):
    rng = np.random.default_rng(seed)
    limits = np.iinfo(dtype)
    labels = rng.integers(limits.min, limits.max, shape, dtype=dtype.newbyteorder("="), endpoint=True).astype(dtype)
    labels = labels.T[::-1] if reverse else labels
    warp = drawn(seed, labels.shape, tuple(n + 2 for n in labels.shape))
    warped = warp_labels(labels, warp)
    assert warped.dtype == labels.dtype
    assert warped.shape == warp.out_shape
    assert set(warped.flat) <= set(labels.flat)  # NumPy's isin fails with large values of another byte order


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (7, 8), (3, 1, 4), (5, 6, 7)])
def test_identity_changes_nothing(shape):
    image = np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)
    labels = np.arange(image[0].size, dtype=np.uint64).reshape(shape) + np.uint64(2**63)
    warp = Warp.identity(shape)
    np.testing.assert_allclose(warp_image(image, warp), image, atol=1e-5)
    np.testing.assert_allclose(warp_image(image, warp, order=1), image, atol=1e-6)
    np.testing.assert_array_equal(warp_labels(labels, warp), labels)


@pytest.mark.parametrize("shape", [(9, 14), (4, 6, 9)])
def test_quarter_turns_flips_and_shifts_move_whole_pixels(shape):
    image = np.random.default_rng(1).random((1, *shape)).astype(np.float32)
    turn = np.eye(len(shape))
    turn[-2:, -2:] = [[0, 1], [-1, 0]]
    center = (np.array(shape) - 1) / 2
    turned = Warp((*shape[:-2], shape[-1], shape[-2]), turn, center)
    np.testing.assert_allclose(warp_image(image, turned), np.rot90(image, axes=(-2, -1)), atol=1e-5)
    np.testing.assert_allclose(
        warp_image(image, Warp(shape, -np.eye(len(shape)), center))[0], np.flip(image[0]), atol=1e-5
    )
    shifted = Warp(tuple(n - 1 for n in shape), np.eye(len(shape)), np.array(shape) / 2)
    inside = (slice(1, None),) * len(shape)
    np.testing.assert_array_equal(warp_labels(image[0], shifted), image[0][inside])


def test_coefficients_can_be_kept():
    image = np.random.default_rng(2).random((2, 40, 37)).astype(np.float32)
    kept, warp = prefilter(image), drawn(2, (40, 37), (33, 32))
    np.testing.assert_array_equal(warp_image(kept, warp, prefiltered=True), warp_image(image, warp))


@pytest.mark.parametrize("dtype", ["u1", ">u2", ">f4", "f8", "i4", "?"])
def test_any_gray_values_and_memory_order(dtype):
    image = np.random.default_rng(3).integers(0, 2, (1, 20, 30)).astype(dtype)
    warp = drawn(3, (20, 30), (16, 16))
    expected = warp_image(image.astype(np.float32), warp)
    np.testing.assert_array_equal(warp_image(np.asfortranarray(image), warp), expected)
    frozen = image.astype(np.float32)
    frozen.flags.writeable = False
    np.testing.assert_array_equal(warp_image(frozen, warp), expected)


def test_image_and_labels_stay_aligned():
    disk = np.hypot(*(np.indices((128, 128)) - 60)) < 30
    warp = drawn(4, (128, 128), (128, 128))
    image = warp_image(ndimage.gaussian_filter(disk.astype(np.float32), 1)[None], warp)[0] > 0.5
    assert (image != warp_labels(disk, warp)).mean() < 0.005


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_field_goes_through_its_control_points_and_is_scipys_spline(ndim):
    control = np.random.default_rng(5).normal(0, 10, (ndim, *(3,) * ndim))
    shape = (9, 17, 33)[-ndim:]
    field = displacement_field(shape, control)
    assert field.dtype == np.float32
    np.testing.assert_allclose(
        field[(slice(None), *(slice(None, None, (n - 1) // 2) for n in shape))], control, atol=1e-5
    )
    grid = np.meshgrid(*(np.linspace(0, 2, n) for n in shape), indexing="ij")
    expected = [ndimage.map_coordinates(c, grid, order=3, mode="mirror") for c in control]
    np.testing.assert_allclose(field, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("image", "warp"),
    [
        (np.zeros((1, 0, 4), np.float32), Warp.identity((3, 3))),
        (np.zeros((4, 4), np.float32), Warp.identity((4, 4))),
        (np.zeros((1, 4, 4), np.float32), Warp.identity((4, 4, 4))),
    ],
)
def test_what_does_not_fit_is_refused(image, warp):
    with pytest.raises(ValueError, match=r"shape|axes"):
        warp_image(image, warp)


def test_a_malformed_warp_is_refused():
    with pytest.raises(ValueError, match="positive"):
        Warp((0, 3), np.eye(2), (0, 0))
    with pytest.raises(ValueError, match="do not fit"):
        Warp((3, 3), np.eye(3), (0, 0))
    with pytest.raises(ValueError, match="do not fit"):
        Warp((3, 3), np.eye(2), (0, 0), np.zeros((3, 3, 3)))
