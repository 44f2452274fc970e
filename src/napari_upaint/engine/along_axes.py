"""Volumes seen by 2D networks: their planes along all three axes are predicted, and the scores averaged.

What a slice shows badly, the upper end of a cell for instance, is seen through its middle by a plane across the slices.
(Each voxel seen in three planes: Prasoon et al. 2013, doi 10.1007/978-3-642-40763-5_31; as here: Stringer et al. 2021.)
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace

import numpy as np

from napari_upaint.core.resize import scaled_shape
from napari_upaint.core.uncertainty import Spread
from napari_upaint.engine.progress import PredictProgress, Stop

PredictPlane = Callable[[np.ndarray, tuple[int, ...]], Generator[PredictProgress, Stop | None, np.ndarray | None]]


def predict_along_axes(
    image: np.ndarray, scale: float, spacing: tuple[float, ...] | None, predict: PredictPlane
) -> Generator[PredictProgress, Stop | None, tuple[np.ndarray, np.ndarray] | None]:
    """Predict a volume plane by plane along each axis; return None if stopped.

    Parameters
    ----------
    image : numpy.ndarray
        Normalised, (C, Z, Y, X).
    scale : float
        Of Y and X; along Z it is chosen such that voxels become cubes.
    spacing : tuple of float or None
        Size of a voxel, (Z, Y, X); None: voxels are cubes.
    predict : callable
        Given a plane, (C, n, m), and its shape at the network's scale, predicts its scores, (K, n, m).

    Returns
    -------
    tuple of numpy.ndarray or None
        The mean scores, float32, (K, Z, Y, X), and how far the three predictions differ, float16, (Z, Y, X).
    """
    shape = image.shape[1:]
    small = scaled_shape(shape, scale, spacing or (1.0, 1.0, 1.0))
    spread: Spread | None = None
    done, total = 0, sum(shape)
    for axis in range(3):
        plane_shape = tuple(n for other, n in enumerate(small) if other != axis)
        for number, plane in enumerate(np.moveaxis(image, axis + 1, 0)):
            scores = yield from _told(predict(plane, plane_shape), done, total)
            if scores is None:
                return None
            done += 1
            spread = spread or Spread((len(scores), *shape))
            spread.add(scores, axis + 1, (*(slice(None),) * (axis + 1), number))
    assert spread is not None
    return spread.mean, spread.value(3).astype(np.float16)


def _told(
    predicting: Generator[PredictProgress, Stop | None, np.ndarray | None], done: int, total: int
) -> Generator[PredictProgress, Stop | None, np.ndarray | None]:
    """Predict a plane, and yield the progress of the whole volume: `done` of `total` planes are done already."""
    try:
        state = next(predicting)
        while True:
            told = yield replace(state, done=done * state.total + state.done, total=total * state.total)
            state = predicting.send(told)
    except StopIteration as end:
        result: np.ndarray | None = end.value
        return result
