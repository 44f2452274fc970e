"""Finds the scale at which a pretrained network understands an image best.

A network knows objects of some tens of pixels. Whether an image should be shrunk or enlarged for it is the strongest
lever there is on images from other microscopes, and a few strokes suffice to tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from napari_upaint.core.labels import BACKGROUND, FIRST
from napari_upaint.core.resize import resize_image, scaled_shape
from napari_upaint.core.sample import Sample
from napari_upaint.engine.predict import whole
from napari_upaint.engine.unet import UNet

SCALES = (1.0, 0.7, 1.4, 0.5, 2.0, 0.35, 0.25)
# Enlarged planes cost four times the work; this many pixels around the paint tell enough.
_MOST_PIXELS = 700_000
# Another scale must agree clearly better than the image as it is: strokes are few.
_ADVANTAGE = 0.02


def find_scale(network: UNet, samples: Sequence[Sample], *, border: bool) -> Iterator[tuple[float, float]]:
    """Yield (scale, disagreement with the paint) for every scale tried; the network is left as it is."""
    network.eval()
    regions = [_painted_region(sample) for sample in samples]
    for scale in SCALES:
        losses, counts = np.zeros(2), np.zeros(2)
        for sample, region in zip(samples, regions, strict=True):
            annotation = sample.annotation[region]
            image = sample.normalization.apply(sample.image[(slice(None), *region)])
            shape = scaled_shape(annotation.shape, scale)
            if np.prod(shape) > _MOST_PIXELS or min(shape) < 8:
                continue
            scores = resize_image(whole(network, resize_image(image, shape)), annotation.shape)
            background = scores[0] + scores[-1] if border else scores[0]
            for index, (mask, p) in enumerate(
                ((annotation == BACKGROUND, background), (annotation >= FIRST, 1 - background))
            ):
                losses[index] -= np.log(np.clip(p[mask], 1e-3, 1)).sum()
                counts[index] += mask.sum()
        if counts.all():
            yield scale, float((losses / counts).mean())


def best_scale(found: Sequence[tuple[float, float]]) -> float:
    """Return the scale that disagrees least, 1 where no other is clearly better."""
    if not found:
        return 1.0
    scale, loss = min(found, key=lambda pair: pair[1])
    unscaled = dict(found).get(1.0, np.inf)
    return scale if loss < unscaled - _ADVANTAGE else 1.0


def _painted_region(sample: Sample, margin: int = 48) -> tuple[slice, ...]:
    """Return the box around the paint, with some context."""
    places = np.argwhere(sample.annotation > 0)
    low, high = places.min(0) - margin, places.max(0) + margin + 1
    return tuple(
        slice(max(0, int(a)), min(n, int(b))) for a, b, n in zip(low, high, sample.annotation.shape, strict=True)
    )
