"""Laws of resizing: pixel centres stay where they are, labels stay labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from skimage import transform

from napari_upaint.core.resize import resize_image, resize_labels, resized_places, resizing, scaled_shape, slices_apart
from napari_upaint.io.samples import open_sample

SHAPES = st.one_of(array_shapes(min_dims=2, max_dims=2, max_side=30), array_shapes(min_dims=3, max_dims=3, max_side=9))


def target_like(shape, data):
    return tuple(data.draw(st.integers(1, 40)) for _ in shape)


@given(SHAPES, st.floats(0.05, 4))
def test_shapes_follow_the_scale_and_never_vanish(shape, scale):
    found = scaled_shape(shape, scale)
    plane = zip(found[-2:], shape[-2:], strict=True)
    assert all(m >= 1 and (abs(m - n * scale) <= 0.5 or m == 1) for m, n in plane)
    assert found[:-2] == shape[:-2]  # it is not known how far slices lie apart


@pytest.mark.parametrize(
    ("spacing", "scale", "slices"),
    [
        ((1.0, 1.0, 1.0), 0.5, 10),
        ((3.0, 1.0, 1.0), 1.0, 60),
        ((1.2, 0.4, 0.4), 0.5, 30),
        ((50.0, 1.0, 1.0), 1.0, 120),  # there is nothing between them
        ((1e-6, 1.0, 1.0), 1.0, 10),  # some programs write nonsense
        (None, 0.5, 20),
    ],
)
def test_slices_are_drawn_out_until_voxels_are_cubes(spacing, scale, slices):
    assert scaled_shape((20, 40, 30), scale, spacing) == (slices, round(40 * scale), round(30 * scale))
    assert scaled_shape((40, 30), scale, spacing and spacing[1:]) == (round(40 * scale), round(30 * scale))


def test_how_far_slices_lie_apart_is_told_in_pixels():
    assert slices_apart((1.0, 0.5, 0.5)) == 2 and slices_apart((3.0, 4.0, 1.0)) == 1.5 and slices_apart(None) == 1


@given(SHAPES, st.data())
def test_a_constant_image_stays_constant(shape, data):
    new = target_like(shape, data)
    result = resize_image(np.full((2, *shape), 3.5), new)
    assert result.shape == (2, *new) and result.dtype == np.float32
    np.testing.assert_allclose(result, 3.5, rtol=1e-6)


@given(SHAPES, st.integers(0, 1000), st.data())
def test_values_stay_within_those_of_the_image(shape, seed, data):
    image = np.random.default_rng(seed).normal(size=(1, *shape)).astype(np.float32)
    result = resize_image(image, target_like(shape, data))
    assert result.min() >= image.min() - 1e-5 and result.max() <= image.max() + 1e-5


@pytest.mark.parametrize("scale", [0.25, 0.35, 0.5, 0.7, 1.4, 2.0, 3.3, (1, 0.35), (0.5, 1)])
def test_it_agrees_with_an_independent_resize_without_a_shift(scale):
    image = open_sample("cells_phase").image.data[:203, :150].astype(float) / 255
    shape = tuple(np.round(np.multiply(image.shape, scale)).astype(int))
    smaller = np.min(scale) < 1
    theirs = transform.resize(image, shape, order=1, mode="reflect", anti_aliasing=smaller)
    ours = resize_image(image[None], shape)[0]
    # Beyond the outermost centres, where larger images have pixels, each has a way of its own.
    inner = (slice(None) if smaller else slice(6, -6),) * 2
    np.testing.assert_allclose(ours[inner], theirs[inner], atol=2e-3)


def test_centres_of_mass_stay_in_place():
    yy, xx = np.mgrid[:64, :80]
    spot = np.exp(-((yy - 20.3) ** 2 + (xx - 50.8) ** 2) / 50)[None]
    for scale in (0.5, 0.7, 1.4, 2.0):
        shape = scaled_shape(spot.shape[1:], scale)
        small = resize_image(spot, shape)[0]
        for axis, (at, n) in enumerate(((20.3, 64), (50.8, 80))):
            place = (small.sum(1 - axis) * np.arange(shape[axis])).sum() / small.sum()
            assert (place + 0.5) * n / shape[axis] - 0.5 == pytest.approx(at, abs=0.05)


def test_there_and_back_changes_a_smooth_image_little():
    yy, xx = np.mgrid[:90, :101]
    image = (np.sin(yy / 15) + np.cos(xx / 19))[None]
    for scale in (0.7, 1.4, 2.0):
        back = resize_image(resize_image(image, scaled_shape((90, 101), scale)), (90, 101))
        assert np.abs(back - image).max() < 0.06 and np.abs(back - image).mean() < 0.01


def test_axes_and_channels_are_treated_alike():
    image = np.random.default_rng(0).random((2, 20, 31))
    shape = (13, 50)
    products = resizing(20, 13) @ image @ resizing(31, 50).T
    np.testing.assert_allclose(resize_image(image, shape), products, atol=1e-5)
    np.testing.assert_allclose(
        resize_image(image.transpose(0, 2, 1)[::-1], shape[::-1]),
        resize_image(image, shape).transpose(0, 2, 1)[::-1],
        atol=1e-5,
    )


@given(SHAPES, st.integers(0, 1000), st.sampled_from(["u1", "<u2", ">u2", "<i4", ">i8", "u8", "?"]), st.data())
def test_labels_keep_type_and_values(shape, seed, dtype, data):
    labels = np.random.default_rng(seed).integers(0, 2, shape).astype(dtype)
    new = target_like(shape, data)
    result = resize_labels(labels, new)
    assert result.shape == new and result.dtype == labels.dtype and result.flags.c_contiguous
    assert set(np.unique(result)) <= set(np.unique(labels))


def test_labels_enlarged_by_whole_factors_are_repeated_pixels():
    labels = np.random.default_rng(0).integers(0, 2**40, (7, 9))
    expected = labels.repeat(3, 0).repeat(3, 1)
    np.testing.assert_array_equal(resize_labels(labels, (21, 27)), expected)
    np.testing.assert_array_equal(resize_labels(expected, (7, 9)), labels)
    every = np.nonzero(expected >= 0)
    np.testing.assert_array_equal(labels[resized_places(every, (21, 27), (7, 9))], expected[every])


def test_labels_and_image_meet():
    mask = np.zeros((40, 40), np.uint8)
    mask[11:30, 5:22] = 1
    for scale in (0.35, 0.5, 1.4, 2.0):
        shape = scaled_shape(mask.shape, scale)
        gray = resize_image(mask[None], shape)[0]
        labels = resize_labels(mask, shape)
        assert ((gray > 0.75) <= (labels == 1)).all() and ((gray < 0.25) <= (labels == 0)).all()


def test_the_same_shape_costs_nothing():
    labels, image = np.zeros((4, 5), np.uint8), np.zeros((1, 4, 5), np.float32)
    assert resize_labels(labels, (4, 5)) is labels
    assert np.shares_memory(resize_image(image, (4, 5)), image)
