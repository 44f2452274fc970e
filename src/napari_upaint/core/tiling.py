"""Overlap tiles: which sizes a U-Net takes, what it gives back, and how an image is cut (paper, sec. 2 and fig. 2).

Everything follows from two numbers of the network: its depth (levels) and whether its convolutions are padded.
Per level of an unpadded U-Net two 3x3 convolutions take 4 pixels of that level's size, on the way down and again on
the way up. With five levels: 572 -> 388, a halo of 92 on each side. A padded one takes nothing, but its scores are
worth less towards the edges of a tile: its tiles overlap by half and are blended, see `core.stitching`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_TAKEN = 4  # two 3x3 convolutions without padding take 2 pixels on each side


def grid(depth: int) -> int:
    """Return the pixels that one pixel of the deepest level covers: 2**(depth - 1)."""
    return int(2 ** (depth - 1))


def halo(depth: int) -> int:
    """Return how many pixels of context an unpadded network of `depth` levels takes on each side (92 for 5)."""
    # Down: 4 * 2^l on every level; up: the same on all but the deepest.
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
    """One network input and what it is kept for.

    Attributes
    ----------
    start : tuple of int
        First pixel of the output in the image, per axis; a multiple of the grid.
    keep : tuple of int
        Pixels of the output that lie in the image, per axis.
    """

    start: tuple[int, ...]
    keep: tuple[int, ...]

    @property
    def region(self) -> tuple[slice, ...]:
        """Where the kept output belongs in the image."""
        return tuple(slice(a, a + n) for a, n in zip(self.start, self.keep, strict=True))


@dataclass(frozen=True, slots=True)
class Tiling:
    """A cut of an image into tiles of one size.

    Attributes
    ----------
    shape : tuple of int
        The image, ([Z,] Y, X).
    output, input : tuple of int
        What a tile yields, and what it needs.
    stride : tuple of int
        Distance of neighbouring tiles: a multiple of 2^(levels - 1), so that the pooling of every tile falls on the
        same pixels and the tiles meet without a seam. The paper's own 388 is none; 384 is.
    halo : int
        Context on each side, made by mirroring where the image ends; 0: a padded network.
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
        """Tiles along each axis."""
        # Blended ones reach over to the next one, so that the last one begins earlier.
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
        The image, ([Z,] Y, X).
    depth : int
        Levels of the network.
    tile : int
        Largest input wished for; the smallest possible one is used where that is larger.
    padded : bool
        Whether the network pads its convolutions: tiles overlap by half.
    """
    halo_ = 0 if padded else halo(depth)
    most = max(1, (tile - 2 * halo_) // grid(depth))
    return _tiling(shape, [_axis(n, most, depth, padded) for n in shape], halo_)


def plan_within(shape: tuple[int, ...], depth: int, pixels: int, *, padded: bool = False, parts: int = 1) -> Tiling:
    """Cut an image into equal tiles of at most `pixels` input pixels, so that the least work is wasted on the halo.

    Tiles need not be square: strips over the whole width have no halo at their ends.

    Parameters
    ----------
    shape, depth, padded
        As for `plan`.
    pixels : int
        Pixels (voxels) of one input that memory allows.
    parts : int
        Tiles that are computed at the same time: work counts in rounds of so many.
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
    # Too large ones only if all are: then the smallest.
    best = np.argmin(np.where(sizes <= pixels, work, np.inf) if (sizes <= pixels).any() else sizes)
    chosen = np.unravel_index(best, sizes.shape)[1:]
    return _tiling(shape, [choices[i] for choices, i in zip(axes, chosen, strict=True)], halo_)


def _axis(n: int, most: int, depth: int, padded: bool) -> tuple[int, int, int]:
    """Cut an axis of `n` pixels into tiles of at most `most` cells of the grid: (stride, output, input)."""
    cells = grid(depth)
    if not padded:
        count = -(-n // (most * cells))
        stride = -(-n // (count * cells)) * cells
        # The last tile keeps the rest only, so a single tile may be cut to the image.
        size = input_size(stride if count > 1 else n, depth)
        return stride, size - 2 * halo(depth), size
    if n <= most * cells or n <= cells:
        size = input_size(n, depth, padded=True)
        return size, size, size
    halves = -(-n // (max(1, most // 2) * cells))  # each but the first and the last is covered twice
    stride = -(-n // (halves * cells)) * cells
    return stride, 2 * stride, 2 * stride


def _tiling(shape: tuple[int, ...], axes: list[tuple[int, int, int]], halo_: int) -> Tiling:
    strides, outputs, inputs = zip(*axes, strict=True)
    return Tiling(tuple(shape), outputs, inputs, strides, halo_)


def cut(image: np.ndarray, tiling: Tiling, tile: Tile) -> np.ndarray:
    """Return a tile's network input, (C, [Z,] Y, X), mirrored where it leaves the image (paper, fig. 2)."""
    index = tuple(
        mirrored(a - tiling.halo, size, n) for a, size, n in zip(tile.start, tiling.input, tiling.shape, strict=True)
    )
    inside = all(i[0] >= 0 and i[-1] == i[0] + len(i) - 1 for i in index)
    if inside:  # a view costs nothing; fancy indexing copies
        return image[(slice(None), *(slice(int(i[0]), int(i[-1]) + 1) for i in index))]
    return np.asarray(image[(slice(None), *np.ix_(*index))])  # type: ignore[arg-type]


def mirrored(start: int, size: int, n: int) -> np.ndarray:
    """Return the pixels ``start .. start + size - 1`` of an axis of `n`, mirrored at its ends without repetition.

    >>> mirrored(-2, 5, 4).tolist()
    [2, 1, 0, 1, 2]
    """
    if n == 1:
        return np.zeros(size, np.intp)
    period = 2 * (n - 1)
    position = np.arange(start, start + size) % period
    return np.asarray(np.minimum(position, period - position), np.intp)
