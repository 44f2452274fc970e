"""Finds the scale at which a pretrained network understands an image best.

A network knows objects of some tens of pixels. Whether an image should be shrunk or enlarged for it is the strongest
lever there is on images from other microscopes, and a few strokes suffice to tell. Of volumes X and Y are resized
alone, see `core.resize.scaled_shape`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from napari_upaint.core.filters import pixel_features
from napari_upaint.core.labels import BACKGROUND, FIRST
from napari_upaint.core.objects import class_parts
from napari_upaint.core.resize import resize_image, scaled_shape
from napari_upaint.core.sample import Sample
from napari_upaint.engine.evidence import Evidence, known_scores, network_says, pooled
from napari_upaint.engine.predict import whole
from napari_upaint.engine.unet import UNet
from napari_upaint.io.models import ModelHeader

Region = tuple[slice, ...]
Regions = Sequence[tuple[int, Region]]
SCALES = (1.0, 0.7, 1.4, 0.5, 2.0, 0.35, 0.25)


class _Looks(NamedTuple):
    """How much is looked at.

    Attributes
    ----------
    pixels : int
        Enlarged planes cost four times the work; so many pixels around the paint tell enough.
    window, margin : int
        Edge of the windows that are looked at where the paint spreads wider, and the context around paint; windows
        twice as large (of volumes 1.4 times) must stay below `pixels`.
    """

    pixels: int
    window: int
    margin: int


_LOOKS = {2: _Looks(700_000, 416, 48), 3: _Looks(1_100_000, 80, 16)}
# Below this disagreement there is nothing left to tell.
_LEAST = 0.02
# Of the classifiers that scales are compared by; each costs a tenth of a second.
_MOST_PAINTED, _FOLDS = 1500, 3
# Some images are best left as they are, some are enlarged more than a network needs: what is right lies between 0.7 and
# 1 more often than anywhere else.
USUAL = math.sqrt(0.7)


def find_scale(network: UNet, samples: Sequence[Sample], *, border: bool) -> Iterator[tuple[float, float]]:
    """Yield (scale, disagreement with the paint) for every scale tried; the network is left as it is."""
    network.eval()
    looks = _LOOKS[samples[0].annotation.ndim]
    regions = painted_regions([sample.annotation for sample in samples])
    disagreement = _mixed_disagreement if network.ndim == 2 else _disagreement
    for scale in SCALES:
        shapes = [scaled_shape(samples[number].annotation[region].shape, scale) for number, region in regions]
        # Scales are compared on the same paint, so that one region too large or too small for it rules a scale out.
        if any(np.prod(shape) > looks.pixels or min(shape[-2:]) < 8 for shape in shapes):
            continue
        found = disagreement(network, samples, regions, shapes, border)
        if found is not None:
            yield scale, found


def _scaled(sample: Sample, region: Region, shape: tuple[int, ...]) -> np.ndarray:
    return resize_image(sample.normalization.apply(sample.image[(slice(None), *region)]), shape)


def _disagreement(
    network: UNet, samples: Sequence[Sample], regions: Regions, shapes: list[tuple[int, ...]], border: bool
) -> float | None:
    """Return how badly the network's scores fit the paint; None where it asks one question alone."""
    losses, counts = np.zeros(2), np.zeros(2)
    for (number, region), shape in zip(regions, shapes, strict=True):
        annotation = samples[number].annotation[region]
        scores = resize_image(whole(network, _scaled(samples[number], region, shape)), annotation.shape)
        background = scores[0] + scores[-1] if border else scores[0]
        for index, (mask, p) in enumerate(
            ((annotation == BACKGROUND, background), (annotation >= FIRST, 1 - background))
        ):
            losses[index] -= np.log(np.clip(p[mask], 1e-3, 1)).sum()
            counts[index] += mask.sum()
    return float((losses / counts).mean()) if counts.all() else None


def _mixed_disagreement(
    network: UNet, samples: Sequence[Sample], regions: Regions, shapes: list[tuple[int, ...]], border: bool
) -> float | None:
    """Return how badly the network and a classifier of pixels together fit strokes that the latter has not seen.

    The network alone does not know at which scale a question can be answered that it was never asked.
    """
    parts, last = [], 0
    for (number, region), shape in zip(regions, shapes, strict=True):
        annotation = samples[number].annotation[region]
        strokes = class_parts(np.minimum(annotation, FIRST) if network.n_classes - border == 2 else annotation)
        image = _scaled(samples[number], region, shape)
        scores = whole(network, image)
        painted = np.nonzero(annotation)
        there = tuple(p * new // old for p, new, old in zip(painted, shape, annotation.shape, strict=True))
        at = (slice(None), *there)
        features = np.concatenate([pixel_features(image)[at], network_says(network, image, scores)[at]])
        classes = np.minimum(annotation[painted].astype(np.int64) - BACKGROUND, network.n_classes - border - 1)
        known = known_scores(scores[at], border=border)
        parts.append(Evidence(features.T.astype(np.float32), classes, strokes[painted] + last, known.T))
        last += int(strokes.max(initial=0))
    evidence = Evidence.gathered(parts, _MOST_PAINTED, seed=0)
    if len(np.unique(evidence.classes)) < 2:
        return None
    unseen = evidence.unseen(_FOLDS, seed=0)
    share = evidence.share(unseen)
    return evidence.loss(pooled(evidence.known, unseen, share, axis=1))


def best_scale(found: Sequence[tuple[float, float]], start: ModelHeader | None = None) -> float:
    """Return the scale with the least disagreement times its distance from the usual one, as a factor; 1 without any.

    Strokes are few, and the best agreement alone chooses by chance: at fine scales a network that sees only parts of
    objects still knows their insides. Where little can be told the usual scale wins; where a scale is twice as far
    away, it has to agree twice as well. Who corrects a result paints where it is wrong, which speaks against the scale
    of that result however good it is: what is twice as far from a scale that strokes were learnt at has to agree four
    times as well.

    Parameters
    ----------
    found : sequence of (float, float)
        Scales and their disagreement with the paint.
    start : ModelHeader or None
        The model that is trained on; None: a bundled one.
    """
    usual, power = USUAL, 1
    if start is not None and "start" in start.provenance:
        usual, power = start.scale, 2

    def doubt(pair: tuple[float, float]) -> float:
        scale, disagreement = pair
        return float(max(disagreement, _LEAST) * max(scale / usual, usual / scale) ** power)

    return min(found, key=doubt, default=(1.0, 0.0))[0]


def painted_regions(annotations: Sequence[np.ndarray]) -> list[tuple[int, Region]]:
    """Choose where to look: boxes around the paint, as (number of the annotation, box).

    Together they hold paint of both questions, background and not, and at most about `_Looks.pixels` pixels.
    """
    boxes = [(number, box) for number, one in enumerate(annotations) for box in _boxes(one)]
    parts = [annotations[number][box] for number, box in boxes]
    counts = np.array([[(part == BACKGROUND).sum(), (part >= FIRST).sum()] for part in parts]).reshape(-1, 2)
    shares = (counts / np.maximum(counts.sum(0), 1)).sum(1)
    chosen: list[int] = []
    # The most telling one of each question whatever it costs, then as many as the limit admits.
    for rank, index in enumerate([*counts.argmax(0), *np.argsort(-shares, kind="stable")] if boxes else []):
        pixels = sum(parts[i].size for i in chosen) + parts[index].size
        if index not in chosen and (rank < 2 or pixels <= _LOOKS[parts[index].ndim].pixels):
            chosen.append(int(index))
    return [boxes[index] for index in chosen]


def _boxes(annotation: np.ndarray) -> list[Region]:
    """Return the box around the paint with some context, or several where it is too large to look at."""
    places = np.argwhere(annotation > 0)
    if not len(places):
        return []
    looks = _LOOKS[annotation.ndim]
    margin, step = looks.margin, looks.window - 2 * looks.margin
    low, high = np.maximum(places.min(0) - margin, 0), np.minimum(places.max(0) + margin + 1, annotation.shape)
    if np.prod(high - low) <= looks.pixels:
        return [tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]
    squares = np.unique((places - places.min(0)) // step, axis=0)
    starts = squares * step + places.min(0) - margin
    return [
        tuple(
            slice(max(0, int(a)), min(n, int(a) + looks.window)) for a, n in zip(start, annotation.shape, strict=True)
        )
        for start in starts
    ]
