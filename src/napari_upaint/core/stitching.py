"""Put tiles together: side by side if they meet exactly, averaged if they overlap.

Scores of a padded network are less reliable towards the edges of a tile, where zeros stand in for the image. So its
tiles overlap by half, and every pixel is a weighted mean of them. The weights of all tiles add up to 1 at every pixel.
As tiles lie on a grid, they do so along each axis separately: no image of sums is needed, and nothing is divided.
"""

from __future__ import annotations

from threading import Lock

import numpy as np

from napari_upaint.core.tiling import Tile, Tiling

_SIGMA = 1 / 8  # of the tile's size


def window(size: int) -> np.ndarray:
    """Return how much to trust each pixel along an axis of a tile: float64, (size,), at most 1, in the middle.

    A Gaussian with a standard deviation of an eighth of the size: 3e-4 at the edges, never 0.
    """
    from_middle = np.arange(size) - (size - 1) / 2
    return np.asarray(np.exp(-0.5 * (from_middle / (_SIGMA * size)) ** 2))


def shares(n: int, size: int, stride: int, count: int) -> list[np.ndarray]:
    """Return the weights of each tile along an axis of `n` pixels, float32; at each pixel they add up to 1.

    Parameters
    ----------
    n, size, stride, count : int
        Pixels of the image and of a tile, distance of the tiles and their number; what is outside the image is cut off.
    """
    one = window(size)
    parts = [one[: max(0, n - i * stride)] for i in range(count)]
    total = np.zeros(n)
    for i, part in enumerate(parts):
        total[i * stride : i * stride + len(part)] += part
    return [(part / total[i * stride : i * stride + len(part)]).astype(np.float32) for i, part in enumerate(parts)]


class Stitching:
    """An image of scores that grows tile by tile, in any order, from several threads.

    Parameters
    ----------
    tiling : Tiling
    channels : int
        Of the scores.

    Attributes
    ----------
    scores : numpy.ndarray
        float32, (K, [Z,] Y, X); complete once `put` was called for every tile.
    """

    def __init__(self, tiling: Tiling, channels: int) -> None:
        self.tiling = tiling
        self.scores = (np.zeros if tiling.blended else np.empty)((channels, *tiling.shape), np.float32)
        axes = zip(tiling.shape, tiling.output, tiling.stride, tiling.counts, strict=True)
        self._one_at_a_time = Lock()  # tiles that overlap add to the same pixels
        self._shares = [shares(*axis) for axis in axes] if tiling.blended else []

    def put(self, tile: Tile, part: np.ndarray) -> None:
        """Add the scores of a tile, (K, [z,] y, x)."""
        kept = part[(slice(None), *(slice(n) for n in tile.keep))]
        place = (slice(None), *tile.region)
        if not self.tiling.blended:
            self.scores[place] = kept
            return
        weight = np.ones((), np.float32)
        for start, stride, parts in zip(tile.start, self.tiling.stride, self._shares, strict=True):
            weight = np.multiply.outer(weight, parts[start // stride])
        weighted = kept * weight
        with self._one_at_a_time:
            self.scores[place] += weighted
