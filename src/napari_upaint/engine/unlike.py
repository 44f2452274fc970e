"""Hold a network to background where it finds objects that are unlike the painted ones."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence

import numpy as np

from napari_upaint.core.left_out import left_out
from napari_upaint.core.usual_object import UNKNOWN
from napari_upaint.engine.predict import predict_scores
from napari_upaint.engine.preparing import Prepared
from napari_upaint.engine.prior import shifted
from napari_upaint.engine.telling import telling
from napari_upaint.engine.unet import UNet
from napari_upaint.engine.usual import most_painted, usual_of

# How many times the odds of background rise there, and how large it has to be, as a share of all other objects; chosen
# by measurement, see docs/choices.md. What little is left out elsewhere may be true objects as well as not.
_TIMES, _MUCH = 5, 0.25


def without_unlike(
    held: Sequence[np.ndarray], network: UNet, prepared: Sequence[Prepared], *, border: bool, scale: float
) -> Generator[str, None, list[np.ndarray]]:
    """Return scores with more background in objects that would be left out of a result: nobody wants them.

    Where many things that are no objects look a little like them, the first answer is unsure, and held to it a network
    stays unsure. Half-way, the network itself knows better which of them are unlike what was painted. Yields a
    description of what it does every second or so.

    Parameters
    ----------
    held : sequence of numpy.ndarray
        What unlabelled pixels are taken for so far: (K, Y, X), one for each prepared sample.
    network : UNet
        Has learnt for some time; in evaluation mode.
    prepared : sequence of Prepared
        Planes, at the network's scale.
    border : bool
        Whether the network's last output is the border between objects.
    scale : float
        At which the network sees the images.
    """
    words, seen, result = "looking for objects unlike the painted ones", [], list(held)
    for view in most_painted(prepared):
        scores = yield from telling(words, predict_scores(network, view.image, 1.0))
        assert scores is not None  # it is never stopped
        seen.append((view, scores))
        yield words
    usual = usual_of(seen, prepared, kind="objects", border=border, scale=scale)
    if usual == UNKNOWN:
        return result
    unlike = [left_out(scores, one.painted, border=border, usual=usual, shrunk=1 / scale) for one, scores in seen]
    others = sum(int(((scores[0] < 0.5) & ~where).sum()) for (_, scores), where in zip(seen, unlike, strict=True))
    if sum(int(where.sum()) for where in unlike) < _MUCH * others:
        return result
    for number in {view.number for view, _ in seen}:
        result[number] = result[number].copy()
    for (view, _), where in zip(seen, unlike, strict=True):
        part = result[view.number][:, *view.part]
        part[:, where] = shifted(part[:, where], math.log(_TIMES))
    return result
