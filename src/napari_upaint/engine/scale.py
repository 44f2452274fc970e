"""Finds the scale at which a pretrained network understands an image best.

A network knows objects of some tens of pixels. Whether an image should be shrunk or enlarged for it is the strongest
lever there is on images from other microscopes, and a few strokes suffice to tell: by how well the network agrees with
them, and by how large the painted objects are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from napari_upaint.core.labels import BACKGROUND, FIRST
from napari_upaint.core.regions import learnt
from napari_upaint.core.resize import resize_image, scaled_shape
from napari_upaint.core.sample import Sample
from napari_upaint.engine.plane_fit import View, plane_fit
from napari_upaint.engine.unet import UNet
from napari_upaint.engine.volume_fit import volume_fit
from napari_upaint.io.models import ModelHeader
from napari_upaint.settings import Kind

Region = tuple[slice, ...]
_Place = tuple[int, Region]  # number of the annotation, box
# First the one at which painted objects are measured, last those that cost most: what is found early saves these.
SCALES = (0.5, 1.0, 0.7, 0.35, 0.25, 1.4, 2.0)


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
# At which painted objects are measured: a quarter of the pixels, and about the same answer as at others.
_MEASURED = 0.5
# px: the largest objects that the bundled networks of planes and of volumes have learnt from, see
# pretraining/config.toml.
_LARGEST = {2: 70.0, 3: 40.0}
# Some images are best left as they are, some are enlarged more than a network needs: what is right lies between 0.7 and
# 1 more often than anywhere else.
USUAL = math.sqrt(0.7)


class Fit(NamedTuple):
    """How a scale suits the paint.

    Attributes
    ----------
    scale : float
    disagreement : float
        Of the network, and of planes a classifier of pixels, with the paint: a loss.
    size : float
        Diameter of painted objects in the image as it is, the largest ones that the network has learnt from being 1; 0
        where this scale does not tell.
    """

    scale: float
    disagreement: float
    size: float = 0.0


def find_scale(
    network: UNet, samples: Sequence[Sample], *, kind: Kind, border: bool, start: ModelHeader | None = None
) -> Iterator[float]:
    """Yield the best scale so far after each that was looked at: the last one is what was found.

    Parameters
    ----------
    network : UNet
        Is left as it is.
    samples : sequence of Sample
        Of which at least one is painted.
    kind : {"objects", "classes"}
    border : bool
        Whether the network's last output is the border between objects.
    start : ModelHeader or None
        The model that is trained on, see `best_scale`.
    """
    found: list[Fit] = []
    for fit in look_at_scales(network, samples, kind=kind, border=border, start=start):
        found.append(fit)
        yield best_scale(found, start)
    if not found:
        yield best_scale(found, start)


def look_at_scales(
    network: UNet, samples: Sequence[Sample], *, kind: Kind, border: bool, start: ModelHeader | None = None
) -> Iterator[Fit]:
    """Yield how every scale suits that could be the best one by what was found before, see `find_scale`."""
    network.eval()
    # What judges is not learnt from, not even how large it is.
    samples = [replace(one, annotation=learnt(one.annotation, one.validation)) for one in samples]
    regions = painted_regions(samples)
    found: list[Fit] = []
    for scale in SCALES:
        fit = _fit(network, samples, regions, scale, kind, border) if may_be_best(scale, found, start) else None
        if fit is not None:
            found.append(fit)
            yield fit


def _fit(
    network: UNet, samples: Sequence[Sample], regions: Sequence[_Place], scale: float, kind: Kind, border: bool
) -> Fit | None:
    """Return how a scale suits; None where it cannot be looked at, or where only one question is asked."""
    shapes = [
        scaled_shape(samples[number].annotation[region].shape, scale, samples[number].spacing)
        for number, region in regions
    ]
    most = _LOOKS[samples[0].annotation.ndim].pixels
    # Scales are compared on the same paint, so that one region too large or too small for it rules a scale out.
    if any(np.prod(shape) > most or min(shape[-2:]) < 8 for shape in shapes):
        return None
    views = [
        View(_scaled(samples[number], region, shape), samples[number].annotation[region])
        for (number, region), shape in zip(regions, shapes, strict=True)
    ]
    measured = scale == _MEASURED
    if network.ndim == 3:
        found = volume_fit(network, views, border=border, measured=measured)
    else:
        found = plane_fit(network, views, kind=kind, border=border, measured=measured)
    return None if found is None else Fit(scale, found[0], found[1] / scale / _LARGEST[network.ndim])


def _scaled(sample: Sample, region: Region, shape: tuple[int, ...]) -> np.ndarray:
    return resize_image(sample.normalization.apply(sample.image[(slice(None), *region)]), shape)


def best_scale(found: Sequence[Fit], start: ModelHeader | None = None) -> float:
    """Return the scale with the least disagreement times its distance from the usual one, as a factor; 1 without any.

    Strokes are few, and the best agreement alone chooses by chance: at fine scales a network that sees only parts of
    objects still knows their insides. Where little can be told the usual scale wins; where a scale is twice as far
    away, it has to agree twice as well. Scales at which painted objects are larger than any that a bundled network has
    learnt from are out of the question. Who corrects a result paints where it is wrong, which speaks against the scale
    of that result however good it is: what is twice as far from a scale that strokes were learnt at has to agree four
    times as well.

    Parameters
    ----------
    found : sequence of Fit
    start : ModelHeader or None
        The model that is trained on; None: a bundled one.
    """
    usual, power = USUAL, 1
    if start is not None and "start" in start.provenance:
        usual, power = start.scale, 2
    else:
        found = _not_too_fine(found)

    def doubt(fit: Fit) -> float:
        return float(max(fit.disagreement, _LEAST) * max(fit.scale / usual, usual / fit.scale) ** power)

    return min(found, key=doubt, default=Fit(1.0, 0.0)).scale


def may_be_best(scale: float, found: Sequence[Fit], start: ModelHeader | None = None) -> bool:
    """Return whether a scale would be chosen if it agreed perfectly: else nobody needs to look."""
    return best_scale([*found, Fit(scale, 0.0)], start) == scale


def _not_too_fine(found: Sequence[Fit]) -> Sequence[Fit]:
    size = max((fit.size for fit in found), default=0.0)
    return [fit for fit in found if fit.scale * size <= 1] or sorted(found)[:1]


def painted_regions(samples: Sequence[Sample]) -> list[_Place]:
    """Choose where to look: boxes around the paint, as (number of the sample, box).

    Together they hold paint of both questions, background and not, and at most about `_Looks.pixels` pixels.
    """
    boxes = [(number, box) for number, one in enumerate(samples) for box in _boxes(one)]
    parts = [samples[number].annotation[box] for number, box in boxes]
    sizes = [
        math.prod(scaled_shape(part.shape, 1.0, samples[i].spacing)) for (i, _), part in zip(boxes, parts, strict=True)
    ]
    counts = np.array([[(part == BACKGROUND).sum(), (part >= FIRST).sum()] for part in parts]).reshape(-1, 2)
    shares = (counts / np.maximum(counts.sum(0), 1)).sum(1)
    chosen: list[int] = []
    # The most telling one of each question whatever it costs, then as many as the limit admits.
    for rank, index in enumerate([*counts.argmax(0), *np.argsort(-shares, kind="stable")] if boxes else []):
        pixels = sum(sizes[i] for i in (*chosen, index))
        if index not in chosen and (rank < 2 or pixels <= _LOOKS[parts[index].ndim].pixels):
            chosen.append(int(index))
    return [boxes[index] for index in chosen]


def _boxes(sample: Sample) -> list[Region]:
    """Return the box around the paint with some context, or several where it is too large to look at."""
    annotation = sample.annotation
    places = np.argwhere(annotation > 0)
    if not len(places):
        return []
    looks = _LOOKS[annotation.ndim]
    edges = np.divide(scaled_shape(annotation.shape, 1.0, sample.spacing), annotation.shape)
    window, margin = ((size / edges).astype(int) for size in (looks.window, looks.margin))
    step = window - 2 * margin
    low, high = np.maximum(places.min(0) - margin, 0), np.minimum(places.max(0) + margin + 1, annotation.shape)
    if math.prod(scaled_shape(tuple((high - low).tolist()), 1.0, sample.spacing)) <= looks.pixels:
        return [tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]
    squares = np.unique((places - places.min(0)) // step, axis=0)
    starts = squares * step + places.min(0) - margin
    return [
        tuple(
            slice(max(0, int(a)), min(n, int(a + edge)))
            for a, edge, n in zip(start, window, annotation.shape, strict=True)
        )
        for start in starts
    ]
