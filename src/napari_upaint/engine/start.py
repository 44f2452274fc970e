"""What training starts from: a bundled or earlier model with its outputs adapted, or a fresh network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from napari_upaint.core.channel_shares import channel_shares
from napari_upaint.core.labels import class_names
from napari_upaint.core.sample import Sample
from napari_upaint.core.usual_object import UNKNOWN
from napari_upaint.engine.checkpoint import replace_head, to_network
from napari_upaint.engine.family import build
from napari_upaint.engine.unet import UNet
from napari_upaint.errors import AnnotationError, ModelError
from napari_upaint.io.models import Architecture, ModelFile, ModelHeader
from napari_upaint.settings import Kind, TrainSettings

# Of a network from scratch: in volumes, one more level takes eight times as much context.
DEPTH = {2: 5, 3: 3}


def check_fit(samples: Sequence[Sample], start: ModelFile | None, settings: TrainSettings) -> None:
    """Make sure that the samples fit each other and the network.

    Raises
    ------
    AnnotationError
        If their images have different numbers of channels.
    ModelError
        If there are planes for a 3D network or volumes for a 2D network.
    """
    channels = {sample.image.shape[0]: sample.name for sample in reversed(samples)}
    if len(channels) > 1:
        found = ", ".join(f"{name}: {count}" for count, name in sorted(channels.items()))
        raise AnnotationError(
            f"The painted images have different numbers of channels ({found}); train one kind at a time."
        )
    ndim = start.header.architecture.ndim if start is not None else settings.ndim
    name = start.header.name if start is not None else "The new network"
    other = next((sample for sample in samples if sample.annotation.ndim != ndim), None)
    if other is not None:
        wanted, given = ("volumes", "a plane") if ndim == 3 else ("planes", "a volume")
        raise ModelError(f"{name} is for {wanted} ({ndim}D) but {other.name} is {given}; choose a model that fits.")


def start_header(
    samples: Sequence[Sample], kind: Kind, start: ModelFile | None, settings: TrainSettings
) -> ModelHeader:
    """Describe the model that a training will make."""
    names = class_names([sample.annotation for sample in samples], kind)
    if start is not None:
        # A model that knows more classes than are painted now keeps them; with objects there is only one class.
        known = start.header.classes
        names = known if kind == "classes" and len(known) >= len(names) else names
        return replace(start.header, classes=names, kind=kind, spacing=samples[0].spacing)
    architecture = Architecture(
        variant=settings.variant,
        ndim=settings.ndim,
        in_channels=samples[0].image.shape[0],
        n_outputs=len(names),
        width=settings.width,
        depth=settings.depth or DEPTH[settings.ndim],
        padding=settings.padding,
        norm=None if settings.norm == "none" else settings.norm,
        dropout=settings.dropout,
    )
    return ModelHeader("from scratch", architecture, classes=names, kind=kind, spacing=samples[0].spacing)


def start_network(
    header: ModelHeader, start: ModelFile | None, in_channels: int, shares: Sequence[float] | None = None
) -> UNet:
    """Return the network to train, with the outputs that the header names.

    `shares` is how much it sees of each channel at first if the start has other channels, see `adapt_input`.
    """
    if start is None:
        return build(header.architecture)
    network = to_network(start, in_channels, shares)
    if start.header.output_names != header.output_names:
        replace_head(network, start.header.output_names, header.output_names)
    return network


def start_shares(samples: Sequence[Sample], kind: Kind, start: ModelFile | None) -> tuple[float, ...] | None:
    """Return how much the start sees of each channel at first, so that paint stands out; None if its channels fit."""
    if start is None or start.header.architecture.in_channels == samples[0].image.shape[0]:
        return None
    return channel_shares(samples, kind)


def tells_more(header: ModelHeader, start: ModelFile | None) -> bool:
    """Return whether a header has another scale than its start, or knows the painted objects and the start does not."""
    if start is None:
        return False
    known = start.header.usual_object != UNKNOWN or header.usual_object == UNKNOWN
    return header.scale != start.header.scale or not known


def known_loss(header: ModelHeader, samples: Sequence[Sample]) -> float | None:
    """Return the loss on held-out paint that a start reached with these images; None if it learnt from none of them.

    New paint on an image that the start has learnt from corrects its result. Corrections lie where it is wrong, so its
    loss there says nothing about the rest of the image. A name alone tells little (many images are called "Image"), so
    the gray values must be the same, too.
    """
    learnt: Any = header.training.get("gray")  # Any: the file may hold anything
    loss: Any = header.training.get("validation_after")
    if not isinstance(learnt, dict) or not isinstance(loss, float) or not math.isfinite(loss):
        return None
    pairs = ((learnt.get(name), gray) for name, ranges in gray_of(samples).items() for gray in ranges)
    again = any(isinstance(ranges, list) and gray in ranges for ranges, gray in pairs)
    return float(loss) if again else None


def gray_of(samples: Sequence[Sample]) -> dict[str, list[list[float]]]:
    """Return the gray values that images were normalised by, per name of an image, in a form that JSON can hold."""
    found: dict[str, list[list[float]]] = {}
    for sample in samples:
        gray = [float(value) for value in (*sample.normalization.low, *sample.normalization.high)]
        if gray not in found.setdefault(sample.name, []):
            found[sample.name].append(gray)
    return found
