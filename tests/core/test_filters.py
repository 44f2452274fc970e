"""Laws of pixel features: what scikit-image computes at full size, and nothing that is not finite."""

import numpy as np
import pytest
from skimage.feature import multiscale_basic_features

from napari_upaint.core.filters import PER_CHANNEL, SIGMAS, pixel_features
from napari_upaint.io.samples import open_sample


@pytest.fixture(scope="module")
def image():
    plane = np.asarray(open_sample("cells_phase").image.data, np.float32)[:201, :180]
    return (plane / plane.max())[None]


def test_they_are_those_of_scikit_image(image):
    """Except for the slope, which is a difference here and a Sobel filter there, and for pixels of smaller images."""
    ours = pixel_features(image).astype(np.float32).reshape(len(SIGMAS), 4, *image.shape[1:])
    theirs = multiscale_basic_features(image, sigma_max=SIGMAS[-1], channel_axis=0)
    theirs = np.moveaxis(theirs, -1, 0).reshape(ours.shape)
    inner = (slice(40, -40),) * 2  # each continues the image beyond its edge in its own way
    for index, sigma in enumerate(SIGMAS):
        for feature in range(4):
            a, b = ours[index, feature][inner].ravel(), theirs[index, feature][inner].ravel()
            assert np.corrcoef(a, b)[0, 1] > (0.99 if sigma <= 2 else 0.88), (sigma, feature)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 30), (3, 5, 7), (1, 33, 64)])
def test_any_image_has_features(shape):
    features = pixel_features(np.random.default_rng(0).normal(0, 1, shape))
    assert features.shape == (PER_CHANNEL * shape[0], *shape[1:]) and features.dtype == np.float16
    assert np.isfinite(features).all()


def test_hot_pixels_stay_finite():
    image = np.zeros((1, 20, 20), np.float32)
    image[0, 10, 10] = 1e6
    assert np.isfinite(pixel_features(image)).all()


def test_channels_do_not_mix():
    image = np.random.default_rng(1).normal(0, 1, (2, 24, 26)).astype(np.float32)
    np.testing.assert_array_equal(pixel_features(image)[PER_CHANNEL:], pixel_features(image[1:]))


def test_threads_change_nothing(image):
    np.testing.assert_array_equal(pixel_features(image, 3), pixel_features(image))
