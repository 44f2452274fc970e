"""Turn scores into labels: threshold, components, small objects, holes, splitting of touching objects."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from napari_upaint.core.bands import bands, replaced, sizes
from napari_upaint.core.boxes import neighbours
from napari_upaint.core.splitting import split
from napari_upaint.core.usual_object import (
    UNKNOWN,
    Usual,
    least_score,
    mean_scores,
    smallest_object,
    smallest_part,
    usual_object,
)
from napari_upaint.settings import Kind, ObjectSettings

# Borders take about this width from each object, px; objects grow back over them.
_BORDER = 2
# How sure a model is of an object also shows around it: false objects often fade out where true ones have an edge. So
# pixels within this distance (px) count if their score is at least this share of the threshold.
_AROUND, _DOUBTFUL = 8, 0.6


def label_scores(
    scores: np.ndarray,
    *,
    kind: Kind,
    border: bool,
    settings: ObjectSettings,
    usual: Usual = UNKNOWN,
    shrunk: float = 1.0,
) -> np.ndarray:
    """Turn scores into labels.

    Parameters
    ----------
    scores : numpy.ndarray
        Softmax output, (K, [Z,] Y, X): background, classes, and the border last if `border`.
    kind : {"objects", "classes"}
    border : bool
    settings : ObjectSettings
    usual : Usual
        What usual objects are like; decides which objects are left out, unless the settings do.
    shrunk : float
        How many times smaller than the image the scores are; sizes are given in pixels of the image.

    Returns
    -------
    numpy.ndarray
        int32, ([Z,] Y, X): objects 1.. in order of their first pixel, or classes 1.., 0 background.
    """
    if kind == "objects":
        labels = _objects(scores, border, settings)
        return _renumbered(labels, are_kept(labels, scores[0], settings, usual, shrunk))
    smallest, least = smallest_object(settings, usual, shrunk), least_score(settings, usual)
    best = _classes(scores, border, settings.threshold)
    parts = class_parts(best)
    counts = sizes(parts)
    # Regions may be of any size: one that is small compared with painted ones is left out only if doubtful or a speck.
    unlike = counts < smallest_part(settings, usual, shrunk)
    if least > 0:
        unlike |= (counts < smallest) & (_own_means(parts, scores, best) < least)
    _give_up(best, parts, unlike)
    return best


def are_kept(
    labels: np.ndarray, background: np.ndarray, settings: ObjectSettings, usual: Usual, shrunk: float
) -> np.ndarray:
    """Return which objects are not left out, bool, (highest label + 1,); see `label_scores` and `sureness`."""
    counts, at_edge = sizes(labels), _at_edge(labels)
    kept = counts >= max(1, smallest_object(settings, usual, shrunk))
    kept[at_edge] = counts[at_edge] >= max(1, smallest_object(settings, usual, shrunk, cut=True))
    least = least_score(settings, usual)
    if least > 0:
        kept &= sureness(labels, background, settings.threshold, shrunk) >= least
    return kept


def find_usual(scores: np.ndarray, painted: np.ndarray, *, kind: Kind, border: bool, shrunk: float = 1.0) -> Usual:
    """Return what the painted objects are like, as they are found in scores, see `usual_object`.

    Parameters
    ----------
    scores : numpy.ndarray
        (K, [Z,] Y, X), as for `label_scores`.
    painted : numpy.ndarray
        Integers, ([Z,] Y, X): above 0 the painted object or class.
    kind : {"objects", "classes"}
    border : bool
    shrunk : float
        How many times smaller than the image the scores are; the size that is returned is in pixels of `scores`.
    """
    everything = ObjectSettings(smallest=0, least_sure=0)
    if kind == "objects":
        labels = label_scores(scores, kind=kind, border=border, settings=everything)
        return usual_object(labels, sureness(labels, scores[0], everything.threshold, shrunk), painted)
    best = _classes(scores, border, everything.threshold)
    strokes, parts = class_parts(painted), class_parts(best)
    fitting = np.where(painted == best, strokes, 0)
    return usual_object(parts, _own_means(parts, scores, best), fitting, strokes)


def class_parts(classes: np.ndarray) -> np.ndarray:
    """Return the connected parts of every class, numbered from 1, class by class; int32, shape of `classes`.

    Parameters
    ----------
    classes : numpy.ndarray
        Integers, ([Z,] Y, X): small numbers from 1; 0 and below are not classes. The parts of paint are its strokes.
    """
    parts, count = np.zeros(classes.shape, np.int32), 0
    for value in range(1, int(classes.max(initial=0)) + 1):
        found, more = ndimage.label(classes == value)
        np.add(found, count, out=parts, where=found > 0, casting="same_kind")
        count += more
    return parts


def _classes(scores: np.ndarray, border: bool, threshold: float) -> np.ndarray:
    """Return the most likely class of each pixel, 0 background."""
    best = np.empty(scores.shape[1:], np.int32)
    for band in bands(best.shape):
        classes = np.asarray(inside_scores(scores, border)[:, band], np.float32)
        some = classes.argmax(0) + 1
        # All classes together against background: with many classes, no single one need reach the threshold.
        some[classes.sum(0) < threshold] = 0
        best[band] = some
    return best


def inside_scores(scores: np.ndarray, border: bool) -> np.ndarray:
    """Return the scores without background and border, (K - 1 or K - 2, [Z,] Y, X)."""
    return scores[1:-1] if border else scores[1:]


def _own_means(parts: np.ndarray, scores: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the mean score that each part of a class has for its class."""
    found = (
        (parts[band], np.take_along_axis(np.asarray(scores[:, band], np.float32), classes[None, band], axis=0)[0])
        for band in bands(parts.shape)
    )
    return mean_scores(int(parts.max(initial=0)), found)


def _give_up(classes: np.ndarray, parts: np.ndarray, unlike: np.ndarray) -> None:
    """Give unlike parts the class (or background) along most of their edge, in place; other such parts do not count."""
    unlike[0] = False
    given = replaced(unlike, parts)
    if not given.any():
        return
    kinds = int(classes.max(initial=0)) + 1
    votes = np.zeros(len(unlike) * kinds, np.intp)
    for ahead, behind in neighbours(classes.ndim):
        for of, beside in ((ahead, behind), (behind, ahead)):
            at = given[of] & ~given[beside]
            votes += np.bincount(parts[of][at] * np.intp(kinds) + classes[beside][at], minlength=len(votes))
    classes[given] = votes.reshape(-1, kinds).argmax(1)[parts[given]]


def _objects(scores: np.ndarray, border: bool, settings: ObjectSettings) -> np.ndarray:
    inside = np.empty(scores.shape[1:], bool)
    for band in bands(inside.shape):
        inside[band] = inside_scores(scores, border)[:, band].sum(0, dtype=np.float32) >= settings.threshold
    labels = ndimage.label(inside)[0].astype(np.int32, copy=False)
    if settings.split:
        labels = split(labels)
    if border:
        # Objects take back the border pixels beside them, but no background.
        for band, grown, _ in _grown(labels, scores[0], 1 - settings.threshold, _BORDER):
            labels[band] = grown
    if settings.fill_holes:
        _fill(labels)
    return labels


def _at_edge(labels: np.ndarray) -> np.ndarray:
    """Return the labels of the objects that the edge of the image cuts."""
    faces = (np.unique(np.take(labels, end, axis)) for axis in range(labels.ndim) for end in (0, -1))
    found = np.unique(np.concatenate(list(faces))) if labels.size else np.zeros(0, np.intp)
    return found[found > 0]


def sureness(labels: np.ndarray, background: np.ndarray, threshold: float, shrunk: float) -> np.ndarray:
    """Return the mean of 1 - (score of background) of each object, with its doubtful surroundings.

    Parameters
    ----------
    labels : numpy.ndarray
        Objects, ([Z,] Y, X), 0 background.
    background : numpy.ndarray
        Scores of background, ([Z,] Y, X).
    threshold : float
        Score that a pixel needs to count as object.
    shrunk : float
        How many times smaller than the image both arrays are.

    Returns
    -------
    numpy.ndarray
        float64, (highest label + 1,).
    """
    around = with_surroundings(labels, background, threshold, shrunk)
    return mean_scores(int(labels.max(initial=0)), ((grown, 1 - sure) for _, grown, sure in around))


def with_surroundings(
    labels: np.ndarray, background: np.ndarray, threshold: float, shrunk: float
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Yield for each band its slice, objects with their doubtful surroundings, and background; see `sureness`."""
    return _grown(labels, background, 1 - _DOUBTFUL * threshold, max(1, round(_AROUND / shrunk)))


def _grown(
    labels: np.ndarray, background: np.ndarray, most: float, pixels: int
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Grow objects by some pixels into places with less background than `most`; where two meet, the higher id wins.

    Yields for each band its slice, its labels and its background, float32. The caller may write these into `labels` at
    once. Growing neighbour by neighbour costs a tenth of a distance transform of the whole image.
    """
    above = labels[:0]  # the part of the band before that can grow into the next one
    for band in bands(labels.shape, 4 * pixels):
        grown = np.concatenate([above, labels[band.start : band.stop + pixels]])
        first = band.start - len(above)
        sure = np.asarray(background[first : band.stop + pixels], np.float32)
        own = slice(len(above), band.stop - first)
        above = grown[max(0, own.stop - pixels) : own.stop].copy()
        _grow(grown, sure < most, pixels)
        yield band, grown[own], sure[own]


def _grow(labels: np.ndarray, where: np.ndarray, pixels: int) -> None:
    for _ in range(pixels):
        before = labels.copy()
        free = where & (before == 0)
        for ahead, behind in neighbours(labels.ndim):
            for to, of in ((ahead, behind), (behind, ahead)):
                np.maximum(labels[to], before[of], out=labels[to], where=free[to])


def _fill(labels: np.ndarray) -> None:
    """Fill holes in objects, in place: background that a single object encloses; islands in it stay."""
    if labels.ndim == 3 and len(labels) == 1:  # a plane: everything in it reaches the ends of a volume
        labels = labels[0]
    holes, _ = ndimage.label(labels == 0)
    boxes = ndimage.find_objects(labels)
    for value, box in enumerate(ndimage.find_objects(holes), start=1):
        if any(side.start == 0 or side.stop == n for side, n in zip(box, labels.shape, strict=True)):
            continue  # open to the edge of the image
        hole = holes[box] == value
        outside = [id_ for id_ in _beside(labels, hole, box) if not _within(boxes[id_ - 1], box)]
        if len(outside) == 1:
            labels[box][hole] = outside[0]


def _beside(labels: np.ndarray, hole: np.ndarray, box: tuple[slice, ...]) -> list[int]:
    """Return the objects at the edge of a hole, which does not reach the edge of the image."""
    found = []
    for axis, side in enumerate(box):
        for step in (-1, 1):
            moved = slice(side.start + step, side.stop + step)
            found.append(labels[(*box[:axis], moved, *box[axis + 1 :])][hole])
    # Neighbours that are not objects belong to the hole itself, so 0 is left out.
    return [id_ for id_ in np.unique(np.concatenate(found)).tolist() if id_]


def _within(inner: tuple[slice, ...], outer: tuple[slice, ...]) -> bool:
    return all(a.start > b.start and a.stop < b.stop for a, b in zip(inner, outer, strict=True))


def _renumbered(labels: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Leave out all objects but the kept ones (bool per label), and number these in order of their first pixel."""
    first, at = np.zeros(len(kept), np.intp), labels.size
    for band in reversed(bands(labels.shape)):
        flat = labels[band].ravel()
        first[flat[::-1]] = np.arange(at - len(flat), at)[::-1]  # the last one written stays: that of the first pixel
        at -= len(flat)
    objects = np.flatnonzero(kept)
    objects = objects[objects > 0]
    numbers = np.zeros(len(kept), np.int32)
    numbers[objects[np.argsort(first[objects])]] = np.arange(1, len(objects) + 1)
    return replaced(numbers, labels)
