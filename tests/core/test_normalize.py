"""Laws of normalisation: percentiles become 0 and 1, whatever the type; only finite numbers come out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_upaint.core.normalize import Normalization, measure
from napari_upaint.errors import ImageError
from napari_upaint.io.samples import open_sample

TYPES = [
    np.dtype(order + kind) for order in "<>" for kind in ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "f2", "f4", "f8")
]


def ramp(dtype=np.float64, shape=(1, 40, 30)):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def test_percentiles_become_zero_and_one():
    image = open_sample("nuclei_fluorescence").image.data[None]
    found = measure(image)
    low, high = np.percentile(image, (1, 99.8))
    assert found.low == (low,) and found.high == (high,)
    expected = np.clip((image - low) / (high - low), -1, 3)
    np.testing.assert_allclose(found.apply(image), expected, atol=1e-6)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_every_type_of_number_gives_the_same(dtype):
    image = ramp(np.uint8, (1, 10, 12)).astype(dtype)
    result = measure(image).apply(image)
    assert result.dtype == np.float32 and result.dtype.isnative
    np.testing.assert_allclose(result, measure(ramp(shape=(1, 10, 12))).apply(ramp(shape=(1, 10, 12))), atol=2e-3)


@given(st.floats(0.01, 1000), st.floats(-1000, 1000), st.integers(0, 100))
def test_gain_and_offset_of_a_camera_do_not_matter(gain, offset, seed):
    image = np.random.default_rng(seed).random((2, 11, 9))
    moved = image * gain + offset
    np.testing.assert_allclose(measure(moved).apply(moved), measure(image).apply(image), atol=1e-4)


def test_a_mask_counts_as_gray_values():
    image = np.eye(20, dtype=bool)[None]
    np.testing.assert_array_equal(measure(image).apply(image), image)


@pytest.mark.parametrize("dtype", [np.int32, np.uint64, np.float64])
def test_little_contrast_on_a_large_offset_survives(dtype):
    image = (ramp() % 200 + 2**30).astype(dtype)
    np.testing.assert_allclose(measure(image).apply(image), measure(ramp() % 200).apply(ramp() % 200), atol=1e-5)


@pytest.mark.parametrize(
    ("dtype", "most"), [("f2", 6e4), (">f2", 6e4), ("i1", 100), ("i2", 3e4), (">i2", 3e4), ("i4", 2e9), ("i8", 9e18)]
)
def test_differences_of_gray_values_do_not_overflow(dtype, most):
    image = np.linspace(-most, most, 1000).astype(dtype).reshape(1, 20, 50)
    found = measure(image)
    assert -most <= found.low[0] < -0.8 * most and 0.8 * most < found.high[0] <= most
    assert np.isfinite(found.apply(image)).all()
    # A percentile between two values whose difference is too large for the type.
    steep = np.full((1, 20, 50), -most, dtype)
    steep[0, 0, :2] = most
    assert measure(steep).low[0] == -most and -most < measure(steep).high[0] < most


def test_hot_and_dead_pixels_are_clipped():
    image = ramp()
    image[0, 0, :2] = 1e30, -1e30
    result = measure(image).apply(image)
    assert result.min() == -1 and result.max() == 3


def test_a_few_bright_pixels_suffice():
    image = np.zeros((1, 100, 100))
    image[0, 50, 50] = 7
    assert measure(image) == Normalization((0.0,), (7.0,))


@pytest.mark.parametrize("value", [0, 5, 3e7, -1e20])
def test_a_constant_channel_beside_others_becomes_zero(value):
    image = np.stack([np.full((40, 30), value), ramp()[0]]).astype(np.float32)
    result = measure(image).apply(image)
    assert (result[0] == 0).all()
    np.testing.assert_array_equal(result[1:], measure(image[1:]).apply(image[1:]))


def test_a_constant_image_is_refused():
    with pytest.raises(ImageError, match=r"mine is constant \(every pixel is 7\)"):
        measure(np.full((2, 5, 6), 7), "mine")


def test_a_constant_image_of_several_channels_tells_each_value():
    with pytest.raises(ImageError, match=r"mine is constant \(its channels are 3, 7\)"):
        measure(np.stack([np.full((5, 6), value) for value in (3, 7, 3)]), "mine")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(bad):
    image = ramp()
    image[0, 3, 4:7] = bad
    with pytest.raises(ImageError, match="mine has 3 pixels that are NaN or infinite"):
        measure(image, "mine")


@pytest.mark.parametrize("shape", [(0, 4, 4), (1, 0, 4), (1, 4, 0)])
def test_an_image_without_pixels_is_refused(shape):
    with pytest.raises(ImageError, match="no pixels"):
        measure(np.zeros(shape))


def test_other_channels_than_measured_are_refused():
    with pytest.raises(ImageError, match="3 channels, expected 1"):
        measure(ramp()).apply(ramp(shape=(3, 4, 4)))


def test_large_images_are_measured_on_some_pixels_that_tell_the_same():
    rng = np.random.default_rng(0)
    image = rng.normal(100, 10, (1, 3000, 2600)).astype(np.float32)
    found = measure(image)
    assert found.low[0] == pytest.approx(np.percentile(image, 1), abs=0.2)
    assert found.high[0] == pytest.approx(np.percentile(image, 99.8), abs=0.4)


def test_the_image_itself_is_never_changed():
    image = ramp(np.float32)
    before = image.copy()
    measure(image).apply(image)
    np.testing.assert_array_equal(image, before)
