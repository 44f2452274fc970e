"""Where napari draws layers: tilted ones (rotated or sheared out of their planes) as if they were not.

The axes in view and the axes of the sliders are transformed separately; terms that mix the two are left out. The unit
of the world is the smallest unit of all layers. Main thread only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.viewer import Viewer


def shows_planes(viewer: Viewer) -> bool:
    """Return whether the canvas shows planes as they are learnt from and segmented: those of the last two axes."""
    dims = viewer.dims
    return dims.ndisplay == 2 and sorted(dims.displayed) == [dims.ndim - 2, dims.ndim - 1]


def axes_in_view(viewer: Viewer, layer: Any) -> list[int]:
    """Return the axes of a layer that the canvas shows."""
    first = viewer.dims.ndim - layer.ndim
    return [axis - first for axis in viewer.dims.displayed if axis >= first]


def unit_factors(viewer: Viewer, layer: Any) -> np.ndarray:
    """Return the units of a layer in units of the world, axis by axis; 1 where napari does not use them."""
    world = viewer.dims.units or ()
    if len(world) < layer.ndim:
        return np.ones(layer.ndim)
    pairs = zip(layer.units, world[-layer.ndim :], strict=True)
    return np.array([1.0 if mine == theirs else theirs.m_from(1 * mine) for mine, theirs in pairs])


def drawn_at(viewer: Viewer, layer: Any, at: Sequence[float], shown: Sequence[int]) -> np.ndarray:
    """Return where in the world a place of a layer (its index along each axis) is seen."""
    matrix, offset = _transform(viewer, layer)
    world, (seen, sliders) = np.asarray(at, float).copy(), _apart(layer, shown)
    back = np.linalg.inv(matrix)
    world[seen] = matrix[np.ix_(seen, seen)] @ world[seen] + offset[seen]
    # A stack that stands upright has no slider that leads through it: take the least squares solution.
    world[sliders] = np.linalg.lstsq(back[np.ix_(sliders, sliders)], world[sliders] + (back @ offset)[sliders])[0]
    return world


def seen_at(viewer: Viewer, layer: Any, world: Sequence[float], shown: Sequence[int]) -> np.ndarray:
    """Return the place of a layer (its index along each axis) that is seen at a place in the world."""
    matrix, offset = _transform(viewer, layer)
    at, (seen, sliders) = np.asarray(world, float)[-layer.ndim :].copy(), _apart(layer, shown)
    back = np.linalg.inv(matrix)
    at[seen] = np.linalg.lstsq(matrix[np.ix_(seen, seen)], at[seen] - offset[seen])[0]
    at[sliders] = back[np.ix_(sliders, sliders)] @ at[sliders] - (back @ offset)[sliders]
    return at


def lie_on_each_other(viewer: Viewer, one: Any, other: Any) -> bool:
    """Return whether two layers of the same shape lie at the same place, to within half a pixel."""
    (matrix, offset), (matrix_2, offset_2) = (_transform(viewer, layer) for layer in (one, other))
    length = np.ptp(np.asarray(one.extent.data), axis=0)
    apart = np.abs(matrix - matrix_2) @ length + np.abs(offset - offset_2)
    return bool((apart <= np.abs(matrix).sum(axis=1) / 2).all())


def _apart(layer: Any, shown: Sequence[int]) -> tuple[list[int], list[int]]:
    return list(shown), [axis for axis in range(layer.ndim) if axis not in shown]


def _transform(viewer: Viewer, layer: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrix and offset that take places of a layer to the world."""
    factors = unit_factors(viewer, layer)
    offset = np.asarray(layer.data_to_world(np.zeros(layer.ndim)), float)
    columns = [np.asarray(layer.data_to_world(axis), float) - offset for axis in np.eye(layer.ndim)]
    return factors[:, None] * np.stack(columns, axis=1), factors * offset
