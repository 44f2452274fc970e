"""Distances to the two nearest different objects: exact, separable, within a window.

Axis by axis, each pixel keeps the two nearest *different* objects on the lines seen so far. Nothing is lost by
forgetting the third: the two others are nearer for every pixel that looks along this line.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_upaint.core.compiled import kernel

INFINITE = np.float32(np.inf)


def two_nearest(
    seeds: np.ndarray, reach: float, *, spacing: Sequence[float] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Measure how far background pixels are from the nearest and the second nearest object.

    Parameters
    ----------
    seeds : numpy.ndarray
        int32, axes ([Z,] Y, X): > 0 ids of objects, 0 background, < 0 neither (not measured).
    reach : float
        Both distances are exact where ``d1 + d2 <= reach``; elsewhere they are exact, too large or infinite.
    spacing : sequence of float, optional
        Distance between pixel centres along each axis, in the unit of ``reach``; 1 if not given.

    Returns
    -------
    d1, d2 : numpy.ndarray
        float32, shape of ``seeds``: distance from the pixel's centre to the nearest pixel centre of the object.
        Infinite outside the background.

    Raises
    ------
    ValueError
        If the spacing does not fit the seeds.
    """
    steps = np.ones(seeds.ndim) if spacing is None else np.asarray(spacing, float)
    if seeds.ndim not in (2, 3) or steps.shape != (seeds.ndim,) or not (steps > 0).all():
        raise ValueError(
            f"Spacing {spacing} does not fit labels of shape {seeds.shape}; give a positive number per axis."
        )
    reach = float(reach)
    ids = np.empty((2, *seeds.shape), np.int32)
    squares = np.empty((2, *seeds.shape), np.float32)
    if seeds.size == 0:
        return squares[0], squares[1]
    seeds = np.ascontiguousarray(seeds, np.int32)
    lines = (2, len(seeds), -1)
    _first_axis(seeds.reshape(lines[1:]), ids.reshape(lines), squares.reshape(lines), steps[0], reach)
    if seeds.ndim == 3:
        ids, squares = _middle_axis(ids, squares, steps[1], reach)
    rows = (2, -1, seeds.shape[-1])
    distances = np.empty_like(squares)
    _last_axis(
        seeds.reshape(rows[1:]),
        ids.reshape(rows),
        squares.reshape(rows),
        distances.reshape(rows),
        steps[-1],
        reach,
    )
    return distances[0], distances[1]


@kernel
def _insert(
    id1: int, square1: float, id2: int, square2: float, new: int, square: float
) -> tuple[int, float, int, float]:
    """Return the two nearest different objects among two sorted ones and a new one."""
    if new == id1:
        return id1, min(square1, square), id2, square2
    if square < square1:
        return new, square, id1, square1
    if square < square2:
        return id1, square1, new, square
    return id1, square1, id2, square2


@kernel
def _first_axis(seeds: np.ndarray, ids: np.ndarray, squares: np.ndarray, step: float, window: float) -> None:
    """Fill ids and squared distances (2, N, M) of the two nearest objects along the first axis of seeds (N, M)."""
    n, m = seeds.shape
    seen = np.zeros((2, m), np.int32)
    where = np.zeros((2, m), np.int32)
    squares[:] = INFINITE
    ids[:] = 0
    for sweep in range(2):
        seen[:] = 0
        for i in range(n):
            y = i if sweep == 0 else n - 1 - i
            for x in range(m):
                if seeds[y, x] > 0:
                    if seeds[y, x] != seen[0, x]:
                        seen[1, x], where[1, x] = seen[0, x], where[0, x]
                        seen[0, x] = seeds[y, x]
                    where[0, x] = y
            for k in range(2):
                for x in range(m):
                    distance = step * abs(y - where[k, x])
                    if seen[k, x] > 0 and distance <= window:
                        ids[0, y, x], squares[0, y, x], ids[1, y, x], squares[1, y, x] = _insert(
                            ids[0, y, x],
                            squares[0, y, x],
                            ids[1, y, x],
                            squares[1, y, x],
                            seen[k, x],
                            np.float32(distance * distance),
                        )


@kernel
def _middle_axis(ids: np.ndarray, squares: np.ndarray, step: float, window: float) -> tuple[np.ndarray, np.ndarray]:
    """Add the second axis of volumes (2, Z, Y, X): every line looks at the lines within the window."""
    new_ids, new_squares = ids.copy(), squares.copy()
    _, nz, ny, nx = ids.shape
    far = int(window / step)
    for z in range(nz):
        for y in range(ny):
            for other in range(max(0, y - far), min(ny, y + far + 1)):
                added = np.float32((step * (other - y)) ** 2)
                if other == y:
                    continue
                for k in range(2):
                    for x in range(nx):
                        square = squares[k, z, other, x] + added
                        if square < new_squares[1, z, y, x]:
                            (
                                new_ids[0, z, y, x],
                                new_squares[0, z, y, x],
                                new_ids[1, z, y, x],
                                new_squares[1, z, y, x],
                            ) = _insert(
                                new_ids[0, z, y, x],
                                new_squares[0, z, y, x],
                                new_ids[1, z, y, x],
                                new_squares[1, z, y, x],
                                ids[k, z, other, x],
                                square,
                            )
    return new_ids, new_squares


@kernel
def _last_axis(
    seeds: np.ndarray,
    ids: np.ndarray,
    squares: np.ndarray,
    distances: np.ndarray,
    step: float,
    reach: float,
) -> None:
    """Compute distances (2, N, X) from ids and squares, looking outwards along each row as long as it can matter."""
    n, nx = seeds.shape
    far = min(nx - 1, int(reach / step))
    # The row with empty margins, so that every pixel can look equally far. Loops instead of slices, as they compile six
    # times faster.
    row_ids, row_squares = np.zeros((2, nx + 2 * far), np.int32), np.empty((2, nx + 2 * far), np.float32)
    row_squares[:] = INFINITE
    nearest, best = np.empty(nx, np.int32), np.empty((2, nx), np.float32)
    for y in range(n):
        for x in range(nx):
            nearest[x] = ids[0, y, x]
            for j in range(2):
                row_ids[j, far + x], row_squares[j, far + x] = ids[j, y, x], squares[j, y, x]
                # Outside the background it is less than any square: these pixels never change or ask for more.
                best[j, x] = squares[j, y, x] if seeds[y, x] == 0 else np.float32(-1)
        for k in range(1, far + 1):
            if not _more(best[0], best[1], step * k, reach):
                break
            added = np.float32((step * k) ** 2)
            for other in (slice(far - k, far - k + nx), slice(far + k, far + k + nx)):
                for j in range(2):
                    _look(row_ids[j, other], row_squares[j, other], added, nearest, best[0], best[1])
        for x in range(nx):
            distances[0, y, x] = np.sqrt(best[0, x]) if seeds[y, x] == 0 else INFINITE
            distances[1, y, x] = np.sqrt(best[1, x]) if seeds[y, x] == 0 else INFINITE


@kernel
def _more(square1: np.ndarray, square2: np.ndarray, away: float, reach: float) -> bool:
    """Return whether any pixel of a row can still gain from objects that are ``away`` along the row."""
    square = np.float32(away * away)
    # Beyond half the reach, only pixels whose nearest object is near enough to leave room for the second.
    largest = INFINITE if away <= reach / 2 else np.float32(max(0.0, reach - away) ** 2)
    wanted = 0
    for i in range(len(square1)):
        wanted |= (square < square2[i]) & (square1[i] <= largest)
    return wanted != 0


@kernel
def _look(
    ids: np.ndarray, squares: np.ndarray, added: np.float32, nearest: np.ndarray, best1: np.ndarray, best2: np.ndarray
) -> None:
    """Update a row of pixels with what others of the row know; only selections, so that it becomes vector code."""
    for i in range(len(nearest)):
        mine, first, second = nearest[i], best1[i], best2[i]
        square = squares[i] + added
        closer = square < first
        smaller = square if square < second else second
        pushed = first if closer else smaller
        best2[i] = second if ids[i] == mine else pushed
        nearest[i] = ids[i] if closer else mine
        best1[i] = square if closer else first
