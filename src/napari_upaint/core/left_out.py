"""Which objects that a model finds are left out of a result, because they are unlike the painted ones."""

from __future__ import annotations

import numpy as np

from napari_upaint.core.objects import are_kept, label_scores, with_surroundings
from napari_upaint.core.usual_object import Usual
from napari_upaint.settings import ObjectSettings


def left_out(scores: np.ndarray, painted: np.ndarray, *, border: bool, usual: Usual, shrunk: float = 1.0) -> np.ndarray:
    """Return where objects are found that are left out by default and hold no paint, with their doubtful surroundings.

    Parameters
    ----------
    scores : numpy.ndarray
        (K, [Z,] Y, X), as for `label_scores`.
    painted : numpy.ndarray
        Integers, ([Z,] Y, X): above 0 the painted object.
    border : bool
        Whether the last score is that of the border.
    usual : Usual
        What the painted objects are like.
    shrunk : float
        How many times smaller than the image the scores are; `usual` is in pixels of the image.

    Returns
    -------
    numpy.ndarray
        bool, ([Z,] Y, X).
    """
    everything, usually = ObjectSettings(smallest=0, least_sure=0), ObjectSettings()
    found = label_scores(scores, kind="objects", border=border, settings=everything)
    unlike = ~are_kept(found, scores[0], usually, usual, shrunk)
    unlike[found[painted > 0]] = unlike[0] = False
    where = np.empty(found.shape, bool)
    for band, objects, _ in with_surroundings(found, scores[0], usually.threshold, shrunk):
        where[band] = unlike[objects]
    return where
