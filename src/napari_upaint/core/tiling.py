"""Overlap tiles: which sizes a U-Net takes and returns, and how to cut an image (paper, sec. 2 and fig. 2).

Everything follows from two properties of the network: its depth (levels) and whether its convolutions are padded.
On each level of an unpadded U-Net, two 3x3 convolutions take 4 pixels of that level's size, on the way down and again
on the way up. With five levels: 572 -> 388, a halo of 92 on each side. A padded one takes nothing, but its scores are
less reliable towards the edges of a tile: its tiles overlap by half and are blended, see `core.stitching`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_TAKEN = 4  # two 3x3 convolutions without padding take 2 pixels on each side


def grid(depth: int) -> int:
    """Return how many pixels one pixel of the deepest level covers along an axis: 2**(depth - 1)."""
    return int(2 ** (depth - 1))


def halo(depth: int) -> int:
    """Return how many pixels of context an unpadded network of `depth` levels takes on each side (92 for 5)."""
    # On the way down 4 * 2^l on every level; on the way up the same on all but the deepest.
    return (_TAKEN * (2 * (grid(depth) - 1) + grid(depth))) // 2


def input_size(output: int, depth: int, *, padded: bool = False) -> int:
    """Return the smallest valid input that gives at least `output` pixels.

    Valid means that every max pooling sees an even size (paper, sec. 2). Unpadded: ``(k + 4) * 2^l + 4 * (2^l - 1)``
    with l = depth - 1 and k >= 1 pixels left at the deepest level; padded: ``k * 2^l``.
    """
    cells = grid(depth)
    if padded:
        return max(1, -(-output // cells)) * cells
    # An output is k * cells - 4 * (cells - 1).
    k = max(1, -(-(output + _TAKEN * (cells - 1)) // cells))
    return (k + _TAKEN) * cells + _TAKEN * (cells - 1)


@dataclass(frozen=True, slots=True)
class Tile:
    """The place of one tile in an image.

    Attributes
    ----------
    start : tuple of int
        First pixel of the output in the image along each axis; a multiple of the grid.
    keep : tuple of int
        Number of output pixels to keep along each axis, from the first.
    """

    start: tuple[int, ...]
    keep: tuple[int, ...]

    @property
    def region(self) -> tuple[slice, ...]:
        """The region of the kept output in the image."""
        return tuple(slice(a, a + n) for a, n in zip(self.start, self.keep, strict=True))


@dataclass(frozen=True, slots=True)
class Tiling:
    """A division of an image into tiles of one size.

    Attributes
    ----------
    shape : tuple of int
        Of the image, ([Z,] Y, X).
    output, input : tuple of int
        Shapes of a tile's output and input.
    stride : tuple of int
        Distance of neighbouring tiles: a multiple of 2^(levels - 1), so that the pooling of every tile falls on the
        same pixels and the tiles meet without a seam. The paper's own 388 is not such a multiple; 384 is.
    halo : int
        Context on each side, mirrored beyond the image; 0: a padded network.
    """

    shape: tuple[int, ...]
    output: tuple[int, ...]
    input: tuple[int, ...]
    stride: tuple[int, ...]
    halo: int

    @property
    def blended(self) -> bool:
        """Whether tiles overlap and are averaged, instead of meeting exactly."""
        return self.halo == 0

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of tiles along each axis."""
        # Blended tiles reach into the next, so the last one begins earlier.
        reach = (a - b if self.blended else 0 for a, b in zip(self.output, self.stride, strict=True))
        return tuple(max(1, -(-(n - r) // s)) for n, r, s in zip(self.shape, reach, self.stride, strict=True))

    def __len__(self) -> int:
        return int(np.prod(self.counts))

    def __iter__(self) -> Iterator[Tile]:
        kept = self.output if self.blended else self.stride
        for index in np.ndindex(*self.counts):
            start = tuple(i * s for i, s in zip(index, self.stride, strict=True))
            yield Tile(start, tuple(min(k, n - a) for a, k, n in zip(start, kept, self.shape, strict=True)))


def plan(shape: tuple[int, ...], depth: int, tile: int, *, padded: bool = False) -> Tiling:
    """Cut an image into equal tiles of at most about `tile` input pixels along each axis.

    Tiles are made as even as the grid allows: an image of 520 pixels is not cut into 500 and 20.

    Parameters
    ----------
    shape : tuple of int
        Of the image, ([Z,] Y, X).
    depth : int
        Levels of the network.
    tile : int
        Largest input wanted, px; the smallest possible one is used if that is larger.
    padded : bool
        Whether the network pads its convolutions: then tiles overlap by half.
    """
    halo_ = 0 if padded else halo(depth)
    most = max(1, (tile - 2 * halo_) // grid(depth))
    return _tiling(shape, [_axis(n, most, depth, padded) for n in shape], halo_)


def plan_within(shape: tuple[int, ...], depth: int, pixels: int, *, padded: bool = False, parts: int = 1) -> Tiling:
    """Cut an image into equal tiles of at most `pixels` input pixels, such that the halos cause the least work.

    Tiles need not be square: strips over the whole width have no halo at their ends.

    Parameters
    ----------
    shape, depth, padded
        As for `plan`.
    pixels : int
        Number of pixels (voxels) of one input that memory allows.
    parts : int
        Tiles that are computed at the same time: work is counted in rounds of so many tiles.
    """
    cells = grid(depth)
    axes = []
    for n in shape:
        cuts = (_axis(n, most, depth, padded) for most in range(1, -(-n // cells) + 1))
        axes.append(list({one[0]: one for one in cuts}.values()))  # each stride once
    halo_ = 0 if padded else halo(depth)
    sizes, numbers = np.ones(1), np.ones(1)
    for n, choices in zip(shape, axes, strict=True):
        counts = [_tiling((n,), [axis], halo_).counts[0] for axis in choices]
        sizes = np.multiply.outer(sizes, [float(axis[2]) for axis in choices])
        numbers = np.multiply.outer(numbers, counts)
    work = sizes * (-(-numbers // parts))
    best = np.argmin(np.where(sizes <= pixels, work, np.inf))  # if all are too large, the first: the smallest
    chosen = np.unravel_index(best, sizes.shape)[1:]
    return _tiling(shape, [choices[i] for choices, i in zip(axes, chosen, strict=True)], halo_)


def _axis(n: int, most: int, depth: int, padded: bool) -> tuple[int, int, int]:
    """Cut an axis of `n` pixels into tiles of at most `most` cells of the grid: (stride, output, input)."""
    cells = grid(depth)
    if not padded:
        count = -(-n // (most * cells))
        stride = -(-n // (count * cells)) * cells
        # A last tile only keeps the rest, so a single tile may be as small as the image.
        size = input_size(stride if count > 1 else n, depth)
        return stride, size - 2 * halo(depth), size
    if n <= most * cells or n <= cells:
        size = input_size(n, depth, padded=True)
        return size, size, size
    halves = -(-n // (max(1, most // 2) * cells))  # all but the first and the last are covered twice
    stride = -(-n // (halves * cells)) * cells
    return stride, 2 * stride, 2 * stride


def _tiling(shape: tuple[int, ...], axes: list[tuple[int, int, int]], halo_: int) -> Tiling:
    strides, outputs, inputs = zip(*axes, strict=True)
    return Tiling(tuple(shape), outputs, inputs, strides, halo_)


def cut(image: np.ndarray, tiling: Tiling, tile: Tile) -> np.ndarray:
    """Return the network input of a tile, (C, [Z,] Y, X), mirrored beyond the image (paper, fig. 2)."""
    index = tuple(
        mirrored(a - tiling.halo, size, n) for a, size, n in zip(tile.start, tiling.input, tiling.shape, strict=True)
    )
    inside = all(i[0] >= 0 and i[-1] == i[0] + len(i) - 1 for i in index)
    if inside:  # a view costs nothing; fancy indexing copies
        return image[(slice(None), *(slice(int(i[0]), int(i[-1]) + 1) for i in index))]
    return np.asarray(image[(slice(None), *np.ix_(*index))])  # type: ignore[arg-type]


def mirrored(start: int, size: int, n: int) -> np.ndarray:
    """Return the pixels ``start .. start + size - 1`` of an axis of `n`, mirrored without repeating the end pixels.

    >>> mirrored(-2, 5, 4).tolist()
    [2, 1, 0, 1, 2]
    """
    if n == 1:
        return np.zeros(size, np.intp)
    period = 2 * (n - 1)
    position = np.arange(start, start + size) % period
    return np.asarray(np.minimum(position, period - position), np.intp)
