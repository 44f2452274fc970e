"""The sample: one image plane (or volume) and the paint on it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_upaint.core.boxes import painted_boxes
from napari_upaint.core.normalize import Normalization


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """An image region and its annotation, ready to be learnt from.

    Attributes
    ----------
    image : numpy.ndarray
        Raw gray values, axes (C, [Z,] Y, X), any real dtype.
    annotation : numpy.ndarray
        Integers, axes ([Z,] Y, X): 0 unlabelled, 1 background, from 2 up classes or objects.
    normalization : Normalization
        Measured once on the whole image that the region was cut from, never on the region itself:
        a region full of cells would otherwise look darker than it is.
    spacing : tuple of float or None
        Physical size of a voxel, ([Z,] Y, X), or None if unknown.
    name : str
        The user's name of the image; appears in messages.
    validation : numpy.ndarray or None
        bool, shape of ``annotation``: where paint tests the model and is never learnt from. None: nowhere.
    """

    image: np.ndarray
    annotation: np.ndarray
    normalization: Normalization
    spacing: tuple[float, ...] | None = None
    name: str = "image"
    validation: np.ndarray | None = None


def pieces(sample: Sample, margins: tuple[int, ...]) -> list[Sample]:
    """Cut a sample into pieces around its paint, if the paint lies so far apart that the contexts do not meet.

    Together they hold all of the paint, each stroke once; a volume painted in two corners costs only two corners.

    Parameters
    ----------
    sample : Sample
        With some paint.
    margins : tuple of int
        Context on each side along each axis, px.
    """
    return [_part(sample, region) for region in painted_boxes(sample.annotation > 0, margins)]


def _part(sample: Sample, region: tuple[slice, ...]) -> Sample:
    validation = None if sample.validation is None else sample.validation[region]
    image, annotation = sample.image[(slice(None), *region)], sample.annotation[region]
    return replace(sample, image=image, annotation=annotation, validation=validation)
