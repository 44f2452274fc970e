"""Small invented pictures, and two strokes on them: for tests of the window that learn from no image."""

from __future__ import annotations

import numpy as np

from napari_upaint.io.image import Image
from napari_upaint.io.images import write_image


def picture(shape=(60, 80), seed=0):
    """Return noise with a bright square in each plane."""
    image = np.random.default_rng(seed).normal(20, 3, shape).astype(np.float32)
    image[..., 10:30, 10:30] += 60
    return image


def two_squares(shape=(60, 80)):
    """Return a bright square and a dimmer one in each plane, without noise."""
    image = np.full(shape, 10, np.float32)
    image[..., 10:30, 10:30] = 90
    image[..., 40:50, 45:60] = 60
    return image


def paint(layer, index=()):
    """Paint two strokes as the brush does, background and one object."""
    for label, row, column in ((1, 50, 60), (2, 20, 20)):
        layer.selected_label = label
        layer.brush_size = 6
        layer.paint((*index, row, column), label)


def open_fields(viewer, folder, numbers, shape=(60, 80)):
    """Open fields of view of one size, "field 1" and so on, each a file of its own."""
    for number in numbers:
        path = folder / f"field {number}.tif"
        write_image(path, Image(picture(shape, seed=number), "YX"))
        viewer.open(str(path), plugin="napari-upaint")
