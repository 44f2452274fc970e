"""Random variation of training tiles (paper, sec. 3.1): a warp for the shape, a curve for the gray values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from napari_upaint.core.deformation import Warp
from napari_upaint.settings import AugmentSettings

# Share of the variation of gray values that all channels have in common: chosen by measurement, see docs/choices.md.
_TOGETHER = 0.7


def draw_warp(
    rng: np.random.Generator,
    settings: AugmentSettings,
    *,
    out_shape: Sequence[int],
    center: Sequence[float] | np.ndarray,
    spacing: Sequence[float] | None = None,
    upright: bool = False,
) -> Warp:
    """Draw the warp of one tile: any rotation, flips, zoom and Gaussian displacements on a coarse grid.

    Parameters
    ----------
    rng : numpy.random.Generator
        With the same state, the same warp is drawn.
    settings : AugmentSettings
        Volumes are zoomed by up to the square root of ``settings.zoom``, see docs/choices.md. Displacements have
        ``settings.displacement`` px standard deviation on ``settings.grid`` points per axis.
    out_shape : sequence of int
        Shape of the tile, ([Z,] Y, X).
    center : sequence of float
        Input position of the tile's centre, px.
    spacing : sequence of float, optional
        Physical size of a voxel, ([Z,] Y, X): warps are drawn in physical space, so that a rotated cell keeps its shape
        even if voxels are longer than wide. The unit of ``displacement`` is then the shortest voxel edge.
    upright : bool
        Whether to rotate volumes about Z only.
    """
    ndim = len(out_shape)
    matrix = np.eye(ndim)
    if settings.rotate:
        matrix = _rotation(rng, 2 if upright else ndim)
        if upright and ndim == 3:
            matrix = np.pad(matrix, ((1, 0), (1, 0)))
            matrix[0, 0] = 1
    if settings.flip:
        matrix = matrix * rng.choice((-1.0, 1.0), size=ndim)
    # Log-uniform: twice as large is as likely as half as large. An output pixel spans `factor` input pixels.
    factor = settings.zoom ** (rng.uniform(-1, 1) * (1 if ndim == 2 else 0.5))
    matrix = matrix * factor
    control = None
    if settings.displacement > 0:
        control = rng.normal(0, settings.displacement, (ndim, *(settings.grid,) * ndim))
    if spacing is not None:
        voxel = np.asarray(spacing, float) / min(spacing)
        matrix = matrix * voxel[None, :] / voxel[:, None]
        if control is not None:
            control = control / voxel.reshape(-1, *(1,) * ndim)
    return Warp(tuple(int(n) for n in out_shape), matrix, tuple(float(c) for c in center), control)


def _rotation(rng: np.random.Generator, ndim: int) -> np.ndarray:
    """Draw a rotation matrix; every orientation is equally likely."""
    if ndim == 2:
        angle = rng.uniform(0, 2 * np.pi)
        return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    # The Q of a Gaussian matrix is uniform once the signs of the diagonal of R are moved into it (Mezzadri 2007).
    q, r = np.linalg.qr(rng.normal(size=(ndim, ndim)))
    q = q * np.sign(np.diag(r))
    q[:, 0] *= np.sign(np.linalg.det(q))
    return np.asarray(q)


class Gray(NamedTuple):
    """How the gray values of a tile vary, (C,) each, float32; see `vary_gray`."""

    gamma: np.ndarray
    contrast: np.ndarray
    brightness: np.ndarray


def draw_gray(rng: np.random.Generator, channels: int, amount: float) -> Gray:
    """Draw how brightness, contrast and gamma of a tile vary, mostly the same for all channels.

    Differences between channels are colour, which tells stains apart; a change of the light changes all channels.

    Parameters
    ----------
    amount : float
        0 (nothing) to 1: contrast changes by up to ``exp(+-amount)``, brightness by up to half of ``amount``.
    """
    return Gray(*(_alike(rng, channels, amount).astype(np.float32) for _ in range(3)))


def _alike(rng: np.random.Generator, channels: int, amount: float) -> np.ndarray:
    """Draw a number between -amount and amount for each channel."""
    if channels == 1:
        return rng.uniform(-amount, amount, 1)
    return _TOGETHER * rng.uniform(-amount, amount) + (1 - _TOGETHER) * rng.uniform(-amount, amount, channels)


def vary_gray(image: np.ndarray, gray: Gray) -> np.ndarray:
    """Vary brightness, contrast and gamma of a tile.

    Parameters
    ----------
    image : numpy.ndarray
        Axes (C, [Z,] Y, X), float32, normalised to about 0..1.
    gray : Gray
        From `draw_gray`.

    Returns
    -------
    numpy.ndarray
        A new float32 array.

    Notes
    -----
    Gamma is a parabola through 0 and 1, ``v + g v (1 - v)``, and changes nothing outside of 0..1. A power would have an
    infinite slope at 0, where the noise of a dark background lies.
    """
    shape = (len(image),) + (1,) * (image.ndim - 1)
    gamma, contrast, brightness = (part.reshape(shape) for part in gray)
    inside = np.clip(image, 0, 1)
    varied = image + gamma * inside * (1 - inside)
    middle = varied.mean(axis=tuple(range(1, image.ndim)), keepdims=True, dtype=np.float32)
    return np.asarray((varied - middle) * np.exp(contrast) + middle + brightness / 2, np.float32)
