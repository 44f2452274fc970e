"""Draws what a model finds without any paint in samples of the package, none of which it has learnt from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from skimage.color import label2rgb

from napari_upaint.core.normalize import measure
from napari_upaint.engine.segment import segment_plane
from napari_upaint.io.models import ModelFile
from napari_upaint.io.samples import open_sample

SAMPLES = {2: ("nuclei_fluorescence", "nuclei_he", "cells_phase", "membranes_em"), 3: ("nuclei_3d",)}
_EDGE = 256  # px: edge of the square shown of each image


def draw_picture(path: Path, model: ModelFile) -> None:
    """Write a strip of pictures: above, each sample (of a volume, three slices); below, what was found in it."""
    ndim = model.header.architecture.ndim
    columns = [column for name in SAMPLES[ndim] for column in _columns(name, model)]
    strip = Image.fromarray(np.concatenate(columns, axis=1))
    # Takes less than a third of the bytes; the picture is in every installation.
    strip.quantize(128, method=Image.Quantize.MAXCOVERAGE).save(path, optimize=True)


def _columns(name: str, model: ModelFile) -> list[np.ndarray]:
    found = open_sample(name)
    pixels, colour = np.asarray(found.image.data), found.image.axes.find("S")
    image = pixels[None] if colour < 0 else np.moveaxis(pixels, colour, 0)
    normalization = measure(image)
    *_, result = segment_plane(image, normalization, model)
    gray = np.clip(normalization.apply(image).mean(0), 0, 1)
    if gray.ndim == 2:
        return [_column(gray, result.labels)]
    return [_column(gray[z], result.labels[z]) for z in np.linspace(0, len(gray) - 1, 5).astype(int)[1:4]]


def _column(gray: np.ndarray, labels: np.ndarray) -> np.ndarray:
    gray, labels = (_fitted(array) for array in (gray, labels))
    colours = label2rgb(labels, gray, alpha=0.5, bg_label=0)
    return (np.concatenate([np.stack([gray] * 3, -1), colours]) * 255).astype(np.uint8)


def _fitted(plane: np.ndarray) -> np.ndarray:
    larger = max(1, _EDGE // max(plane.shape))
    part = plane.repeat(larger, 0).repeat(larger, 1)[:_EDGE, :_EDGE]
    return np.pad(part, [(0, _EDGE - n) for n in part.shape])
