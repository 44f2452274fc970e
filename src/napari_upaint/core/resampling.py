"""Compiled loops that read an image at warped positions, one output row at a time.

Planes are volumes of one slice here: matrices are 3 x 3, origins have three entries, control points are
(3, gz, gy, gx). A row of positions is made from the affine part and ``gx`` products per axis, so that no array of
coordinates ever exists.
"""

from __future__ import annotations

import numpy as np

from napari_upaint.core.compiled import kernel
from napari_upaint.core.spline import MARGIN, cell, weights


@kernel
def _row_positions(row, z, y, matrix, origin, control, along_z, along_y, along_x):  # type: ignore[no-untyped-def]
    """Fill ``row`` (3, X), float64, with the input positions of the output pixels (z, y, :)."""
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
def cubic_plane(padded, out, matrix, origin, control, along_z, along_y, along_x):  # type: ignore[no-untyped-def]
    """Cubic B-spline of coefficients (C, Y, X) with margin into out (C, 1, Y, X)."""
    ny, nx = padded.shape[1] - 2 * MARGIN, padded.shape[2] - 2 * MARGIN
    width = out.shape[3]
    row = np.empty((3, width))
    first_y, first_x = np.empty(width, np.int64), np.empty(width, np.int64)
    rest = np.empty((2, width), np.float32)
    for y in range(out.shape[2]):
        _row_positions(row, 0, y, matrix, origin, control, along_z, along_y, along_x)
        for x in range(width):
            iy, ty = cell(row[1, x], ny)
            ix, tx = cell(row[2, x], nx)
            first_y[x], first_x[x] = iy + MARGIN - 1, ix + MARGIN - 1
            rest[0, x], rest[1, x] = ty, tx
        for c in range(out.shape[0]):
            for x in range(width):
                out[c, 0, y, x] = _four_rows(padded[c], first_y[x], first_x[x], rest[0, x], weights(rest[1, x]))


@kernel
def _four_rows(plane, y, x, ty, across):  # type: ignore[no-untyped-def]
    """Spline value from the 4 x 4 coefficients that start at (y, x)."""
    a, b, c, d = across
    down = weights(ty)
    value = np.float32(0)
    for j in range(4):
        value += down[j] * (
            a * plane[y + j, x] + b * plane[y + j, x + 1] + c * plane[y + j, x + 2] + d * plane[y + j, x + 3]
        )
    return value


@kernel
def cubic_volume(padded, out, matrix, origin, control, along_z, along_y, along_x):  # type: ignore[no-untyped-def]
    """Cubic B-spline of coefficients (C, Z, Y, X) with margin into out (C, Z, Y, X)."""
    nz, ny, nx = padded.shape[1] - 2 * MARGIN, padded.shape[2] - 2 * MARGIN, padded.shape[3] - 2 * MARGIN
    width = out.shape[3]
    row = np.empty((3, width))
    shift = MARGIN - 1
    for z in range(out.shape[1]):
        for y in range(out.shape[2]):
            _row_positions(row, z, y, matrix, origin, control, along_z, along_y, along_x)
            for x in range(width):
                iz, tz = cell(row[0, x], nz)
                iy, ty = cell(row[1, x], ny)
                ix, tx = cell(row[2, x], nx)
                deep, across = weights(np.float32(tz)), weights(np.float32(tx))
                for c in range(out.shape[0]):
                    value = np.float32(0)
                    for k in range(4):
                        plane = padded[c, iz + shift + k]
                        value += deep[k] * _four_rows(plane, iy + shift, ix + shift, np.float32(ty), across)
                    out[c, z, y, x] = value


@kernel
def linear(image, out, matrix, origin, control, along_z, along_y, along_x):  # type: ignore[no-untyped-def]
    """Trilinear (bilinear for one slice) value of (C, Z, Y, X) into out (C, Z, Y, X)."""
    nz, ny, nx = image.shape[1:]
    # The neighbour of the only pixel of an axis is that pixel.
    dz, dy, dx = min(1, nz - 1), min(1, ny - 1), min(1, nx - 1)
    row = np.empty((3, out.shape[3]))
    for z in range(out.shape[1]):
        for y in range(out.shape[2]):
            _row_positions(row, z, y, matrix, origin, control, along_z, along_y, along_x)
            for x in range(out.shape[3]):
                k, tz = cell(row[0, x], nz)
                j, ty = cell(row[1, x], ny)
                i, tx = cell(row[2, x], nx)
                for c in range(out.shape[0]):
                    near = _square(image[c, k], j, i, dy, dx, ty, tx)
                    if tz > 0:
                        near += tz * (_square(image[c, k + dz], j, i, dy, dx, ty, tx) - near)
                    out[c, z, y, x] = near


@kernel
def _square(plane, j, i, dy, dx, ty, tx):  # type: ignore[no-untyped-def]
    """Bilinear value in the square that starts at (j, i)."""
    top = plane[j, i] + tx * (plane[j, i + dx] - plane[j, i])
    bottom = plane[j + dy, i] + tx * (plane[j + dy, i + dx] - plane[j + dy, i])
    return top + ty * (bottom - top)


@kernel
def nearest(shape, out, matrix, origin, control, along_z, along_y, along_x):  # type: ignore[no-untyped-def]
    """Flat index of the nearest pixel of an array of ``shape`` (3 integers) into out (Z, Y, X), int64."""
    nz, ny, nx = shape[0], shape[1], shape[2]
    row = np.empty((3, out.shape[2]))
    for z in range(out.shape[0]):
        for y in range(out.shape[1]):
            _row_positions(row, z, y, matrix, origin, control, along_z, along_y, along_x)
            for x in range(out.shape[2]):
                k, tz = cell(row[0, x], nz)
                j, ty = cell(row[1, x], ny)
                i, tx = cell(row[2, x], nx)
                # Halves go up, as in scipy.
                out[z, y, x] = ((k + int(tz + 0.5)) * ny + j + int(ty + 0.5)) * nx + i + int(tx + 0.5)
