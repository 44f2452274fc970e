"""Measure the gray values of an image without reading all of it: on some pixels of some planes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from napari_upaint.core.finite import is_finite
from napari_upaint.core.normalize import Normalization, measure
from napari_upaint.errors import ImageError, UserError

# Gray values of a stack are measured on at most this many planes, and on about this many pixels of each.
_PLANES_MEASURED, _PIXELS_MEASURED = 8, 2_000_000


def measure_gray_values(
    name: str, leading_shape: tuple[int, ...], read: Callable[[tuple[int, ...]], np.ndarray]
) -> Normalization:
    """Measure gray values on planes spread evenly over an image; `read` returns some pixels of a plane, channels first.

    Planes that cannot be read, or that have NaN or infinite pixels, are left out: they cannot be segmented, but the
    others can.

    Raises
    ------
    ImageError
        If the image has no planes, is constant, or has NaN or infinite pixels on all these planes.
    UserError
        If none of these planes can be read: the error of the first one.
    """
    count = math.prod(leading_shape)
    if count == 0:
        raise ImageError(f"{name} has no planes (its shape begins with {leading_shape}); choose another.")
    chosen = np.unique(np.linspace(0, count - 1, min(count, _PLANES_MEASURED)).round().astype(int))
    planes, failed = list[np.ndarray](), list[UserError]()
    for number in chosen:
        try:  # copied, so that the whole planes do not stay in memory
            planes.append(read(tuple(int(i) for i in np.unravel_index(number, leading_shape))).copy())
        except UserError as error:
            failed.append(error)
    if not planes:
        raise failed[0]
    usable = [plane for plane in planes if is_finite(plane)]
    return measure(np.stack(usable or planes, axis=1), name)


def thinned(pixels: int) -> slice:
    """Return which rows, and which columns, of a plane with this many pixels are measured."""
    return slice(None, None, math.ceil(math.sqrt(max(1.0, pixels / _PIXELS_MEASURED))))
