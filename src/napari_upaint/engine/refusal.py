"""Why a running training cannot learn from new paint."""

from __future__ import annotations

from collections.abc import Sequence

from napari_upaint.core.labels import check_samples, class_names
from napari_upaint.core.sample import Sample
from napari_upaint.engine.preparing import check_room
from napari_upaint.engine.unet import UNet
from napari_upaint.errors import EngineError, UserError
from napari_upaint.io.models import ModelHeader
from napari_upaint.settings import Kind


def why_not(samples: Sequence[Sample], kind: Kind, header: ModelHeader, network: UNet, scale: float) -> str:
    """Return one sentence that says why samples cannot be taken; empty if they can.

    Samples arrive while the user is painting: a class may just have been erased completely, or there may be one class
    more than the network has.
    """
    try:
        check_samples(samples, kind)
    except UserError as error:
        return str(error)
    known, painted = (len(names) - 1 for names in (header.classes, class_names([s.annotation for s in samples], kind)))
    if painted > known:
        return f"{painted} classes are painted and the network has {known}; press Stop and train again to add a class."
    if any(len(sample.image) != network.in_channels for sample in samples):
        return "The image differs in channels from the one that the training began with; press Stop and train again."
    if any(sample.annotation.ndim != network.ndim for sample in samples):
        return (
            "The training began with planes and this is a volume, or the other way round; press Stop and train again."
        )
    try:
        check_room(samples, scale)
    except EngineError as error:
        return str(error)
    return ""
