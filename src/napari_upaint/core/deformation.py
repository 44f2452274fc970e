"""Warps: rotation, scale, flip, shift and elastic deformation of a tile, in one resampling (paper, sec. 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy import ndimage

from napari_upaint.core import resampling, spline

Order = Literal[1, 3]


@dataclass(frozen=True, eq=False)
class Warp:
    """Where the pixels of an output tile lie in the input; shared by image, annotation and weights.

    The output pixel p is read at ``center + matrix @ (p - (out_shape - 1) / 2) + displacement(p)``.

    Attributes
    ----------
    out_shape : tuple of int
        Shape of the tile, ([Z,] Y, X).
    matrix : numpy.ndarray
        (ndim, ndim): maps offsets from the tile's centre (px) to offsets in the input (px).
    center : sequence of float
        Input position of the tile's centre, ([Z,] Y, X), px; pixel centres are whole numbers.
    control : numpy.ndarray or None
        (ndim, g, ..., g): displacements in input px on a coarse grid whose outermost points are the tile's outermost
        pixels; see `displacement_field`.
    """

    out_shape: tuple[int, ...]
    matrix: np.ndarray
    center: Sequence[float] | np.ndarray
    control: np.ndarray | None = None

    def __post_init__(self) -> None:
        ndim = len(self.out_shape)
        if ndim not in (2, 3) or min(self.out_shape) < 1:
            raise ValueError(f"The tile's shape is {self.out_shape}; give two or three positive numbers.")
        if np.shape(self.matrix) != (ndim, ndim) or np.shape(self.center) != (ndim,):
            raise ValueError(
                f"Matrix {np.shape(self.matrix)} and centre {np.shape(self.center)} do not fit a tile of {ndim} axes; "
                f"give ({ndim}, {ndim}) and ({ndim},)."
            )
        if self.control is not None and (np.ndim(self.control) != ndim + 1 or len(self.control) != ndim):
            raise ValueError(f"Control points {np.shape(self.control)} do not fit a tile of {ndim} axes.")

    @classmethod
    def identity(cls, shape: Sequence[int]) -> Warp:
        """Return the warp that leaves an array of ``shape`` ([Z,] Y, X) as it is."""
        return cls(tuple(shape), np.eye(len(shape)), (np.asarray(shape) - 1) / 2)

    def geometry(self) -> resampling.Geometry:
        """Return the geometry as the compiled loops take it: a plane as a volume of one slice."""
        ndim = len(self.out_shape)
        lead = 3 - ndim
        matrix, origin = np.eye(3), np.zeros(3)
        matrix[lead:, lead:] = self.matrix
        half = (np.asarray(self.out_shape) - 1) / 2
        origin[lead:] = np.asarray(self.center, float) - np.asarray(self.matrix, float) @ half
        control = np.zeros((3, 1, 1, 1))
        if self.control is not None:
            grid = np.shape(self.control)[1:]
            control = np.zeros((3, *(1,) * lead, *grid))
            control[lead:] = np.asarray(self.control, float).reshape(ndim, *(1,) * lead, *grid)
        shape = (1,) * lead + tuple(int(n) for n in self.out_shape)
        along = (_curve(n, g) for n, g in zip(shape, control.shape[1:], strict=True))
        return resampling.Geometry(matrix, origin, control, *along)


@lru_cache(maxsize=64)
def _curve(n: int, points: int) -> np.ndarray:
    """Return the (points, n) matrix that interpolates control points spread evenly over n pixels.

    It is a cubic spline through the points, level at both ends (its control polygon is mirrored).
    """
    positions = np.linspace(0, points - 1, n) if n > 1 else np.full(1, (points - 1) / 2)
    curve = [ndimage.map_coordinates(unit, positions[None], order=3, mode="mirror") for unit in np.eye(points)]
    result = np.ascontiguousarray(curve, np.float64)
    result.flags.writeable = False  # shared by all tiles of this size
    return result


def displacement_field(shape: Sequence[int], control: np.ndarray) -> np.ndarray:
    """Interpolate coarse displacements to every pixel (paper, sec. 3.1: bicubic).

    The field goes through every control point: a tensor product of cubic splines, twice continuously differentiable,
    level at the tile's edges; the same as ``scipy.ndimage.map_coordinates(control, order=3, mode='mirror')``.

    Parameters
    ----------
    shape : sequence of int
        Shape of the tile, ([Z,] Y, X).
    control : numpy.ndarray
        (ndim, g, ..., g) displacements, px.

    Returns
    -------
    numpy.ndarray
        (ndim, [Z,] Y, X), float32, px.

    Raises
    ------
    ValueError
        If the control points do not fit the tile.
    """
    field = np.asarray(control, np.float64)
    if field.ndim != len(shape) + 1 or len(field) != len(shape):
        raise ValueError(f"Control points {field.shape} do not fit a tile of shape {tuple(shape)}.")
    for axis, n in enumerate(shape, start=1):
        field = np.moveaxis(np.moveaxis(field, axis, -1) @ _curve(int(n), field.shape[axis]), -1, axis)
    return np.ascontiguousarray(field, np.float32)


def prefilter(image: np.ndarray) -> np.ndarray:
    """Return the cubic spline coefficients of an image, to be kept if many tiles are drawn from it.

    Parameters
    ----------
    image : numpy.ndarray
        Axes (C, [Z,] Y, X).

    Returns
    -------
    numpy.ndarray
        float32, a little larger than the image (a mirrored margin); for ``warp_image(..., prefiltered=True)``.
    """
    _check_image(image)
    return spline.coefficients(image)


def warp_image(image: np.ndarray, warp: Warp, *, prefiltered: bool = False, order: Order = 3) -> np.ndarray:
    """Resample an image once through a warp, mirrored at its borders.

    Parameters
    ----------
    image : numpy.ndarray
        Axes (C, [Z,] Y, X), any real dtype; or what `prefilter` returned for it.
    warp : Warp
        With as many axes as the image has spatial axes.
    prefiltered : bool
        Whether ``image`` comes from `prefilter` (order 3 only).
    order : {3, 1}
        3: interpolating cubic B-spline; 1: linear, at least twice as fast and a little blurred.

    Returns
    -------
    numpy.ndarray
        (C, *warp.out_shape), float32.

    Raises
    ------
    ValueError
        If image and warp differ in their axes, or the order is not possible.

    Notes
    -----
    Order 3 equals ``scipy.ndimage.map_coordinates(order=3, mode='mirror')`` to the precision of float32.
    """
    _check_image(image)
    ndim = image.ndim - 1
    if ndim != len(warp.out_shape):
        raise ValueError(f"The image has {ndim} axes in space, the warp {len(warp.out_shape)}.")
    if order not in (1, 3) or (prefiltered and order != 3):
        raise ValueError(f"The order is {order}; give 3, or 1 with an image that is not prefiltered.")
    out = np.empty((len(image), *(1,) * (3 - ndim), *warp.out_shape), np.float32)
    if order == 1:
        volume = np.ascontiguousarray(image, np.float32).reshape(len(image), *(1,) * (3 - ndim), *image.shape[1:])
        resampling.linear(volume, out, warp.geometry())
    else:
        padded = np.ascontiguousarray(image, np.float32) if prefiltered else spline.coefficients(image)
        loop = resampling.cubic_plane if ndim == 2 else resampling.cubic_volume
        loop(padded, out, warp.geometry())
    return out.reshape(len(image), *warp.out_shape)


def warp_labels(labels: np.ndarray, warp: Warp) -> np.ndarray:
    """Read labels (or any map) at the nearest pixel, mirrored at the borders: there are never new values.

    Parameters
    ----------
    labels : numpy.ndarray
        Axes ([Z,] Y, X), any dtype.
    warp : Warp
        With as many axes as the labels.

    Returns
    -------
    numpy.ndarray
        ``warp.out_shape``, dtype of ``labels``.

    Raises
    ------
    ValueError
        If labels and warp differ in their axes.
    """
    ndim = labels.ndim
    if ndim != len(warp.out_shape) or labels.size == 0:
        raise ValueError(f"Labels of shape {labels.shape} do not fit a warp of {len(warp.out_shape)} axes.")
    lead = (1,) * (3 - ndim)
    source = np.empty(lead + tuple(warp.out_shape), np.int64)
    resampling.nearest(lead + labels.shape, source, warp.geometry())
    return np.take(labels.reshape(-1), source).reshape(warp.out_shape)


def _check_image(image: np.ndarray) -> None:
    if image.ndim not in (3, 4) or image.size == 0:
        raise ValueError(f"The image has shape {image.shape}; expected axes (C, [Z,] Y, X), none empty.")
