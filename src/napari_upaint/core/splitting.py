"""Split touching objects, with little more memory than the watershed itself takes."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.segmentation import watershed

from napari_upaint.core.bands import bands, replaced

# No pixel within this distance of a peak may be higher, px.
_PEAK = 3


def split(labels: np.ndarray) -> np.ndarray:
    """Cut objects at their necks: watershed on the distance to the edge.

    Parameters
    ----------
    labels : numpy.ndarray
        int32, ([Z,] Y, X): connected objects from 1, 0 background.

    Returns
    -------
    numpy.ndarray
        int32, shape of `labels`: the same pixels, with more objects.
    """
    inside = labels > 0
    height = ndimage.gaussian_filter(_distance(inside), 1.0)
    given = [_seeds(labels, inside, height), np.negative(height, out=height)]
    del height
    # The watershed makes copies: without other references its arguments are freed then, a third of the memory.
    return np.asarray(watershed(given.pop(), given.pop(), mask=inside), np.int32)


def _distance(inside: np.ndarray) -> np.ndarray:
    """Return how far each pixel is from the edge, px, float64; beyond the image nothing is inside.

    On the way, SciPy's own distances take three times as much memory as the indices of the nearest pixels.
    """
    padded = np.pad(inside, 1)
    nearest = ndimage.distance_transform_edt(padded, return_distances=False, return_indices=True)
    distance = np.empty(padded.shape)
    for band in bands(padded.shape):
        away = nearest[:, band] - np.indices(distance[band].shape, np.int32)
        away[0] -= band.start
        distance[band] = np.sqrt((away.astype(np.float64) ** 2).sum(0))
    return distance[(slice(1, -1),) * inside.ndim]


def _seeds(labels: np.ndarray, inside: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Return the middle of each future object, numbered from 1."""
    peaks = inside.copy()
    for band in bands(labels.shape, 4 * _PEAK):
        first = max(0, band.start - _PEAK)
        around = height[first : band.stop + _PEAK]
        highest = around == ndimage.maximum_filter(around, 2 * _PEAK + 1)
        peaks[band] &= highest[band.start - first : band.stop - first]
    # Peaks close together become one seed; they grow inside objects only, or a seed would cut into a neighbour.
    seeds = ndimage.label(ndimage.binary_dilation(peaks, iterations=2, mask=inside))[0]
    # A small object close to a large one has no peak of its own; it stays as it is.
    seedless = np.ones(int(labels.max(initial=0)) + 1, bool)
    seedless[labels[seeds > 0]] = seedless[0] = False
    np.add(labels, seeds.max(initial=0), out=seeds, where=replaced(seedless, labels), casting="same_kind")
    return np.asarray(seeds)
