"""What painted objects are like, as a model finds them, and which objects are left out because they are unlike them.

With classes, an object is a connected part of one class.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from napari_upaint.settings import ObjectSettings

# Smaller objects are left out (px) if nothing is known; else those below this share of the usual size. Both were chosen
# by measurement, see docs/choices.md.
_SMALLEST, _SMALLEST_SHARE = 20, 0.1
# Objects that the edge of an image cuts may be smaller by this factor.
_CUT_SHARE = 1 / 3
# If the painted objects are spots, only objects below this share of their usual size are specks.
_SPECK_SHARE = 0.5
# Objects are left out if their score is below this share of the usual score, and of the lowest score of a painted
# object: nobody wants to paint an object and see it vanish.
_SURE_SHARE, _LOWEST_SHARE = 0.75, 0.95


@dataclass(frozen=True, slots=True)
class Usual:
    """What usual objects are like.

    Attributes
    ----------
    size : float
        Median size, px; 0: unknown.
    least_score : float
        Objects with a lower score, 0..1, are unlike them; 0: unknown. The score of an object is the mean of
        1 - (score of background), with its doubtful surroundings; that of a part of a class, the mean for its class.
    """

    size: float = 0.0
    least_score: float = 0.0


UNKNOWN = Usual()


def in_volumes(usual: Usual, apart: float) -> Usual:
    """Return what is usual in voxels of a volume, such that `smallest_object` returns a thirtieth of the true size.

    In planes it is a tenth: both are a third of the diameter.

    Parameters
    ----------
    usual : Usual
        With its size as a volume in cubes of a pixel.
    apart : float
        Distance between slices, in pixels.
    """
    return replace(usual, size=usual.size * _SMALLEST_SHARE**0.5 / apart)


def of_slices(usual: Usual) -> Usual:
    """Return what is usual in the planes of a volume, given what is in its voxels; see `in_volumes`."""
    return replace(usual, size=usual.size ** (2 / 3))


def of_volumes(usual: Usual, apart: float) -> Usual:
    """Return what is usual in voxels of a volume if objects were painted on planes, see `in_volumes`."""
    return in_volumes(replace(usual, size=usual.size**1.5), apart)


def smallest_object(settings: ObjectSettings, usual: Usual, shrunk: float = 1.0, *, cut: bool = False) -> int:
    """Return below how many pixels objects are left out: as the settings say, or by the usual size.

    Settings and usual size are in pixels of the image, the result in pixels of an image that is `shrunk` times smaller.
    `cut` is for objects that the edge of the image cuts.
    """
    share = _SMALLEST_SHARE * (_CUT_SHARE if cut else 1)
    return _pixels(settings, max(_speck(usual), round(share * usual.size)), shrunk)


def smallest_part(settings: ObjectSettings, usual: Usual, shrunk: float = 1.0) -> int:
    """Return below how many pixels parts of a class are left out, however sure the model is; see `smallest_object`."""
    return _pixels(settings, _speck(usual), shrunk)


def _pixels(settings: ObjectSettings, known: int, shrunk: float) -> int:
    return round((settings.smallest if settings.smallest >= 0 else known) / shrunk**2)


def _speck(usual: Usual) -> int:
    """Return below how many pixels something is a speck: the same in all images, unless small objects were painted."""
    return min(_SMALLEST, round(_SPECK_SHARE * usual.size)) if usual.size else _SMALLEST


def least_score(settings: ObjectSettings, usual: Usual) -> float:
    """Return below which score objects are left out: as the settings say, or as `usual` does; 0: none are."""
    return settings.least_sure / 100 if settings.least_sure >= 0 else usual.least_score


def mean_scores(highest: int, parts: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return the mean score of each label, float64, (highest label + 1,); 0 for missing labels.

    Parameters
    ----------
    highest : int
        Highest label.
    parts : iterable of (numpy.ndarray, numpy.ndarray)
        The image band by band: labels of objects, 0 background, and the scores of the pixels.
    """
    total, counts = np.zeros(highest + 1), np.zeros(highest + 1, np.intp)
    for labels, scores in parts:
        flat = labels.ravel()
        np.add.at(total, flat, scores.ravel().astype(np.float64))  # pixel by pixel: the same for any bands
        some = np.bincount(flat)
        counts[: len(some)] += some
    return total / np.maximum(1, counts)


def usual_object(
    labels: np.ndarray, means: np.ndarray, painted: np.ndarray, strokes: np.ndarray | None = None
) -> Usual:
    """Return what painted objects are like, as they were found; `UNKNOWN` if none were.

    Specks and doubtful objects that a model finds beside them are seldom painted, so this tells them apart. If the
    painted objects themselves are small, each counts as at least as large as the paint on it.

    Parameters
    ----------
    labels : numpy.ndarray
        Objects found, ([Z,] Y, X), 0 background.
    means : numpy.ndarray
        Score of each label, (highest label + 1,).
    painted : numpy.ndarray
        Integers, shape of `labels`: above 0 the painted object.
    strokes : numpy.ndarray or None
        `painted` including paint where something else was found; None: `painted` holds all paint.
    """
    where = (painted > 0) & (labels > 0)
    pairs, counts = np.unique(np.stack([painted[where], labels[where]]), axis=1, return_counts=True)
    most: dict[int, int] = {}
    # For each painted object, the found one that holds most of its paint.
    for index in np.argsort(counts, kind="stable"):
        most[int(pairs[0, index])] = int(pairs[1, index])
    if not most:
        return UNKNOWN
    found = sorted(set(most.values()))
    sizes, sure = np.bincount(labels.ravel()), means[found]
    size = float(np.median(sizes[found]))
    if size < _SMALLEST / _SPECK_SHARE:  # spots, or splinters of larger objects
        paint = np.bincount(painted[painted > 0] if strokes is None else strokes[strokes > 0])
        for number, label in most.items():
            sizes[label] = max(sizes[label], paint[number])
        size = min(float(np.median(sizes[found])), _SMALLEST / _SPECK_SHARE)
    least = min(_SURE_SHARE * np.median(sure), _LOWEST_SHARE * sure.min())
    return Usual(size, float(least))


def usual_of_found(sizes: np.ndarray, sure: np.ndarray) -> Usual:
    """Return what most found objects are like in an image without paint: most by area, since specks are many.

    Parameters
    ----------
    sizes, sure : numpy.ndarray
        Size of each object, px, and its score, (N,), N > 0.
    """
    size, score = (float(values[_middle(values, sizes)]) for values in (sizes, sure))
    return Usual(size, _SURE_SHARE * score)


def _middle(values: np.ndarray, weights: np.ndarray) -> int:
    """Return the index of the weighted median."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return int(order[np.searchsorted(reached, reached[-1] / 2)])
