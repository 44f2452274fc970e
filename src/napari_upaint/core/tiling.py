"""Overlap tiles: which sizes a U-Net takes, what it gives back, and how an image is cut (paper, sec. 2 and fig. 2).

Everything follows from two numbers of the network: its depth (levels) and whether its convolutions are padded.
Per level of an unpadded U-Net two 3x3 convolutions take 4 pixels of that level's size, on the way down and again on
the way up. With five levels: 572 -> 388, a halo of 92 on each side.
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


def input_size(output: int, depth: int) -> int:
    """Return the smallest valid input of an unpadded network that gives at least `output` pixels.

    Valid means that every max pooling sees an even size (paper, sec. 2): ``(k + 4) * 2^l + 4 * (2^l - 1)`` with
    l = depth - 1 and k >= 1 pixels left at the deepest level.
    """
    cells = grid(depth)
    # An output is k * cells - 4 * (cells - 1), see `output_size`.
    k = max(1, -(-(output + _TAKEN * (cells - 1)) // cells))
    return (k + _TAKEN) * cells + _TAKEN * (cells - 1)


def output_size(size: int, depth: int) -> int:
    """Return what an unpadded network makes of an input of `size` pixels.

    Raises
    ------
    ValueError
        If some max pooling would see an odd size, or nothing would be left.
    """
    rest = size
    for _ in range(depth - 1):
        rest -= _TAKEN
        if rest <= 0 or rest % 2:
            raise ValueError(f"An input of {size} pixels does not fit {depth} levels; use {input_size(size, depth)}.")
        rest //= 2
    if rest <= _TAKEN or size - 2 * halo(depth) <= 0:
        raise ValueError(f"An input of {size} pixels is too small for {depth} levels; use {input_size(1, depth)}.")
    return size - 2 * halo(depth)


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
        Context on each side, made by mirroring where the image ends.
    """

    shape: tuple[int, ...]
    output: tuple[int, ...]
    input: tuple[int, ...]
    stride: tuple[int, ...]
    halo: int

    def __len__(self) -> int:
        return int(np.prod([len(range(0, n, s)) for n, s in zip(self.shape, self.stride, strict=True)]))

    def __iter__(self) -> Iterator[Tile]:
        counts = [len(range(0, n, s)) for n, s in zip(self.shape, self.stride, strict=True)]
        for index in np.ndindex(*counts):
            start = tuple(i * s for i, s in zip(index, self.stride, strict=True))
            keep = tuple(min(s, n - a) for a, s, n in zip(start, self.stride, self.shape, strict=True))
            yield Tile(start, keep)


def plan(shape: tuple[int, ...], depth: int, tile: int) -> Tiling:
    """Cut an image into equal tiles of at most about `tile` input pixels along each axis.

    Tiles are made as even as the grid allows: an image of 520 pixels is not cut into 500 and 20.

    Parameters
    ----------
    shape : tuple of int
        The image, ([Z,] Y, X).
    depth : int
        Levels of the (unpadded) network.
    tile : int
        Largest input wished for; the smallest possible one is used where that is larger.
    """
    cells = grid(depth)
    strides, outputs, inputs = [], [], []
    for n in shape:
        most = max(1, (tile - 2 * halo(depth)) // cells) * cells
        count = -(-n // most)
        stride = -(-n // (count * cells)) * cells
        # The last tile keeps the rest only, so a single tile may be cut to the image.
        inputs.append(input_size(stride if count > 1 else n, depth))
        outputs.append(inputs[-1] - 2 * halo(depth))
        strides.append(stride)
    return Tiling(tuple(shape), tuple(outputs), tuple(inputs), tuple(strides), halo(depth))


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
