"""Check for gray values that are NaN or infinite: nothing can be learnt from them, and nothing found."""

from __future__ import annotations

import numpy as np

from napari_upaint.errors import ImageError


def is_finite(image: np.ndarray) -> bool:
    """Return whether all gray values are numbers: neither NaN nor infinite."""
    return image.dtype.kind != "f" or bool(np.isfinite(image).all())


def check_finite(image: np.ndarray, name: str = "The image") -> None:
    """Refuse an image with NaN or infinite gray values, however few.

    Raises
    ------
    ImageError
        If there are any; the message gives their number.
    """
    if not is_finite(image):
        wrong = image.size - np.count_nonzero(np.isfinite(image))
        pixels, those = ("a pixel that is", "it") if wrong == 1 else (f"{wrong} pixels that are", "them")
        raise ImageError(f"{name} has {pixels} NaN or infinite; export the image again, or replace {those}.")
