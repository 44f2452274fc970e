"""Small invented pictures, and two strokes on them: for tests of the window that learn from no image."""

from __future__ import annotations

import numpy as np


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
