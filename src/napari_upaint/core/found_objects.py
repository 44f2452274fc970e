"""What a model finds in an image without paint: how sure it is of the objects, and what most of them are like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_upaint.core.objects import inside_scores, label_scores, sureness
from napari_upaint.core.usual_object import UNKNOWN, Usual, mean_scores, usual_of_found
from napari_upaint.settings import ObjectSettings


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The objects found in an image.

    Attributes
    ----------
    labels : numpy.ndarray
        int32, ([Z,] Y, X), 0 background; specks are left out.
    certainties : numpy.ndarray
        Mean score of each object, (N,).
    """

    labels: np.ndarray
    certainties: np.ndarray


def find_objects(scores: np.ndarray, *, border: bool) -> Found:
    """Find objects, and how sure a model is of each.

    Parameters
    ----------
    scores : numpy.ndarray
        Of a model for objects, (K, [Z,] Y, X), as for `core.objects.label_scores`.
    border : bool
        Whether the last of the scores is the border between objects.
    """
    labels = label_scores(scores, kind="objects", border=border, settings=ObjectSettings())
    inside = inside_scores(scores, border).sum(0, dtype=np.float32)
    return Found(labels, mean_scores(int(labels.max(initial=0)), [(labels, inside)])[1:])


def agreement(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """Return the IoU of the foregrounds of two labellings of the same images; 0 if neither finds any object.

    Parameters
    ----------
    pairs : sequence of tuple of numpy.ndarray
        Both labels of each image, of the same shape, 0 background.
    """
    both = sum(int(((a > 0) & (b > 0)).sum()) for a, b in pairs)
    either = sum(int(((a > 0) | (b > 0)).sum()) for a, b in pairs)
    return both / either if either else 0.0


def usual_found(images: Sequence[tuple[np.ndarray, np.ndarray]]) -> Usual:
    """Return what most of the found objects are like; `UNKNOWN` if there are none.

    Parameters
    ----------
    images : sequence of tuple of numpy.ndarray
        For each image the labels of objects, ([Z,] Y, X), and the scores they were made from, (K, [Z,] Y, X).
    """
    sizes = [np.bincount(labels.ravel())[1:] for labels, _ in images]
    sure = [sureness(labels, scores[0], ObjectSettings().threshold, 1.0)[1:] for labels, scores in images]
    return usual_of_found(np.concatenate(sizes), np.concatenate(sure)) if any(map(len, sizes)) else UNKNOWN
