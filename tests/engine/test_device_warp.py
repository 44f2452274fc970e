"""Laws of the warps on a device: those of `core.deformation`, a batch at a time."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_upaint.core.augment import draw_gray, draw_warp, vary_gray
from napari_upaint.core.deformation import Warp, prefilter, warp_image, warp_labels
from napari_upaint.core.normalize import measure
from napari_upaint.core.sample import Sample
from napari_upaint.engine.device_sampling import DeviceSampler, drawing
from napari_upaint.engine.device_warp import cells, positions, read_linear, read_nearest, read_spline, vary
from napari_upaint.engine.preparing import preparing
from napari_upaint.engine.sampling import Sampler
from napari_upaint.engine.telling import returned
from napari_upaint.settings import AugmentSettings, WeightSettings

CPU = torch.device("cpu")
SHAPES = st.one_of(
    st.tuples(st.integers(1, 23), st.integers(1, 31)),
    st.tuples(st.integers(1, 7), st.integers(1, 9), st.integers(1, 11)),
)


def drawn(seed, shape, out_shape, number=1, **changes):
    rng = np.random.default_rng(seed)
    centers = rng.uniform(-0.5, 1.5, (number, len(shape))) * np.array(shape)
    augment = AugmentSettings(**changes)
    return [draw_warp(rng, augment, out_shape=out_shape, center=center) for center in centers]


def at(warps, shape):
    return cells(positions(warps, CPU), shape)


@settings(deadline=None, max_examples=60)
@given(SHAPES, st.integers(0, 2**32), st.data())
def test_tiles_are_those_of_the_core(shape, seed, data):
    """Borders included: the centres of the tiles lie as far outside the image as inside."""
    out_shape = data.draw(st.tuples(*(st.integers(1, 17),) * len(shape)))
    displacement = data.draw(st.sampled_from([0.0, 10.0]))
    warps = drawn(seed, shape, out_shape, 3, grid=data.draw(st.integers(2, 5)), displacement=displacement)
    rng = np.random.default_rng(seed)
    image, labels = rng.random((2, *shape)).astype(np.float32), rng.integers(-(2**15), 2**15, shape).astype(np.int16)
    where = at(warps, shape)
    for read, order, given_image in ((read_spline, 3, prefilter(image)), (read_linear, 1, image)):
        expected = np.stack([warp_image(image, warp, order=order) for warp in warps])
        np.testing.assert_allclose(read(torch.from_numpy(given_image), where).numpy(), expected, atol=1e-4)
    found = read_nearest(torch.from_numpy(labels), where)
    assert found.dtype == torch.int16
    # Half way between two pixels the last bit of the position decides.
    tie = np.min([np.abs(rest.numpy() - 0.5) for rest in where.rest], axis=0) < 1e-5
    expected = np.stack([warp_labels(labels, warp) for warp in warps])
    np.testing.assert_array_equal(found.numpy()[~tie], expected[~tie])
    assert np.isin(found.numpy(), labels).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (7, 8), (3, 1, 4), (5, 6, 7)])
def test_identity_changes_nothing(shape):
    image = np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)
    labels = torch.arange(image[0].size).reshape(shape) + 2**62
    where = at([Warp.identity(shape)], shape)
    np.testing.assert_allclose(read_spline(torch.from_numpy(prefilter(image)), where)[0], image, atol=1e-5)
    np.testing.assert_allclose(read_linear(torch.from_numpy(image), where)[0], image, atol=1e-6)
    assert torch.equal(read_nearest(labels, where)[0], labels)


@pytest.mark.parametrize("shape", [(9, 14), (4, 6, 9)])
def test_quarter_turns_move_whole_pixels(shape):
    image = np.random.default_rng(1).random((1, *shape)).astype(np.float32)
    turn = np.eye(len(shape))
    turn[-2:, -2:] = [[0, 1], [-1, 0]]
    center = (np.array(shape) - 1) / 2
    where = at([Warp((*shape[:-2], shape[-1], shape[-2]), turn, center)], shape)
    expected = np.rot90(image, axes=(-2, -1))
    np.testing.assert_allclose(read_spline(torch.from_numpy(prefilter(image)), where)[0], expected, atol=1e-5)
    np.testing.assert_array_equal(read_nearest(torch.from_numpy(image[0]), where)[0], expected[0])


def test_a_region_of_the_tiles():
    warps = drawn(5, (30, 40), (20, 22), 2)
    image = torch.rand(30, 40)
    inner = (slice(3, 17), slice(4, 18))
    whole, part = at(warps, (30, 40)), at(warps, (30, 40)).part(inner)
    assert torch.equal(read_nearest(image, part), read_nearest(image, whole)[:, 3:17, 4:18])
    assert torch.equal(read_linear(image[None], part), read_linear(image[None], whole)[:, :, 3:17, 4:18])


def test_gray_values_vary_as_in_the_core():
    rng = np.random.default_rng(6)
    images = rng.normal(0.5, 0.5, (3, 2, 9, 8)).astype(np.float32)
    grays = [draw_gray(rng, 2, 0.4) for _ in images]
    expected = np.stack([vary_gray(image, gray) for image, gray in zip(images, grays, strict=True)])
    np.testing.assert_allclose(vary(torch.from_numpy(images), grays).numpy(), expected, atol=1e-5)


def test_warps_of_other_tiles_are_refused():
    for other in (drawn(1, (9, 9), (4, 5)), drawn(1, (9, 9), (5, 5), grid=4), [Warp.identity((5, 5))]):
        with pytest.raises(ValueError, match="2 kinds of tiles"):
            positions(drawn(0, (9, 9), (5, 5)) + other, CPU)


@pytest.mark.parametrize("start", ["none", "scores", "teacher"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_a_device_draws_the_tiles_of_the_sampler(ndim, start):
    """Tiles of two images in one batch, in the order of their numbers."""
    rng = np.random.default_rng(7)
    samples = []
    for size in (40, 33):
        shape = (12, size, size + 5)[3 - ndim :]
        image = rng.normal(size=(2, *shape)).astype(np.float32)
        samples.append(Sample(image, (rng.random(shape) < 0.3) * rng.integers(1, 3, shape), measure(image)))
    prepared = returned(preparing(samples, "classes", scale=1.0, border=None, weights=WeightSettings(), seed=0))
    scores = {
        "none": None,
        "scores": [rng.random((3, *one.target.shape)).astype(np.float32) for one in prepared],
        "teacher": lambda image: 2 * image[(slice(None), *(slice(4, -4),) * ndim)],
    }[start]
    sampler = Sampler(prepared, AugmentSettings(), tile=(20, 24, 28)[:ndim], halo=4, seed=3, start=scores)
    assert len({sampler.place(number).sample for number in range(6)}) == 2
    expected, found = drawing(sampler, CPU)(range(6)), DeviceSampler(sampler, CPU).draw(range(6))
    torch.testing.assert_close(found.images, expected.images, atol=1e-4, rtol=1e-4)
    assert found.targets.dtype == torch.int16
    assert (found.targets != expected.targets).float().mean() < 1e-4
    assert (found.weights != expected.weights).float().mean() < 1e-4
    if scores is None:
        assert found.starts is None and expected.starts is None
    else:
        torch.testing.assert_close(found.starts, expected.starts, atol=2e-4, rtol=1e-4)


def test_prepared_images_are_put_on_the_device_once():
    image = np.random.default_rng(8).normal(size=(1, 40, 40)).astype(np.float32)
    sample = Sample(image, 1 + (image[0] > 0), measure(image))
    prepared = returned(preparing([sample], "classes", scale=1.0, border=None, weights=WeightSettings(), seed=0))
    sampler = Sampler(prepared, AugmentSettings(), tile=(20, 20), halo=4, seed=3)
    draw = drawing(sampler, torch.device("meta"))  # a device without values
    assert draw([0]).images.device.type == draw([0, 1]).weights.device.type == "meta"
    assert drawing(sampler, CPU)([0]).images.device == CPU
