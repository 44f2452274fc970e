"""The warps of `core.deformation` on the device of the data: batches of tiles, one resampling each (paper, sec. 3.1).

A `Warp` gives the same tile here as there: images to 1e-4 of their range, labels exactly unless a pixel lies half way
between two. Positions are computed in float64, or exact to 1e-4 px if the device has no float64 (Apple's).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import torch

from napari_upaint.core.augment import Gray
from napari_upaint.core.deformation import Warp
from napari_upaint.core.spline import MARGIN


class Cells(NamedTuple):
    """Positions in an image of some shape, mirrored at its borders, one entry for each axis ([Z,] Y, X).

    Attributes
    ----------
    first : list of torch.Tensor
        (B, [z,] y, x), int64: the pixel at or before a position.
    rest : list of torch.Tensor
        The same shape, float32, 0..1: how far the position lies beyond that pixel.
    shape : tuple of int
        Of the image, ([Z,] Y, X).
    """

    first: list[torch.Tensor]
    rest: list[torch.Tensor]
    shape: tuple[int, ...]

    def part(self, region: tuple[slice, ...]) -> Cells:
        """Return the cells in a region of the tiles, ([z,] y, x)."""
        where = (slice(None), *region)
        return Cells([one[where] for one in self.first], [one[where] for one in self.rest], self.shape)


def positions(warps: Sequence[Warp], device: torch.device) -> torch.Tensor:
    """Return the positions at which the pixels of tiles are read: (B, ndim, [z,] y, x), in px of the input.

    Parameters
    ----------
    warps : sequence of Warp
        Their tiles have one shape, and their control points one grid (or all have none).

    Raises
    ------
    ValueError
        If the tiles or the grids differ.
    """
    alike = {(warp.out_shape, None if warp.control is None else np.shape(warp.control)) for warp in warps}
    if len(alike) != 1:
        raise ValueError(f"The warps of a batch have {len(alike)} kinds of tiles and grids; give one.")
    dtype = torch.float32 if device.type == "mps" else torch.float64
    geometries = [warp.geometry() for warp in warps]
    matrix, origin, control = (
        torch.from_numpy(np.stack(parts)).to(device, dtype) for parts in list(zip(*geometries, strict=True))[:3]
    )
    along = [torch.from_numpy(np.array(one)).to(device, dtype) for one in geometries[0][3:]]
    where = torch.einsum("bcijk,iz,jy,kx->bczyx", control, *along) + origin[:, :, None, None, None]
    for axis in range(3):
        steps = torch.arange(where.shape[2 + axis], device=device, dtype=dtype)
        where = where + matrix[:, :, axis, None, None, None] * steps.reshape([-1 if i == axis else 1 for i in range(3)])
    ndim = len(warps[0].out_shape)
    return where[:, 3 - ndim :].reshape(len(warps), ndim, *warps[0].out_shape)


def cells(where: torch.Tensor, shape: Sequence[int]) -> Cells:
    """Split positions (B, ndim, ...) in an image of `shape`; see `core.spline.cell`."""
    first, rest = [], []
    for axis, n in enumerate(shape):
        if n < 2:
            index = torch.zeros_like(where[:, axis], dtype=torch.int64)
            first.append(index)
            rest.append(index.float())
            continue
        period = 2.0 * (n - 1)
        folded = (where[:, axis] - period * torch.floor(where[:, axis] / period + 0.5)).abs()
        index = folded.long().clamp(max=n - 2)
        first.append(index)
        rest.append((folded - index).float())
    return Cells(first, rest, tuple(shape))


def read_spline(coefficients: torch.Tensor, at: Cells) -> torch.Tensor:
    """Return the cubic B-spline of coefficients (C, [Z,] Y, X) with margin (`core.deformation.prefilter`).

    Returns
    -------
    torch.Tensor
        (B, C, [z,] y, x), float32.
    """
    taps = [
        [(first + (MARGIN - 1 + k), weight) for k, weight in enumerate(_cubic(rest))]
        for first, rest in zip(at.first, at.rest, strict=True)
    ]
    return _read(coefficients, taps)


def read_linear(image: torch.Tensor, at: Cells) -> torch.Tensor:
    """Return the linear interpolation of an image (C, [Z,] Y, X): (B, C, [z,] y, x), float32."""
    # If an axis has one pixel only, its neighbour is itself.
    taps = [
        [(first, 1 - rest), (first + min(1, n - 1), rest)]
        for first, rest, n in zip(at.first, at.rest, at.shape, strict=True)
    ]
    return _read(image, taps)


def read_nearest(labels: torch.Tensor, at: Cells) -> torch.Tensor:
    """Return the nearest pixels of labels (or any map) ([Z,] Y, X), never a new value: (B, [z,] y, x)."""
    index = torch.zeros_like(at.first[0])
    for first, rest, n in zip(at.first, at.rest, at.shape, strict=True):
        index = index * n + first + (rest >= 0.5)  # halves go up
    return labels.reshape(-1)[index]


def vary(images: torch.Tensor, grays: Sequence[Gray]) -> torch.Tensor:
    """Vary brightness, contrast and gamma of tiles (B, C, [z,] y, x), as `core.augment.vary_gray` does."""
    shape = (*images.shape[:2], *(1,) * (images.ndim - 2))
    gamma, contrast, brightness = (
        torch.from_numpy(np.stack(part)).to(images.device).reshape(shape) for part in zip(*grays, strict=True)
    )
    inside = images.clamp(0, 1)
    varied = images + gamma * inside * (1 - inside)
    middle = varied.mean(dim=tuple(range(2, images.ndim)), keepdim=True)
    return (varied - middle) * contrast.exp() + middle + brightness / 2


def _read(image: torch.Tensor, taps: Sequence[Sequence[tuple[torch.Tensor, torch.Tensor]]]) -> torch.Tensor:
    """Return the weighted sum of the pixels of (C, [Z,] Y, X) at all combinations of taps (index, weight) per axis."""
    flat, total = image.reshape(len(image), -1), None
    for chosen in product(*taps):
        index, weight = chosen[0]
        for (further, its), n in zip(chosen[1:], image.shape[2:], strict=True):
            index, weight = index * n + further, weight * its
        value = weight * flat[:, index]  # (C, B, ...)
        total = value if total is None else total + value
    assert total is not None
    return total.transpose(0, 1)


def _cubic(t: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return the weights of the coefficients at -1, 0, 1 and 2 for positions t (0..1); see `core.spline.weights`."""
    s = 1 - t
    a, b = s * s * s, t * t * t
    return a / 6, (4 + 3 * b - 6 * t * t) / 6, (4 + 3 * a - 6 * s * s) / 6, b / 6
