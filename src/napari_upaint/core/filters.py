"""What classical filters say about a pixel: gray value, edges and texture at several sizes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import ndimage

from napari_upaint.core.resize import resize_image

# px; coarser filters say more about where strokes lie than about what they mark.
SIGMAS = (0.5, 1.0, 2.0, 4.0, 8.0)
PER_CHANNEL = 4 * len(SIGMAS)
# Coarse filters are computed on smaller images: smooth images need fewer pixels.
_FINEST = 2.0
_MOST = 3e4  # float16 ends at 65504; hot pixels may go beyond


def pixel_features(image: np.ndarray, threads: int = 1) -> np.ndarray:
    """Return the features of each pixel by filtering an image.

    Parameters
    ----------
    image : numpy.ndarray
        Normalised, (C, Y, X).
    threads : int
        Number of threads that share the work.

    Returns
    -------
    numpy.ndarray
        float16, (20 C, Y, X): for each channel and each of `SIGMAS`, the smoothed image, the strength of its edges, and
        the two eigenvalues of its second derivatives, the larger one first. This takes a quarter of the time of
        scikit-image's `multiscale_basic_features`, which computes the same at full size.
    """
    features = np.empty((len(image), PER_CHANNEL, *image.shape[1:]), np.float16)
    with ThreadPoolExecutor(threads) as pool:
        filling = []
        for channel, ours in zip(image, features, strict=True):
            level, factor = np.asarray(channel, np.float32), 1
            for index, sigma in enumerate(SIGMAS):
                while sigma / factor > _FINEST and min(level.shape) > 2:
                    level, factor = _halved(level), factor * 2
                filling.append(pool.submit(_fill, ours[4 * index : 4 * index + 4], level, factor, sigma))
        for one in filling:
            one.result()
    return features.reshape(-1, *image.shape[1:])


def _fill(features: np.ndarray, level: np.ndarray, factor: int, sigma: float) -> None:
    """Filter an image that was shrunk by a factor; write its features (4, Y, X) at full size."""
    smooth = ndimage.gaussian_filter(level, sigma / factor, mode="mirror")
    described = _described(smooth) * np.array([1, sigma, sigma, sigma], np.float32)[:, None, None]
    if factor > 1:
        described = resize_image(described, features.shape[1:])
    features[...] = np.clip(described, -_MOST, _MOST)


def _halved(level: np.ndarray) -> np.ndarray:
    """Shrink an image to half by averaging squares of 2 x 2 pixels; an odd edge is repeated."""
    level = np.pad(level, [(0, n % 2) for n in level.shape], mode="edge")
    return level.reshape(level.shape[0] // 2, 2, level.shape[1] // 2, 2).mean((1, 3))


def _described(smooth: np.ndarray) -> np.ndarray:
    """Return (4, Y, X): the image, its slope, the eigenvalues of its second derivatives."""
    if min(smooth.shape) < 2:
        return np.stack([smooth, *[np.zeros_like(smooth)] * 3])
    dy, dx = np.gradient(smooth)
    (dyy, dyx), dxx = np.gradient(dy), np.gradient(dx, axis=1)
    middle, half = (dyy + dxx) / 2, np.hypot((dyy - dxx) / 2, dyx)
    return np.stack([smooth, np.hypot(dy, dx), middle + half, middle - half])
