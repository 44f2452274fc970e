"""Gray values of an image that is not read as a whole: measured on some pixels of some of its planes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from napari_upaint.core.finite import is_finite
from napari_upaint.core.normalize import Normalization, measure
from napari_upaint.errors import ImageError, UserError

# Gray values of a stack are measured on so many planes, of each of which so many pixels are kept.
_PLANES_MEASURED, _PIXELS_MEASURED = 8, 2_000_000


def measure_gray_values(
    name: str, leading_shape: tuple[int, ...], read: Callable[[tuple[int, ...]], np.ndarray]
) -> Normalization:
    """Measure gray values on planes spread evenly over an image, of which `read` reads some pixels.

    Planes that cannot be read, or with NaN or infinite pixels, say nothing: they cannot be segmented, and must not keep
    the others from it.

    Raises
    ------
    ImageError
        If it is constant, or has NaN or infinite pixels on all these planes.
    UserError
        If none of these planes can be read: that of the first one.
    """
    count = math.prod(leading_shape)
    if count == 0:
        raise ImageError(f"{name} has no planes (its shape begins with {leading_shape}); choose another.")
    chosen = np.unique(np.linspace(0, count - 1, min(count, _PLANES_MEASURED)).round().astype(int))
    planes, failed = list[np.ndarray](), list[UserError]()
    for number in chosen:
        try:  # copies: the planes themselves shall not stay in memory
            planes.append(read(tuple(int(i) for i in np.unravel_index(number, leading_shape))).copy())
        except UserError as error:
            failed.append(error)
    if not planes:
        raise failed[0]
    usable = [plane for plane in planes if is_finite(plane)]
    return measure(np.stack(usable or planes, axis=1), name)


def thinned(pixels: int) -> slice:
    """Return which rows, and which columns, are measured of a plane of so many pixels."""
    return slice(None, None, math.ceil(math.sqrt(max(1.0, pixels / _PIXELS_MEASURED))))
