"""Compiled loops that read an image at warped positions, one output row at a time.

Planes are volumes of one slice here: matrices are 3 x 3, origins have three entries, control points are
(3, gz, gy, gx). A row of positions is computed from the affine part and ``gx`` products per axis, without an array of
all coordinates.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_upaint.core.compiled import kernel
from napari_upaint.core.spline import MARGIN, cell, weights


class Geometry(NamedTuple):
    """A warp as the loops need it, float64: the output pixel p is read at ``origin + matrix @ p + displacement(p)``.

    Attributes
    ----------
    matrix : numpy.ndarray
        (3, 3).
    origin : numpy.ndarray
        (3,): input position of the output pixel 0, px.
    control : numpy.ndarray
        (3, gz, gy, gx): displacements, px.
    along_z, along_y, along_x : numpy.ndarray
        (g, n): weight of each control point at each output pixel along an axis.
    """

    matrix: np.ndarray
    origin: np.ndarray
    control: np.ndarray
    along_z: np.ndarray
    along_y: np.ndarray
    along_x: np.ndarray


@kernel
def _row_positions(row: np.ndarray, z: int, y: int, geometry: Geometry) -> None:
    """Fill ``row`` (3, X), float64, with the input positions of the output pixels (z, y, :)."""
    matrix, origin, control, along_z, along_y, along_x = geometry
    gz, gy, gx = control.shape[1:]
    nx = row.shape[1]
    for c in range(3):
        base = origin[c] + matrix[c, 0] * z + matrix[c, 1] * y
        for x in range(nx):
            row[c, x] = base + matrix[c, 2] * x
        for k in range(gx):
            amount = 0.0
            for i in range(gz):
                for j in range(gy):
                    amount += along_z[i, z] * along_y[j, y] * control[c, i, j, k]
            if amount != 0.0:
                for x in range(nx):
                    row[c, x] += amount * along_x[k, x]


@kernel
def _row_cells(row: np.ndarray, shape: tuple[int, int, int], first: np.ndarray, rest: np.ndarray) -> None:
    """Split positions (3, X) into whole pixels ``first`` (3, X), int64, and the rest 0..1 ``rest`` (3, X), float32."""
    for x in range(row.shape[1]):
        first[0, x], rest[0, x] = cell(row[0, x], shape[0])
    for x in range(row.shape[1]):
        first[1, x], rest[1, x] = cell(row[1, x], shape[1])
    for x in range(row.shape[1]):
        first[2, x], rest[2, x] = cell(row[2, x], shape[2])


@kernel
def cubic_plane(padded: np.ndarray, out: np.ndarray, geometry: Geometry) -> None:
    """Write the cubic B-spline of coefficients (C, Y, X) with margin to ``out`` (C, 1, Y, X)."""
    shape = (out.shape[1], padded.shape[1] - 2 * MARGIN, padded.shape[2] - 2 * MARGIN)
    width = out.shape[3]
    row, first, rest = np.empty((3, width)), np.empty((3, width), np.int64), np.empty((3, width), np.float32)
    z = out.shape[1] - 1  # not a literal 0, for which everything would be compiled once more
    for y in range(out.shape[2]):
        _row_positions(row, z, y, geometry)
        _row_cells(row, shape, first, rest)
        for c in range(out.shape[0]):
            for x in range(width):
                out[c, 0, y, x] = _four_rows(
                    padded[c], first[1, x] + MARGIN - 1, first[2, x] + MARGIN - 1, rest[1, x], weights(rest[2, x])
                )


@kernel
def _four_rows(plane: np.ndarray, y: int, x: int, ty: np.float32, across: tuple[np.float32, ...]) -> np.float32:
    """Return the value of the spline from the 4 x 4 coefficients that start at (y, x)."""
    a, b, c, d = across
    down = weights(ty)
    value = np.float32(0)
    for j in range(4):
        value += down[j] * (
            a * plane[y + j, x] + b * plane[y + j, x + 1] + c * plane[y + j, x + 2] + d * plane[y + j, x + 3]
        )
    return value


@kernel
def cubic_volume(padded: np.ndarray, out: np.ndarray, geometry: Geometry) -> None:
    """Write the cubic B-spline of coefficients (C, Z, Y, X) with margin to ``out`` (C, Z, Y, X)."""
    shape = (padded.shape[1] - 2 * MARGIN, padded.shape[2] - 2 * MARGIN, padded.shape[3] - 2 * MARGIN)
    width = out.shape[3]
    row, first, rest = np.empty((3, width)), np.empty((3, width), np.int64), np.empty((3, width), np.float32)
    for z in range(out.shape[1]):
        for y in range(out.shape[2]):
            _row_positions(row, z, y, geometry)
            _row_cells(row, shape, first, rest)
            first += MARGIN - 1
            for c in range(out.shape[0]):
                for x in range(width):
                    deep, across = weights(rest[0, x]), weights(rest[2, x])
                    value = np.float32(0)
                    for k in range(4):
                        plane = padded[c, first[0, x] + k]
                        value += deep[k] * _four_rows(plane, first[1, x], first[2, x], rest[1, x], across)
                    out[c, z, y, x] = value


@kernel
def linear(image: np.ndarray, out: np.ndarray, geometry: Geometry) -> None:
    """Write trilinear (for one slice bilinear) values of ``image`` (C, Z, Y, X) to ``out`` (C, Z, Y, X)."""
    channels, nz, ny, nx = image.shape
    flat = image.reshape(channels, nz * ny * nx)
    # If an axis has one pixel only, its neighbour is itself.
    dz, dy, dx = min(1, nz - 1) * ny * nx, min(1, ny - 1) * nx, min(1, nx - 1)
    width = out.shape[3]
    row, first, rest = np.empty((3, width)), np.empty((3, width), np.int64), np.empty((3, width), np.float32)
    for z in range(out.shape[1]):
        for y in range(out.shape[2]):
            _row_positions(row, z, y, geometry)
            _row_cells(row, (nz, ny, nx), first, rest)
            for c in range(channels):
                for x in range(width):
                    start = (first[0, x] * ny + first[1, x]) * nx + first[2, x]
                    near = _square(flat[c], start, dy, dx, rest[1, x], rest[2, x])
                    if dz:
                        near += rest[0, x] * (_square(flat[c], start + dz, dy, dx, rest[1, x], rest[2, x]) - near)
                    out[c, z, y, x] = near


@kernel
def _square(flat: np.ndarray, start: int, dy: int, dx: int, ty: np.float32, tx: np.float32) -> np.float32:
    """Return the bilinear value in the square of pixels that starts at a flat index."""
    top = flat[start] + tx * (flat[start + dx] - flat[start])
    bottom = flat[start + dy] + tx * (flat[start + dy + dx] - flat[start + dy])
    value: np.float32 = top + ty * (bottom - top)
    return value


@kernel
def nearest(shape: tuple[int, int, int], out: np.ndarray, geometry: Geometry) -> None:
    """Write the flat index of the nearest pixel in an array of ``shape`` (Z, Y, X) to ``out`` (Z, Y, X), int64."""
    width = out.shape[2]
    row, first, rest = np.empty((3, width)), np.empty((3, width), np.int64), np.empty((3, width), np.float32)
    half = np.float32(0.5)
    for z in range(out.shape[0]):
        for y in range(out.shape[1]):
            _row_positions(row, z, y, geometry)
            _row_cells(row, shape, first, rest)
            for x in range(width):
                # Halves go up, as in scipy.
                k = first[0, x] + (rest[0, x] >= half)
                j = first[1, x] + (rest[1, x] >= half)
                out[z, y, x] = (k * shape[1] + j) * shape[2] + first[2, x] + (rest[2, x] >= half)
