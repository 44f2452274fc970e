"""How a model that has not learnt from paint sees an image: at which scale, and what the objects in it are like.

A network knows objects of some tens of pixels, whatever an image shows. If there is paint, it tells the scale (see
`engine/scale.py`). If there is none, the network's own certainty does: at a wrong scale it is unsure of what it finds,
and finds something else at the next one.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from napari_upaint.core.found_objects import Found, agreement, find_objects, usual_found
from napari_upaint.core.resize import drawn_out, scaled_shape
from napari_upaint.core.telling_windows import SCALES
from napari_upaint.core.usual_object import UNKNOWN
from napari_upaint.engine.device import choose
from napari_upaint.engine.predict import cached_network, predict_mean
from napari_upaint.engine.progress import PredictProgress, Sight, Stop
from napari_upaint.engine.unet import UNet
from napari_upaint.io.models import ModelFile
from napari_upaint.settings import PredictSettings

_FIRST = (0.5, 0.7, 1.0)
# px: smaller images tell nothing.
_LEAST_EDGE = 24
# Weight of finding the same at the neighbouring scales, compared with certainty.
_AGREEMENT = 0.4


class _Look(NamedTuple):
    """What is found at a scale in each window, and the scores there."""

    scores: list[np.ndarray]
    found: list[Found]

    @property
    def certainty(self) -> float:
        """The mean certainty of the network over all objects; 0 without any."""
        every = np.concatenate([one.certainties for one in self.found])
        return float(every.mean()) if len(every) else 0.0


def look(
    windows: Sequence[np.ndarray],
    model: ModelFile,
    settings: PredictSettings,
    device: str = "auto",
    spacing: tuple[float, ...] | None = None,
) -> Generator[PredictProgress, Stop | None, Sight | None]:
    """Find how a model sees an image; return None if stopped.

    A model that has learnt from paint knows it already, and a scale in the settings is kept.

    Parameters
    ----------
    windows : sequence of numpy.ndarray
        Parts of the image, normalised, (C, [Z,] Y, X), at least one; not needed if the model knows.
    model : ModelFile
    settings : PredictSettings
    device : str
        "auto", "cpu", "cuda", ...
    spacing : tuple of float or None
        Of volumes: size of a voxel, (Z, Y, X).
    """
    header = model.header
    known = Sight(settings.scale or header.scale, header.usual_object)
    if not header.sees_any_size:
        return known
    ndim, border = header.architecture.ndim, header.border
    network = cached_network(model, len(windows[0]), str(choose(device, ndim)))
    scales = (settings.scale,) if settings.scale else _possible(windows, ndim)
    looks: dict[float, _Look] = {}
    todo = [scale for scale in _FIRST if scale in scales] or list(scales[-1:])
    while todo:
        for scale in todo:
            seen = yield from _look(network, windows, scale, spacing, border)
            if seen is None:
                return None
            looks[scale] = seen
        best = max(sorted(looks), key=partial(_assurance, looks))
        at = scales.index(best)
        todo = [scale for scale in scales[max(0, at - 1) : at + 2] if scale not in looks]
    seen = looks[best]
    usual = usual_found([(one.labels, scores) for one, scores in zip(seen.found, seen.scores, strict=True)])
    if usual == UNKNOWN:
        return known
    return Sight(best, replace(usual, size=usual.size * (drawn_out(spacing) if ndim == 3 else 1)))


def _possible(windows: Sequence[np.ndarray], ndim: int) -> tuple[float, ...]:
    """Return the scales at which enough of the windows is left to be seen, in ascending order."""
    edge = min(min(window.shape[-2:]) for window in windows)
    return tuple(scale for scale in SCALES[ndim] if edge * scale >= _LEAST_EDGE) or (1.0,)


def _look(
    network: UNet, windows: Sequence[np.ndarray], scale: float, spacing: tuple[float, ...] | None, border: bool
) -> Generator[PredictProgress, Stop | None, _Look | None]:
    scores: list[np.ndarray] = []
    for window in windows:
        shape = scaled_shape(window.shape[1:], scale, spacing)
        one = yield from predict_mean(network, window, shape)
        if one is None:
            return None
        scores.append(one)
    return _Look(scores, [find_objects(one, border=border) for one in scores])


def _assurance(looks: Mapping[float, _Look], scale: float) -> float:
    """Rate a scale by the certainty of what is found there and its agreement with the neighbouring scales."""
    known = sorted(looks)
    at = known.index(scale)
    beside = [
        agreement([(a.labels, b.labels) for a, b in zip(looks[scale].found, looks[other].found, strict=True)])
        for other in known[max(0, at - 1) : at + 2]
        if other != scale
    ]
    return looks[scale].certainty + _AGREEMENT * float(np.mean(beside) if beside else 0.0)
