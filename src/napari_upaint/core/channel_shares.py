"""How to mix colours or channels for a network that only knows gray images, so that the paint stands out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from napari_upaint.core.labels import UNLABELLED, as_classes
from napari_upaint.core.regions import learnt
from napari_upaint.core.sample import Sample
from napari_upaint.settings import Kind

# Share of the mixture that is always the mean of all channels: strokes do not show all that distinguishes objects.
_MEAN = 0.25
_MIXTURES = (0.25, 0.5, 0.75)  # of two channels
_BLUR = 1e-4  # least variance of every class, in squared gray values (of about 0..1)
_CLEAR = 6.25  # for two classes: five standard deviations apart
_PIECE = 32  # px: paint that is closer together looks alike anyway
_MOST = 100_000  # most painted pixels of an image that are used
_CHANCE = 25.0  # the largest F that counts as chance; for two classes: five standard errors apart


class _Paint(NamedTuple):
    """Painted pixels: gray values (C, N), classes (N,), and the pieces of strokes that they belong to, (N,)."""

    values: np.ndarray
    classes: np.ndarray
    pieces: np.ndarray


def channel_shares(samples: Sequence[Sample], kind: Kind) -> tuple[float, ...]:
    """Return the share of each channel in a mixture in which painted classes differ most from each other.

    Each channel, each pair, and the mean of all are compared by Fisher's criterion (Fisher 1936): the variance of the
    class means divided by the mean of the class variances. The best makes up three quarters of the mixture, the mean of
    all channels the rest. The mean alone is kept if it shows the classes clearly apart, or if the strokes are too few
    to tell a difference from chance.

    Parameters
    ----------
    samples : sequence of Sample
        All have the same number of channels; together they have painted background and something else.
    kind : {"objects", "classes"}
        Objects are one class here.

    Returns
    -------
    tuple of float
        One share per channel, 0..1; they sum to 1.
    """
    paint = _painted(samples, kind)
    count = len(paint.values)
    mixtures = _mixtures(count)
    value = np.minimum(_apart(paint, mixtures), _CLEAR)
    value[1:] *= _significance(paint, mixtures)[1:] > _CHANCE
    best = mixtures[int(np.argmax(value))]  # if several are equal, the first: the mean
    return tuple(float(share) for share in _MEAN / count + (1 - _MEAN) * best)


def _painted(samples: Sequence[Sample], kind: Kind) -> _Paint:
    values, classes, places = [], [], []
    for number, sample in enumerate(samples):
        annotation = learnt(sample.annotation, sample.validation)
        painted = np.flatnonzero(annotation > UNLABELLED)
        where = np.unravel_index(painted[:: 1 + len(painted) // _MOST], annotation.shape)
        gray = sample.normalization.apply(np.stack([channel[where] for channel in sample.image]))
        values.append(gray.astype(np.float64))
        classes.append(as_classes(annotation[where], kind).astype(np.int64))
        squares = [along // _PIECE for along in where]
        places.append(np.column_stack([np.full(len(classes[-1]), number), classes[-1], *squares]))
    pieces = np.unique(np.concatenate(places), axis=0, return_inverse=True)[1]
    return _Paint(np.concatenate(values, 1), np.concatenate(classes), pieces.ravel())


def _mixtures(count: int) -> np.ndarray:
    """Return the mixtures to compare, (M, C): the mean of all, then each channel, then pairs."""
    single = np.eye(count)
    two = combinations(single, 2)
    pairs = [share * one + (1 - share) * other for one, other in two for share in _MIXTURES]
    return np.stack([np.full(count, 1 / count), *single, *pairs])


def _apart(paint: _Paint, mixtures: np.ndarray) -> np.ndarray:
    """Return Fisher's criterion of each mixture, (M,)."""
    groups = [paint.values[:, paint.classes == one] for one in np.unique(paint.classes)]
    between = np.var([mixtures @ group.mean(1) for group in groups], axis=0)
    within = np.mean([np.atleast_2d(np.cov(group, bias=True)) for group in groups], axis=0)
    blur = ((mixtures @ within) * mixtures).sum(1)
    return np.asarray(between / (blur + _BLUR))


def _significance(paint: _Paint, mixtures: np.ndarray) -> np.ndarray:
    """Return the F of an analysis of variance for each mixture, (M,): a piece of a stroke is one observation."""
    sizes = np.bincount(paint.pieces)
    sums = np.stack([np.bincount(paint.pieces, channel) for channel in paint.values])
    means = mixtures @ (sums / sizes)
    classes = np.zeros(len(sizes), np.int64)
    classes[paint.pieces] = paint.classes
    groups = [means[:, classes == one] for one in np.unique(classes)]
    free = len(sizes) - len(groups)
    if free < 1:
        return np.zeros(len(mixtures))
    overall = means.mean(1)
    between = sum(group.shape[1] * (group.mean(1) - overall) ** 2 for group in groups) / (len(groups) - 1)
    within = sum(group.shape[1] * group.var(1) for group in groups) / free
    return np.asarray(between / np.maximum(within, np.finfo(float).tiny))
