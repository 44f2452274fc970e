"""Segmenting whole images from a shell: plane by plane, with a progress bar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_upaint.commands._planes import measure_image
from napari_upaint.commands._running import Interrupt, bar, drive
from napari_upaint.engine.progress import PlaneResult, PredictProgress
from napari_upaint.io.images import Image, planes
from napari_upaint.io.models import ModelFile
from napari_upaint.settings import ObjectSettings, PredictSettings


@dataclass(frozen=True, slots=True)
class How:
    """How to segment: everything but the image."""

    model: ModelFile
    predict: PredictSettings
    objects: ObjectSettings
    device: str = "auto"
    scores: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """A segmented image.

    Attributes
    ----------
    labels : numpy.ndarray
        int32, axes (leading axes of the image ..., Y, X).
    scores : numpy.ndarray or None
        float16, axes (leading axes ..., C, Y, X), channels as `names`; None if not wanted.
    names : tuple of str
        Names of the channels of `scores`.
    """

    labels: np.ndarray
    scores: np.ndarray | None
    names: tuple[str, ...]


Segment = Callable[[Image, str], Segmentation]  # an image and what to call it


def segment_image(image: Image, name: str, how: How, interrupt: Interrupt) -> Segmentation:
    """Segment all planes of an image with a progress bar on standard error; Ctrl-C gives it up."""
    normalization = measure_image(image, name)
    results: list[PlaneResult] = []
    with bar(image.plane_count, name) as progress:
        from napari_upaint.engine.predict import segment_plane  # takes a while: it brings torch

        def show(state: PredictProgress) -> None:
            progress.update(max(0.0, len(results) + state.done / max(1, state.total) - progress.n))

        for _, plane in planes(image):
            running = segment_plane(
                plane, normalization, how.model, settings=how.predict, objects=how.objects, device=how.device
            )
            results.append(drive(running, PlaneResult, show, interrupt))
    leading, names = image.leading_shape, results[0].names
    labels = np.stack([one.labels for one in results]).reshape(*leading, *image.plane_shape)
    if not how.scores:
        return Segmentation(labels, None, names)
    scores = np.stack([one.scores for one in results])
    return Segmentation(labels, scores.reshape(*leading, *scores.shape[1:]), names)
