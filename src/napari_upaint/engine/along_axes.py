"""Volumes seen by networks of planes: their planes along all three axes are predicted, and averaged.

Of what a slice shows badly, the upper end of a cell for instance, a plane across the slices shows the middle. (Each
voxel seen in three planes: Prasoon et al. 2013, doi 10.1007/978-3-642-40763-5_31; as here also Stringer et al. 2021.)
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace

import numpy as np

from napari_upaint.core.uncertainty import Spread
from napari_upaint.engine.progress import PredictProgress, Stop

# Slices further apart than so many pixels are drawn out no longer: there is nothing between them.
_MOST_APART = 6.0

PredictPlane = Callable[[np.ndarray, tuple[int, ...]], Generator[PredictProgress, Stop | None, np.ndarray | None]]


def slices_apart(spacing: tuple[float, ...] | None) -> float:
    """Return how many pixels the slices of a volume lie apart, by the size of its voxels, (Z, Y, X); unknown: 1."""
    return 1.0 if spacing is None else spacing[0] / float(np.sqrt(spacing[1] * spacing[2]))


def predict_along_axes(
    image: np.ndarray, scale: float, apart: float, predict: PredictPlane
) -> Generator[PredictProgress, Stop | None, tuple[np.ndarray, np.ndarray] | None]:
    """Predict a volume plane by plane along each axis; None where stopped.

    Parameters
    ----------
    image : numpy.ndarray
        Normalised, (C, Z, Y, X).
    scale : float
        Of Y and X; along Z it is as much as makes voxels cubes.
    apart : float
        See `slices_apart`.
    predict : callable
        Given a plane, (C, n, m), and its shape at the network's scale, predicts its scores, (K, n, m).

    Returns
    -------
    tuple of numpy.ndarray or None
        The mean scores, float32, (K, Z, Y, X), and how far the three are apart, float16, (Z, Y, X).
    """
    shape = image.shape[1:]
    factors = scale * min(apart, _MOST_APART), scale, scale
    small = [max(1, round(n * factor)) for n, factor in zip(shape, factors, strict=True)]
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
    """Predict a plane; its progress is that of one plane of so many."""
    try:
        state = next(predicting)
        while True:
            told = yield replace(state, done=done * state.total + state.done, total=total * state.total)
            state = predicting.send(told)
    except StopIteration as end:
        result: np.ndarray | None = end.value
        return result
