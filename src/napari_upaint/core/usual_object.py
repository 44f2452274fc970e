"""What painted objects are like, as a model finds them, and what is left out because it is unlike them.

Of classes an object is a connected part of one class.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from napari_upaint.settings import ObjectSettings

# Smaller objects are left out where nothing is known; else below this share of the usual size. Both shares were chosen
# by measurement, see docs/choices.md.
_SMALLEST, _SMALLEST_SHARE = 20, 0.1
# What the edge of an image cuts may be smaller by this factor.
_CUT_SHARE = 1 / 3
# Who paints spots paints specks: there it is this share of the usual size that is the least.
_SPECK_SHARE = 0.5
# Less sure objects are left out below this share of the usual score, and of the lowest one that was painted: nobody
# wants to paint an object and see it vanish.
_SURE_SHARE, _LOWEST_SHARE = 0.75, 0.95


@dataclass(frozen=True, slots=True)
class Usual:
    """An object as usual.

    Attributes
    ----------
    size : float
        Median size, px; 0: unknown.
    least_score : float
        Objects below this score, 0..1, are unlike it; 0: unknown. Of objects it is the mean score of being no
        background, doubtful surroundings counted in; of parts of a class that of their class.
    """

    size: float = 0.0
    least_score: float = 0.0


UNKNOWN = Usual()


def in_volumes(usual: Usual, apart: float) -> Usual:
    """Return what is usual in voxels of a volume, such that `smallest_object` leaves out a thirtieth of it.

    In planes it is a tenth: a third of the diameter either way.

    Parameters
    ----------
    usual : Usual
        Of which the size is a volume in cubes of a pixel.
    apart : float
        How many pixels the slices lie apart.
    """
    return replace(usual, size=usual.size * _SMALLEST_SHARE**0.5 / apart)


def of_volumes(usual: Usual, apart: float) -> Usual:
    """Return what is usual in voxels of a volume of objects of which planes were painted, see `in_volumes`."""
    return in_volumes(replace(usual, size=usual.size**1.5), apart)


def smallest_object(settings: ObjectSettings, usual: Usual, shrunk: float = 1.0, *, cut: bool = False) -> int:
    """Return below how many pixels objects are left out: as the settings say, or by the usual size.

    Both are in pixels of the image; what is returned is in those of one that is `shrunk` times smaller. `cut`: for
    objects that the edge of the image cuts.
    """
    share = _SMALLEST_SHARE * (_CUT_SHARE if cut else 1)
    return _pixels(settings, max(_speck(usual), round(share * usual.size)), shrunk)


def smallest_part(settings: ObjectSettings, usual: Usual, shrunk: float = 1.0) -> int:
    """Return below how many pixels parts of a class are left out however sure a model is; see `smallest_object`."""
    return _pixels(settings, _speck(usual), shrunk)


def _pixels(settings: ObjectSettings, known: int, shrunk: float) -> int:
    return round((settings.smallest if settings.smallest >= 0 else known) / shrunk**2)


def _speck(usual: Usual) -> int:
    """Return below how many pixels something is a speck in any image, unless such were painted."""
    return min(_SMALLEST, round(_SPECK_SHARE * usual.size)) if usual.size else _SMALLEST


def least_score(settings: ObjectSettings, usual: Usual) -> float:
    """Return below which score objects are left out: as the settings say, or as usual; 0: none are."""
    return settings.least_sure / 100 if settings.least_sure >= 0 else usual.least_score


def mean_scores(highest: int, parts: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return each label's mean score, float64, (highest label + 1,); of missing ones 0.

    Parameters
    ----------
    highest : int
        Label.
    parts : iterable of (numpy.ndarray, numpy.ndarray)
        The image band by band: labels of objects, 0 background, and the scores of belonging to them.
    """
    total, counts = np.zeros(highest + 1), np.zeros(highest + 1, np.intp)
    for labels, scores in parts:
        flat = labels.ravel()
        np.add.at(total, flat, scores.ravel().astype(np.float64))  # pixel after pixel, whatever the bands
        some = np.bincount(flat)
        counts[: len(some)] += some
    return total / np.maximum(1, counts)


def usual_object(
    labels: np.ndarray, means: np.ndarray, painted: np.ndarray, strokes: np.ndarray | None = None
) -> Usual:
    """Return what the objects that were painted are like, as they were found; `UNKNOWN` where none was.

    Specks and doubtful objects that a model finds beside them are seldom painted: this tells one from the other. Of
    specks it matters whether they are objects: none is smaller than what is painted of it.

    Parameters
    ----------
    labels : numpy.ndarray
        Objects found, ([Z,] Y, X), 0 background.
    means : numpy.ndarray
        Score of each label, (highest label + 1,).
    painted : numpy.ndarray
        Integers, shape of `labels`: above 0 painted as that object.
    strokes : numpy.ndarray or None
        `painted` with the paint, too, that lies on what cannot be that object; None: there is none.
    """
    where = (painted > 0) & (labels > 0)
    pairs, counts = np.unique(np.stack([painted[where], labels[where]]), axis=1, return_counts=True)
    most: dict[int, int] = {}
    for index in np.argsort(counts):  # of each painted object the one found that holds most of its paint
        most[int(pairs[0, index])] = int(pairs[1, index])
    if not most:
        return UNKNOWN
    found = sorted(set(most.values()))
    sizes, sure = np.bincount(labels.ravel()), means[found]
    size = float(np.median(sizes[found]))
    if size < _SMALLEST / _SPECK_SHARE:  # spots, or splinters of what is larger
        paint = np.bincount(painted[painted > 0] if strokes is None else strokes[strokes > 0])
        for number, label in most.items():
            sizes[label] = max(sizes[label], paint[number])
        size = min(float(np.median(sizes[found])), _SMALLEST / _SPECK_SHARE)
    least = min(_SURE_SHARE * np.median(sure), _LOWEST_SHARE * sure.min())
    return Usual(size, float(least))


def usual_of_found(sizes: np.ndarray, sure: np.ndarray) -> Usual:
    """Return what most of what was found is like, where nobody painted: most by area, since specks are many.

    Parameters
    ----------
    sizes, sure : numpy.ndarray
        Size of each object, px, and its score, (N,), N > 0.
    """
    size, score = (float(values[_middle(values, sizes)]) for values in (sizes, sure))
    return Usual(size, _SURE_SHARE * score)


def _middle(values: np.ndarray, weights: np.ndarray) -> int:
    """Return where the weighted median is."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return int(order[np.searchsorted(reached, reached[-1] / 2)])
