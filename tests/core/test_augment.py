"""Statistics and limits of the random warps and gray values."""

import numpy as np
import pytest

from napari_upaint.core.augment import draw_gray, draw_warp, vary_gray
from napari_upaint.core.deformation import displacement_field
from napari_upaint.settings import AugmentSettings


def drawn(seed):
    return draw_warp(np.random.default_rng(seed), AugmentSettings(), out_shape=(20, 20), center=(15, 15))


def test_displacements_are_gaussian_of_the_given_width():
    rng = np.random.default_rng(6)
    drawn_control = [
        draw_warp(rng, AugmentSettings(displacement=10, grid=3), out_shape=(65, 65), center=(32, 32)).control
        for _ in range(400)
    ]
    values = np.array(drawn_control)
    assert abs(values.mean()) < 0.6  # 5 standard errors of 7,200 values
    assert values.std() == pytest.approx(10, rel=0.05)
    assert np.mean(abs(values) < 10) == pytest.approx(0.683, abs=0.03)
    neighbours = np.corrcoef(values[:, :, 1, 1].ravel(), values[:, :, 1, 2].ravel())[0, 1]
    assert abs(neighbours) < 0.15
    centre = [displacement_field((65, 65), c)[:, 32, 32] for c in drawn_control]
    assert np.std(centre) == pytest.approx(10, rel=0.1)


def test_the_same_seed_draws_the_same_warp():
    first, second = drawn(7), drawn(7)
    np.testing.assert_array_equal(first.matrix, second.matrix)
    np.testing.assert_array_equal(first.control, second.control)


@pytest.mark.parametrize("ndim", [2, 3])
def test_rotation_keeps_sizes_and_zoom_stays_in_its_limits(ndim):
    rng, most, factors = np.random.default_rng(8), 1.44 if ndim == 2 else 1.2, []
    for _ in range(200):
        warp = draw_warp(rng, AugmentSettings(zoom=1.44), out_shape=(8,) * ndim, center=(0,) * ndim)
        factors.append(np.abs(np.linalg.det(warp.matrix)) ** (1 / ndim))
        np.testing.assert_allclose(warp.matrix @ warp.matrix.T, factors[-1] ** 2 * np.eye(ndim), atol=1e-12)
    assert 1 / most - 1e-9 <= min(factors) < 1 / most + 0.03
    assert most - 0.03 < max(factors) <= most + 1e-9


@pytest.mark.parametrize(("ndim", "upright"), [(2, False), (3, False), (3, True)])
def test_every_rotation_is_as_likely(ndim, upright):
    turned = AugmentSettings(flip=False, zoom=1, displacement=0)
    rng, size = np.random.default_rng(11), {"out_shape": (8,) * ndim, "center": (0,) * ndim}
    drawn = np.array([draw_warp(rng, turned, **size, upright=upright).matrix for _ in range(2000)])
    np.testing.assert_allclose(np.linalg.det(drawn), 1)  # no mirror image
    if upright:  # about Z only
        assert (drawn[:, 0] == [1, 0, 0]).all() and (drawn[:, :, 0] == [1, 0, 0]).all()
        drawn = drawn[:, 1:, 1:]
    assert np.abs(drawn.mean(0)).max() < 0.08  # 5 standard errors
    np.testing.assert_allclose((drawn**2).mean(0), 1 / drawn.shape[1], atol=0.05)


def test_nothing_is_varied_when_nothing_is_asked_for():
    still = AugmentSettings(displacement=0, rotate=False, flip=False, zoom=1, gray=0)
    warp = draw_warp(np.random.default_rng(9), still, out_shape=(5, 5), center=(2, 2))
    np.testing.assert_array_equal(warp.matrix, np.eye(2))
    assert warp.control is None
    image = np.random.default_rng(9).random((2, 5, 5)).astype(np.float32)
    np.testing.assert_allclose(vary_gray(image, draw_gray(np.random.default_rng(9), len(image), 0)), image, atol=1e-6)


def test_long_voxels_are_turned_in_physical_space():
    spacing = np.array([4.0, 1.0, 1.0])
    settings_ = AugmentSettings(zoom=1, displacement=8)
    warp, same = (
        draw_warp(np.random.default_rng(10), settings_, out_shape=(9, 9, 9), center=(4, 4, 4), spacing=edges)
        for edges in (spacing, 0.2 * spacing)  # the unit does not matter
    )
    np.testing.assert_allclose(same.control, warp.control, rtol=1e-12)
    physical = np.diag(spacing) @ warp.matrix @ np.diag(1 / spacing)
    np.testing.assert_allclose(physical @ physical.T, np.eye(3), atol=1e-12)
    assert warp.control[0].std() < warp.control[1].std() / 2


def test_colours_vary_less_than_their_brightness():
    draws = [draw_gray(np.random.default_rng(seed), 3, 1.0) for seed in range(300)]
    for part in ("gamma", "contrast", "brightness"):
        values = np.array([getattr(one, part) for one in draws])
        assert values.dtype == np.float32 and np.abs(values).max() <= 1
        assert values.mean(1).std() > 2.5 * (values - values.mean(1, keepdims=True)).std() > 0


def test_a_channel_alone_varies_by_the_whole_amount():
    values = [draw_gray(np.random.default_rng(seed), 1, 0.5).gamma for seed in range(300)]
    assert np.shape(values) == (300, 1) and 0.45 < np.max(np.abs(values)) <= 0.5
    assert np.std(values) == pytest.approx(0.5 / np.sqrt(3), rel=0.08)  # evenly


def test_gray_values_vary_moderately_and_keep_their_order():
    image = np.linspace(-0.2, 1.5, 300, dtype=np.float32).reshape(1, 10, 30)
    for seed in range(50):
        varied = vary_gray(image, draw_gray(np.random.default_rng(seed), len(image), 0.5))
        assert varied.dtype == np.float32
        assert (np.diff(varied.ravel()) > 0).all()
        assert np.abs(varied - image).max() < 1.2
