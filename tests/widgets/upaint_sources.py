"""Images and labels as the window hands them to threads, without a window."""

from __future__ import annotations

import numpy as np

from napari_upaint.widgets._sources import AnnotationSource, ImageSource, Placement


def placement(ndim, unit="micrometer"):
    eye = np.eye(ndim)
    return Placement((0.5,) * ndim, (0,) * ndim, eye, eye, np.eye(ndim + 1), (unit,) * ndim, ("a",) * ndim)


def source(data, rgb=False, unit="micrometer", name="cells"):
    return ImageSource(name, name, data, rgb, placement(data.ndim - rgb, unit))


def annotation(data, name="strokes"):
    return AnnotationSource(name, name, data)


def noise(shape, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, 200, shape).astype(dtype)


def painted(shape, *places):
    labels = np.zeros(shape, np.uint16)
    for label, place in places:
        labels[place] = label
    return labels
