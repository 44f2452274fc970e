"""Labels as a picture: insides and outlines, so that touching objects of the same colour can be told apart."""

from __future__ import annotations

import numpy as np

from napari_upaint.core.boxes import neighbours
from napari_upaint.settings import Kind

_MOST_CLASSES = 127  # insides and outlines together fit into a byte


def outlined(labels: np.ndarray, kind: Kind, classes: int) -> np.ndarray:
    """Return a picture of labels that distinguishes the insides of objects from their outlines.

    Parameters
    ----------
    labels : numpy.ndarray
        Integers, (Y, X): objects 1.. or classes 1.., 0 background.
    kind : {"objects", "classes"}
        All objects are one class.
    classes : int
        Number of classes, n.

    Returns
    -------
    numpy.ndarray
        uint8, (Y, X): 0 background, k inside class k, n + k on the outline of an object or area of class k. An outline
        is one pixel wide and lies inside; the edge of the image is not an outline.
    """
    n = min(classes, _MOST_CLASSES)
    edge = np.zeros(labels.shape, bool)
    for ahead, behind in neighbours(labels.ndim):
        differs = labels[ahead] != labels[behind]
        edge[ahead] |= differs
        edge[behind] |= differs
    inside = labels > 0 if kind == "objects" else np.minimum(labels, n)
    picture = inside.astype(np.uint8)
    picture[edge & (picture > 0)] += n
    return picture
