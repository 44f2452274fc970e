"""A first answer from strokes: a small classifier of pixels, learnt in a second, mixed with what the start knows.

It sees what classical filters and the pretrained network itself, at two sizes of the image, say of a pixel. Of
questions that the network was never asked it knows more than the network; where strokes are few the network knows more.
How well each does on strokes that it has not seen says how they are mixed. What comes of it tells a training what to
make of unlabelled pixels, where the scores of the start alone would hold it to the start's mistakes.
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

_MOST_PAINTED = 4000  # of which it learns
_FOLDS = 6
_LEAST = 1e-4  # of a score that is divided by
_MOST_FALSE = 0.9  # of the border: some of it always remains


@dataclass(frozen=True, slots=True, eq=False)
class FirstGuess:
    """What unlabelled pixels are taken for.

    Attributes
    ----------
    scores : list of numpy.ndarray
        float32, (K, [Z,] Y, X), one for each prepared sample: outputs of the network; background as common as it seems.
    loss : float
        Mean loss of the mixture on strokes that it had not seen, classes alike and taken for equally common.
    share : float
        How much the classifier counts in it, 0..1: much where the start was never asked this question.
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
    """Learn from the paint that is not held out, and mix with the start.

    Yields in words what it does, every second or so, and returns the guess.

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
    if len(np.unique(evidence.classes)) < 2:  # one class lies too far away from the rest
        return FirstGuess(list(starts), evidence.loss(evidence.known), 0.0)
    share, loss = evidence.mixture(_FOLDS, seed)
    yield WORDS
    learnt = PixelClassifier(evidence.features, evidence.classes, count, seed)
    scores = [start.copy() for start in starts]
    false = false_border(_inside(prepared, starts)) if border else 0.0
    for part in looked:
        target = scores[part.number][(slice(None), *part.region)]
        target[...] = answer(target, part.features, learnt, share, false=false, border=border)
        yield WORDS
    shift = background_shift(scores)
    scores = [shifted(one, shift) for one in scores]
    return FirstGuess(scores, loss, share)


def answer(
    start: np.ndarray, features: np.ndarray, learnt: PixelClassifier, share: float, *, false: float, border: bool
) -> np.ndarray:
    """Mix scores of the start, (K, Y, X), with what a classifier makes of features, (F, Y, X).

    `false` is the border's share that counts as none, see `less_border`.
    """
    own = learnt.scores(features.reshape(len(features), -1).T).T
    known = less_border(start, false) if border else start
    return mixed(known, own.reshape(-1, *start.shape[1:]), share, border=border)


def mixed(start: np.ndarray, own: np.ndarray, share: float, *, border: bool) -> np.ndarray:
    """Mix scores of the start (K, Y, X) and of a classifier that knows no borders (K - border, Y, X).

    Both say what is background; how much of the rest is border is known to the start alone.
    """
    result = np.empty_like(start)
    rest = pooled(np.stack([start[0], 1 - start[0]]), np.stack([own[0], 1 - own[0]]), share, axis=0)[1]
    result[0] = 1 - rest
    if border:
        result[-1] = rest * _border_share(start)
        rest = rest - result[-1]
    classes = slice(1, -1) if border else slice(1, None)
    # Trees say 0 of what no stroke speaks for.
    theirs, ours = ((one + _LEAST) / (one + _LEAST).sum(0) for one in (start[classes], own[1:]))
    result[classes] = rest * ((1 - share) * theirs + share * ours)
    return result


def less_border(scores: np.ndarray, false: float) -> np.ndarray:
    """Return scores (K, Y, X) whose border has lost what the start sees of it where none is.

    Parameters
    ----------
    scores : numpy.ndarray
        (K, Y, X), the border last.
    false : float
        The border's share of what is no background, 0..1, that counts as none at all.
    """
    share = _border_share(scores)
    left = np.clip((share - false) / (1 - false), 0, 1)
    result = scores * ((1 - left) / np.maximum(1 - share, 1e-6))
    result[0], result[-1] = scores[0], left * (1 - scores[0])
    return np.asarray(result)


def _border_share(scores: np.ndarray) -> np.ndarray:
    """Return how much of what is no background is border, (Y, X) or (N,)."""
    return np.asarray(scores[-1] / np.maximum(1 - scores[0], 1e-6))


def false_border(inside: Sequence[np.ndarray]) -> float:
    """Return how much border the start usually sees in painted objects; who paints an object paints its inside.

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
    """Return the strokes that are not held out, numbered from 1 on over all samples.

    Where painted objects meet, the target is border: neither background nor one of the `count - 1` classes.
    """
    found, last = [], 0
    for one in prepared:
        numbers = class_parts(np.where(one.held_out | (one.target >= count), 0, one.target + 1))
        found.append(np.where(numbers > 0, numbers + last, 0))
        last += int(numbers.max(initial=0))
    return found
