"""What is known about painted pixels: what filters and the network see there, and what a classifier makes of it."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from napari_upaint.engine.pixel_classifier import QUICK, PixelClassifier
from napari_upaint.engine.predict import predict_scores
from napari_upaint.engine.progress import PredictProgress
from napari_upaint.engine.unet import UNet

_LEAST_SCORE = 1e-3
_ERROR = 0.05  # of a loss measured on few strokes: between two small losses there is no real difference


class Mixture(NamedTuple):
    """Network and classifier together.

    Attributes
    ----------
    share : float
        How much the classifier counts, 0..1: a lot if the network has never learnt this task.
    loss : float
        Mean loss on strokes that the classifier had not seen; each class counts the same and is taken as equally
        common.
    """

    share: float
    loss: float


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Painted pixels, and what is known about them.

    Attributes
    ----------
    features : numpy.ndarray
        float32, (N, F).
    classes : numpy.ndarray
        int64, (N,): the painted class, 0 for background.
    strokes : numpy.ndarray
        int, (N,): which stroke a pixel belongs to; pixels of one stroke look alike.
    known : numpy.ndarray
        float32, (N, K): scores of the network; background includes the border.
    """

    features: np.ndarray
    classes: np.ndarray
    strokes: np.ndarray
    known: np.ndarray

    @classmethod
    def gathered(cls, parts: Iterable[Evidence], most: int, seed: int) -> Evidence:
        """Join parts; a class with more than its share of `most` pixels loses some, at random."""
        parts = list(parts)
        joined = cls(*(np.concatenate([getattr(one, field.name) for one in parts]) for field in fields(cls)))
        rng, values = np.random.default_rng(seed), np.unique(joined.classes)
        each, kept = most // max(1, len(values)), []
        for value in values:
            places = np.flatnonzero(joined.classes == value)
            kept.append(places if len(places) <= each else rng.choice(places, each, replace=False))
        order = np.sort(np.concatenate(kept)) if kept else np.zeros(0, np.intp)
        return cls(*(getattr(joined, field.name)[order] for field in fields(cls)))

    def unseen(self, folds: int, seed: int) -> np.ndarray:
        """Return the scores, (N, K), of pixels by classifiers that have not seen their strokes."""
        count = self.known.shape[1]
        fold = np.zeros(int(self.strokes.max(initial=0)) + 1, int)
        for value in np.unique(self.classes):
            names, sizes = np.unique(self.strokes[self.classes == value], return_counts=True)
            fold[names[np.argsort(-sizes, kind="stable")]] = np.arange(len(names)) % folds
        here, everything = fold[self.strokes], len(np.unique(self.classes))
        # A classifier that has not seen all classes has no say: the scores stay equal.
        scores = np.full((len(self.classes), count), 1 / count, np.float32)
        for number in np.unique(here):
            seen = here != number
            if len(np.unique(self.classes[seen])) == everything:
                learnt = PixelClassifier(self.features[seen], self.classes[seen], count, seed, QUICK)
                scores[~seen] = learnt.scores(self.features[~seen])
        return scores

    def mixture(self, folds: int, seed: int) -> Mixture:
        """Mix the network with a classifier, and judge the mixture by strokes that the classifier has not seen."""
        unseen = self.unseen(folds, seed)
        share = self.share(unseen)
        return Mixture(share, self.loss(pooled(self.known, unseen, share, axis=1)))

    def loss(self, scores: np.ndarray) -> float:
        """Return the mean over classes of the mean of -log(score of the painted class); 0 if nothing is painted."""
        if not len(self.classes):
            return 0.0
        picked = np.clip(scores[np.arange(len(self.classes)), self.classes], _LEAST_SCORE, 1)
        return float(np.mean([-np.log(picked[self.classes == value]).mean() for value in np.unique(self.classes)]))

    def share(self, unseen: np.ndarray) -> float:
        """Return how much the classifier counts, 0..1, by how well it and the network do on unseen strokes."""
        network, classifier = ((self.loss(scores) + _ERROR) ** 2 for scores in (self.known, unseen))
        return network / (network + classifier)


def pooled(network: np.ndarray, classifier: np.ndarray, share: float, axis: int) -> np.ndarray:
    """Return a weighted geometric mean of scores that sum to 1 along an axis: the surer of the two counts more.

    The weight of the classifier is the square root of its share: it was made for this task, and the classifiers that
    were judged had learnt from fewer strokes.
    """
    weight = math.sqrt(share)
    log_p = (1 - weight) * np.log(np.maximum(network, _LEAST_SCORE))
    log_p = log_p + weight * np.log(np.maximum(classifier, _LEAST_SCORE))
    p = np.exp(log_p - log_p.max(axis, keepdims=True))
    return np.asarray(p / p.sum(axis, keepdims=True))


def known_scores(scores: np.ndarray, *, border: bool) -> np.ndarray:
    """Return scores (K, ...) with border added to background: paint does not say whether background is a border."""
    known = scores[: len(scores) - border].copy()
    if border:
        known[0] += scores[-1]
    return known


def saying(network: UNet, image: np.ndarray, scores: np.ndarray) -> Generator[PredictProgress, None, np.ndarray]:
    """Return what a classifier is told by the network: its scores of an image, and of the image at half the size.

    It is told only the scores, not the features behind them: from a few strokes it cannot tell which of sixteen
    features matter. At half the size the network sees twice as far, and whether both agree tells how sure it is. Yields
    after each tile, as a large image takes seconds.

    Parameters
    ----------
    image : numpy.ndarray
        Normalised, (C, [Z,] Y, X).
    scores : numpy.ndarray
        Of that image, (K, [Z,] Y, X).

    Returns
    -------
    numpy.ndarray
        float16, (2 K, [Z,] Y, X).
    """
    half = yield from predict_scores(network, image, 0.5)
    assert half is not None  # it is never stopped
    said = np.empty((2 * len(scores), *scores.shape[1:]), np.float16)
    said[: len(scores)], said[len(scores) :] = scores, half
    return said
