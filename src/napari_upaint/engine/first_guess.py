"""A first answer from strokes: a small pixel classifier, trained in a second, mixed with what the start knows.

It sees a pixel through classical filters and through the pretrained network, at two sizes of the image. It knows more
than the network about tasks that the network has never learnt; with few strokes the network knows more. They are mixed
by how well each does on strokes that it has not seen. The result tells a training what unlabelled pixels are; the
scores of the start alone would hold it to the start's mistakes.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from napari_upaint.core.objects import class_parts
from napari_upaint.engine.evidence import Evidence, known_scores, pooled
from napari_upaint.engine.looked_at import WORDS, Part, parts
from napari_upaint.engine.pixel_classifier import PixelClassifier
from napari_upaint.engine.preparing import Prepared
from napari_upaint.engine.prior import background_shift, shifted
from napari_upaint.engine.remembered import Remembered
from napari_upaint.engine.unet import UNet

_MOST_PAINTED = 4000  # pixels that the classifier learns from
_FOLDS = 6
_LEAST = 1e-4  # added to scores, so that none is 0
_MOST_FALSE = 0.9  # most of the border that can count as false: some of it always remains


@dataclass(frozen=True, slots=True, eq=False)
class FirstGuess:
    """What unlabelled pixels are taken for.

    Attributes
    ----------
    scores : list of numpy.ndarray
        float32, (K, [Z,] Y, X), one for each prepared sample; K as the outputs of the network, with background made as
        common as it seems.
    loss : float
        Mean loss of the mixture on strokes that it had not seen; each class counts the same and is taken as equally
        common.
    share : float
        How much the classifier counts in it, 0..1: a lot if the start has never learnt this task.
    """

    scores: list[np.ndarray]
    loss: float
    share: float


def first_guess(
    prepared: Sequence[Prepared],
    network: UNet,
    starts: Sequence[np.ndarray],
    *,
    border: bool,
    seed: int,
    known: Remembered | None = None,
) -> Generator[str, None, FirstGuess]:
    """Learn from the paint that is not held out, and mix the result with the start.

    Yields a description of what it does every second or so, and returns the guess.

    Parameters
    ----------
    prepared, network, starts, known
        See `engine.looked_at.parts`.
    border : bool
        Whether the network's last output is the border between objects.
    seed : int
    """
    count, known = network.n_classes - border, known or Remembered()
    looked, strokes = (yield from parts(prepared, network, starts, known)), _strokes(prepared, count)
    evidence = Evidence.gathered(
        (_evidence(one, prepared, starts, strokes, border) for one in looked), _MOST_PAINTED, seed
    )
    if len(np.unique(evidence.classes)) < 2:  # the parts that are looked at hold one class only
        return FirstGuess(list(starts), evidence.loss(evidence.known), 0.0)
    share, loss = evidence.mixture(_FOLDS, seed)
    yield WORDS
    learnt = PixelClassifier(evidence.features, evidence.classes, count, seed)
    scores = [start.copy() for start in starts]
    false = false_border(_inside(prepared, starts)) if border else 0.0
    for part in looked:
        at = (slice(None), *part.region)
        # Tiles of a padded network overlap: what was mixed already must not be mixed once more.
        start = starts[part.number][at]
        scores[part.number][at] = answer(start, part.features, learnt, share, false=false, border=border)
        yield WORDS
    shift = background_shift(scores)
    scores = [shifted(one, shift) for one in scores]
    return FirstGuess(scores, loss, share)


def answer(
    start: np.ndarray, features: np.ndarray, learnt: PixelClassifier, share: float, *, false: float, border: bool
) -> np.ndarray:
    """Mix scores of the start, (K, [Z,] Y, X), with those that a classifier gives for features, (F, [Z,] Y, X).

    `false` is the share of border that does not count as such, see `less_border`.
    """
    own = learnt.scores(features.reshape(len(features), -1).T).T
    known = less_border(start, false) if border else start
    return mixed(known, own.reshape(-1, *start.shape[1:]), share, border=border)


def mixed(start: np.ndarray, own: np.ndarray, share: float, *, border: bool) -> np.ndarray:
    """Mix scores of the start (K, Y, X) and of a classifier that knows no borders (K - border, Y, X).

    Both know background; only the start knows how much of the rest is border.
    """
    result = np.empty_like(start)
    rest = pooled(np.stack([start[0], 1 - start[0]]), np.stack([own[0], 1 - own[0]]), share, axis=0)[1]
    result[0] = 1 - rest
    if border:
        result[-1] = rest * _border_share(start)
        rest = rest - result[-1]
    classes = slice(1, -1) if border else slice(1, None)
    # Trees give a score of 0 to a class that no stroke speaks for.
    theirs, ours = ((one + _LEAST) / (one + _LEAST).sum(0) for one in (start[classes], own[1:]))
    result[classes] = rest * ((1 - share) * theirs + share * ours)
    return result


def less_border(scores: np.ndarray, false: float) -> np.ndarray:
    """Reduce the border in scores by what the start usually sees where there is none.

    Parameters
    ----------
    scores : numpy.ndarray
        (K, Y, X), the border last.
    false : float
        Share of border in what is not background, 0..1, that does not count as border.
    """
    share = _border_share(scores)
    left = np.clip((share - false) / (1 - false), 0, 1)
    result = scores * ((1 - left) / np.maximum(1 - share, 1e-6))
    result[0], result[-1] = scores[0], left * (1 - scores[0])
    return np.asarray(result)


def _border_share(scores: np.ndarray) -> np.ndarray:
    """Return the share of border in what is not background, (Y, X) or (N,)."""
    return np.asarray(scores[-1] / np.maximum(1 - scores[0], 1e-6))


def false_border(inside: Sequence[np.ndarray]) -> float:
    """Return how much border the start usually sees in painted objects, where there is none: people paint the inside.

    Parameters
    ----------
    inside : sequence of numpy.ndarray
        Scores of pixels that are painted as objects, (K, N), border last.
    """
    every = np.concatenate([_border_share(one) for one in inside])
    return min(_MOST_FALSE, float(np.median(every))) if len(every) else 0.0


def _inside(prepared: Sequence[Prepared], starts: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the start's scores in painted objects."""
    return [
        start[:, (one.target > 0) & (one.target < len(start) - 1) & ~one.held_out]
        for one, start in zip(prepared, starts, strict=True)
    ]


def _evidence(
    part: Part, prepared: Sequence[Prepared], starts: Sequence[np.ndarray], strokes: list[np.ndarray], border: bool
) -> Evidence:
    here = strokes[part.number][part.region]
    painted = here > 0
    start = starts[part.number][(slice(None), *part.region)][:, painted]
    return Evidence(
        part.features[:, painted].T.astype(np.float32),
        prepared[part.number].target[part.region][painted].astype(np.int64),
        here[painted],
        known_scores(start, border=border).T,
    )


def _strokes(prepared: Sequence[Prepared], count: int) -> list[np.ndarray]:
    """Return the strokes that are not held out, numbered from 1 up through all samples.

    Where painted objects meet, the target is border, neither background nor one of the `count - 1` classes: left out.
    """
    found, last = [], 0
    for one in prepared:
        numbers = class_parts(np.where(one.held_out | (one.target >= count), 0, one.target + 1))
        found.append(np.where(numbers > 0, numbers + last, 0))
        last += int(numbers.max(initial=0))
    return found
