"""Resize planes and volumes to the scale at which a network works, and scores back."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from napari_upaint.core.bands import bands

# Least and largest distance of slices that is used, in pixels: stretching them further would not add anything.
_APART = 0.5, 6.0


def slices_apart(spacing: tuple[float, ...] | None) -> float:
    """Return how many pixels the slices of a volume lie apart, given the size of a voxel, (Z, Y, X); 1 if unknown."""
    return 1.0 if spacing is None else spacing[0] / float(np.sqrt(spacing[1] * spacing[2]))


def drawn_out(spacing: tuple[float, ...] | None) -> float:
    """Return the factor by which a volume is stretched along Z to make its voxels cubes, within sensible limits."""
    return float(np.clip(slices_apart(spacing), *_APART))


def scaled_shape(shape: tuple[int, ...], scale: float, spacing: tuple[float, ...] | None = None) -> tuple[int, ...]:
    """Return the shape of an image, ([Z,] Y, X), as a network sees it, at least one pixel along each axis.

    Parameters
    ----------
    shape : tuple of int
    scale : float
        Of Y and X; along Z it is chosen such that voxels become cubes.
    spacing : tuple of float or None
        Size of a voxel, (Z, Y, X). None: it is not known how far slices lie apart, and their number stays the same.
    """
    factors = scale_factors(len(shape), scale, spacing)
    return tuple(max(1, round(n * factor)) for n, factor in zip(shape, factors, strict=True))


def scale_factors(ndim: int, scale: float, spacing: tuple[float, ...] | None = None) -> tuple[float, ...]:
    """Return the factors by which the axes are resized for a network, ([Z,] Y, X); see `scaled_shape`."""
    planes = (scale, scale)
    return planes if ndim == 2 else (1.0 if spacing is None else scale * drawn_out(spacing), *planes)


def resizing(old: int, new: int) -> np.ndarray:
    """Return `resize_image` along one axis as a matrix, float32, (new, old): resizing is linear and separable."""
    return resize_image(np.eye(old, dtype=np.float32)[None], (new, old))[0]


def resize_image(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Resize (C, [Z,] Y, X) linearly; axes that shrink are blurred first, against aliasing.

    Returns
    -------
    numpy.ndarray
        (C, *shape), float32.
    """
    if image.shape[1:] == shape:
        return np.asarray(image, np.float32)
    factors = [old / new for old, new in zip(image.shape[1:], shape, strict=True)]
    # The usual compromise between aliasing and blur.
    sigma = [max(0.0, (factor - 1) / 2) for factor in factors]
    result = np.empty((len(image), *shape), np.float32)
    for channel, into in zip(image, result, strict=True):
        smooth = np.asarray(channel, np.float32)
        if any(sigma):
            smooth = ndimage.gaussian_filter(smooth, sigma, mode="mirror")
        _sample(smooth, into)
    return result


def resized_places(
    places: tuple[np.ndarray, ...], shape: tuple[int, ...], new: tuple[int, ...]
) -> tuple[np.ndarray, ...]:
    """Return where pixels lie after an image of `shape` is resized to `new`: indices, (N,) for each axis."""
    return tuple(place * size // old for place, old, size in zip(places, shape, new, strict=True))


def resize_labels(labels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Resize ([Z,] Y, X) to the nearest pixel: the dtype stays, and there are no new values."""
    if labels.shape == shape:
        return labels
    index = [_positions(old, new).round().astype(np.intp) for old, new in zip(labels.shape, shape, strict=True)]
    return np.ascontiguousarray(labels[np.ix_(*index)])


def _positions(old: int, new: int) -> np.ndarray:
    """Return where the centres of `new` pixels lie among `old` ones; the outer edges of both coincide."""
    return np.clip((np.arange(new) + 0.5) * (old / new) - 0.5, 0, old - 1)


def _sample(channel: np.ndarray, into: np.ndarray) -> None:
    """Interpolate axis by axis: far less work than a dense grid of coordinates."""
    axes = [_between(old, new) for old, new in zip(channel.shape, into.shape, strict=True)]
    for band in bands(into.shape):
        result = channel
        for axis, (low, high, part) in enumerate(axes):
            rows = band if axis == 0 else slice(None)
            share = part[rows].reshape([-1 if a == axis else 1 for a in range(result.ndim)])
            result = np.take(result, low[rows], axis) * (1 - share) + np.take(result, high[rows], axis) * share
        into[band] = result


def _between(old: int, new: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return between which two of `old` pixels each of `new` ones lies, and the share of the second, float32."""
    positions = _positions(old, new)
    low = np.floor(positions).astype(np.intp)
    return low, np.minimum(low + 1, old - 1), (positions - low).astype(np.float32)
