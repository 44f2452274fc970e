"""Read what was painted in RootPainter, which keeps colours instead of numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_upaint.io.image import Image

_BACKGROUND, _FOREGROUND = 1, 2


def as_numbers(image: Image) -> Image:
    """Return an annotation of RootPainter as numbers: green is background, red 2, transparent not painted.

    Any other image is returned as it is.
    """
    if image.axes != "YXS" or image.length("S") != 4:
        return image
    red, green, blue, alpha = np.moveaxis(image.data, -1, 0)
    painted = alpha > 0
    if (blue[painted] > 0).any() or (red == green)[painted].any():
        return image
    numbers = np.where(red > green, _FOREGROUND, _BACKGROUND).astype(np.uint8) * painted
    return replace(image, data=numbers, axes="YX")
