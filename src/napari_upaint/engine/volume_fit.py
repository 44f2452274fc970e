"""How well a 3D network fits the paint on volumes, and how large painted objects are as it finds them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_upaint.core.ids import to_int32
from napari_upaint.core.labels import BACKGROUND, FIRST
from napari_upaint.core.objects import class_parts
from napari_upaint.core.painted_diameter import Painted, painted_diameter
from napari_upaint.core.resize import resize_image, resized_places
from napari_upaint.engine.plane_fit import View
from napari_upaint.engine.predict import whole
from napari_upaint.engine.unet import UNet
from napari_upaint.settings import Kind


def volume_fit(
    network: UNet, views: Sequence[View], *, kind: Kind, border: bool, measured: bool
) -> tuple[float, float] | None:
    """Compare the network's answers in painted regions with the paint.

    Parameters
    ----------
    views : sequence of View
        Of volumes: image at the network's scale, (C, Z, Y, X), and annotation at its own size, (Z, Y, X).
    network, kind, border, measured
        As for `plane_fit`; the result is the same, too.
    """
    measured = measured and network.n_classes - border == 2
    losses, counts, painted = np.zeros(2), np.zeros(2), list[Painted]()
    for image, annotation in views:
        at_scale = whole(network, image)
        scores = resize_image(at_scale, annotation.shape)
        background = scores[0] + scores[-1] if border else scores[0]
        objects = annotation >= FIRST
        for index, (mask, p) in enumerate(((annotation == BACKGROUND, background), (objects, 1 - background))):
            losses[index] -= np.log(np.clip(p[mask], 1e-3, 1)).sum()
            counts[index] += mask.sum()
        if measured:
            painted.append(_painted(at_scale, annotation, kind, border))
    return (float((losses / counts).mean()), painted_diameter(painted)) if counts.all() else None


def _painted(scores: np.ndarray, annotation: np.ndarray, kind: Kind, border: bool) -> Painted:
    on = np.nonzero(annotation >= FIRST)
    ids = annotation if kind == "objects" else class_parts(annotation)  # every stroke may be on an object of its own
    found = scores[0] + scores[-1] < 0.5 if border else scores[0] < 0.5
    return Painted(found, to_int32(ids[on]), resized_places(on, annotation.shape, found.shape))
