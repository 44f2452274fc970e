"""Find the scale at which a pretrained network understands an image best.

A network knows objects of some tens of pixels. For images from other microscopes nothing helps more than to shrink or
enlarge them accordingly. A few strokes tell the right scale: by how well the network agrees with them, and by how large
the painted objects are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from napari_upaint.core.boxes import box_of, grown
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
# First the one at which painted objects are measured, last the most costly ones: early findings often save those.
SCALES = (0.5, 1.0, 0.7, 0.35, 0.25, 1.4, 2.0)


class _Looks(NamedTuple):
    """How much to look at.

    Attributes
    ----------
    pixels : int
        Most pixels (voxels) of a region as the network sees it, and of all regions at scale 1: so many tell enough.
    window, margin : int
        Edge of the windows that are looked at if paint is spread more widely, and the context around paint, px. A
        window of a plane stays below `pixels` at scale 2; one of a volume at scale 1.
    """

    pixels: int
    window: int
    margin: int


_LOOKS = {2: _Looks(700_000, 416, 48), 3: _Looks(1_100_000, 80, 16)}
# Smaller disagreements make no difference.
_LEAST = 0.02
# The scale at which painted objects are measured: a quarter of the pixels, and about the same answer as at others.
_MEASURED = 0.5
# Diameter of the largest objects that the bundled 2D and 3D networks have learnt from, px, see pretraining/config.toml.
_LARGEST = {2: 70.0, 3: 40.0}
# Some images are best left as they are, others have a higher magnification than a network needs: the right scale is
# most often between 0.7 and 1.
USUAL = math.sqrt(0.7)


class Fit(NamedTuple):
    """How a scale suits the paint.

    Attributes
    ----------
    scale : float
    disagreement : float
        Of the network (on planes, with a pixel classifier) with the paint: a loss.
    size : float
        Diameter of painted objects in the image at its own size, relative to the largest that the network has learnt
        from; 0 if this scale does not tell.
    """

    scale: float
    disagreement: float
    size: float = 0.0


def find_scale(
    network: UNet, samples: Sequence[Sample], *, kind: Kind, border: bool, start: ModelHeader | None = None
) -> Iterator[float]:
    """Yield the best scale so far after each scale that was looked at; the last one is the result.

    Parameters
    ----------
    network : UNet
        Its weights do not change.
    samples : sequence of Sample
        At least one is painted.
    kind : {"objects", "classes"}
    border : bool
        Whether the network's last output is the border between objects.
    start : ModelHeader or None
        The model that the training starts from, see `best_scale`.
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
    """Yield the fit of every scale that could still be the best one given the fits before, see `find_scale`."""
    network.eval()
    # Validation paint is not learnt from, not even to find the scale.
    samples = [replace(one, annotation=learnt(one.annotation, one.validation)) for one in samples]
    regions = painted_regions(samples)
    found: list[Fit] = []
    # Its own scale first: the others have to be so much better that few are looked at.
    own = (start.scale,) if start is not None and _has_learnt(start) and start.scale not in SCALES else ()
    for scale in (*own, *SCALES):
        fit = _fit(network, samples, regions, scale, kind, border) if may_be_best(scale, found, start) else None
        if fit is not None:
            found.append(fit)
            yield fit


def _fit(
    network: UNet, samples: Sequence[Sample], regions: Sequence[_Place], scale: float, kind: Kind, border: bool
) -> Fit | None:
    """Return how a scale suits the paint; None if it cannot be looked at, or if only one class is painted."""
    shapes = [
        scaled_shape(samples[number].annotation[region].shape, scale, samples[number].spacing)
        for number, region in regions
    ]
    most = _LOOKS[samples[0].annotation.ndim].pixels
    # Scales are compared on the same paint, so a single region that is too large or too small rules a scale out.
    if any(np.prod(shape) > most or min(shape[-2:]) < 8 for shape in shapes):
        return None
    views = [
        View(_scaled(samples[number], region, shape), samples[number].annotation[region])
        for (number, region), shape in zip(regions, shapes, strict=True)
    ]
    measured = scale == _MEASURED
    if network.ndim == 3:
        found = volume_fit(network, views, kind=kind, border=border, measured=measured)
    else:
        found = plane_fit(network, views, kind=kind, border=border, measured=measured)
    return None if found is None else Fit(scale, found[0], found[1] / scale / _LARGEST[network.ndim])


def _scaled(sample: Sample, region: Region, shape: tuple[int, ...]) -> np.ndarray:
    return resize_image(sample.normalization.apply(sample.image[(slice(None), *region)]), shape)


def best_scale(found: Sequence[Fit], start: ModelHeader | None = None) -> float:
    """Return the scale with the least product of disagreement and distance from the usual scale.

    Without any fit it is that of a model that has learnt from strokes, else 1.

    The distance is a factor. With few strokes, agreement alone would choose by chance: at fine scales, a network that
    sees only parts of objects still knows their insides. So if little can be told the usual scale wins, and a scale
    twice as far away has to agree twice as well. Scales at which painted objects are larger than any that a bundled
    network has learnt from are ruled out. If the model has learnt from strokes before, new strokes correct a result:
    they lie where it is wrong, which speaks against its scale however good that is. So a scale twice as far from the
    model's own has to agree four times as well.

    Parameters
    ----------
    found : sequence of Fit
    start : ModelHeader or None
        The model that the training starts from; None: a bundled one.
    """
    usual, power, otherwise = USUAL, 1, 1.0
    if start is not None and _has_learnt(start):
        usual, power, otherwise = start.scale, 2, start.scale
    else:
        found = _not_too_fine(found)

    def doubt(fit: Fit) -> float:
        return float(max(fit.disagreement, _LEAST) * max(fit.scale / usual, usual / fit.scale) ** power)

    return min(found, key=doubt, default=Fit(otherwise, 0.0)).scale


def _has_learnt(start: ModelHeader) -> bool:
    """Return whether a model has learnt from strokes, and is not as it was bundled."""
    return "start" in start.provenance


def may_be_best(scale: float, found: Sequence[Fit], start: ModelHeader | None = None) -> bool:
    """Return whether a scale would be chosen if it agreed perfectly; if not, there is no need to look at it."""
    return best_scale([*found, Fit(scale, 0.0)], start) == scale


def _not_too_fine(found: Sequence[Fit]) -> Sequence[Fit]:
    size = max((fit.size for fit in found), default=0.0)
    return [fit for fit in found if fit.scale * size <= 1] or sorted(found)[:1]


def painted_regions(samples: Sequence[Sample]) -> list[_Place]:
    """Choose where to look: boxes around the paint, as (number of the sample, box).

    Together they hold both painted background and painted classes, and at most about `_Looks.pixels` pixels.
    """
    boxes = [(number, box) for number, one in enumerate(samples) for box in _boxes(one)]
    parts = [samples[number].annotation[box] for number, box in boxes]
    sizes = [
        math.prod(scaled_shape(part.shape, 1.0, samples[i].spacing)) for (i, _), part in zip(boxes, parts, strict=True)
    ]
    counts = np.array([[(part == BACKGROUND).sum(), (part >= FIRST).sum()] for part in parts]).reshape(-1, 2)
    shares = (counts / np.maximum(counts.sum(0), 1)).sum(1)
    chosen: list[int] = []
    # First the boxes with most background and with most of the classes, whatever their size, then as many as allowed.
    for rank, index in enumerate([*counts.argmax(0), *np.argsort(-shares, kind="stable")] if boxes else []):
        pixels = sum(sizes[i] for i in (*chosen, index))
        if index not in chosen and (rank < 2 or pixels <= _LOOKS[parts[index].ndim].pixels):
            chosen.append(int(index))
    return [boxes[index] for index in chosen]


def _boxes(sample: Sample) -> list[Region]:
    """Return the box around the paint with some context, or several windows if it is too large to look at."""
    annotation = sample.annotation
    painted = annotation > 0
    box = box_of(painted)
    if box is None:
        return []
    looks = _LOOKS[annotation.ndim]
    edges = np.divide(scaled_shape(annotation.shape, 1.0, sample.spacing), annotation.shape)
    window, margin = ((size / edges).astype(int) for size in (looks.window, looks.margin))
    step = window - 2 * margin
    around = grown(box, margin.tolist(), annotation.shape)
    shape = tuple(side.stop - side.start for side in around)
    if math.prod(scaled_shape(shape, 1.0, sample.spacing)) <= looks.pixels:
        return [around]
    squares = painted[box]  # no list of pixels: finished masks are millions
    for axis, length in enumerate(step.tolist()):
        squares = np.logical_or.reduceat(squares, np.arange(0, squares.shape[axis], length), axis)
    starts = np.argwhere(squares) * step + [side.start for side in box] - margin
    return [
        tuple(
            slice(max(0, int(a)), min(n, int(a + edge)))
            for a, edge, n in zip(start, window, annotation.shape, strict=True)
        )
        for start in starts
    ]
