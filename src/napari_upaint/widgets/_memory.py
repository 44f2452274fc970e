"""Whether results fit into memory: a full memory would cost the whole window."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_upaint.errors import ImageError, UserError

if TYPE_CHECKING:
    from napari_upaint.widgets._sources import ImageSource

# Labels are int32; scores are float16, mostly background, object and border.
_BYTES_PER_PIXEL = 4 + 3 * 2
# While they are computed they are float32, beside the image and its normalised gray values, in two processes.
BYTES_AT_ONCE = 80
MOST = 0.7  # of the memory of this computer
_PAGE = 4096  # bytes of memory that are given at once, at least


def physical_memory() -> int | None:
    """Return the bytes of memory of this computer, None where that is not known."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        return _windows_memory()


def _windows_memory() -> int | None:
    import ctypes

    kilobytes = ctypes.c_ulonglong()
    try:
        found = ctypes.windll.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes))  # type: ignore[attr-defined]
    except (AttributeError, OSError):
        return None
    return 1024 * kilobytes.value if found else None


def results_fit(images: Iterable[ImageSource], memory: int | None = None) -> None:
    """Raise a UserError if the results of all planes of these images would not fit into memory."""
    memory = physical_memory() if memory is None else memory
    needed = sum(float(np.prod(image.shape, dtype=float)) for image in images) * _BYTES_PER_PIXEL
    if memory is not None and needed > MOST * memory:
        raise UserError(
            f"The results would need {needed / 2**30:.0f} GB of the {memory / 2**30:.0f} GB of memory;"
            " segment single views here, and all of it with the command 'upaint segment'."
        )


def fit_at_once(name: str, sides: tuple[int, ...], memory: int | None = None) -> None:
    """Raise an ImageError if so many pixels of an image do not fit into memory, with what is computed of them."""
    memory = physical_memory() if memory is None else memory
    needed = float(np.prod(sides, dtype=float)) * BYTES_AT_ONCE
    if memory is not None and needed > MOST * memory:
        raise ImageError(
            f"{name} would need {needed / 2**30:.0f} GB of the {memory / 2**30:.0f} GB of memory, since"
            f" {' × '.join(map(str, sides))} pixels of it are taken at once; cut it into parts."
        )


def holding(
    image: ImageSource, index: tuple[Any, ...], plane: np.ndarray, room: np.ndarray | None = None
) -> np.ndarray:
    """Return an array of an image's shape with room for a plane: a new one holds it, as it is where there is but one.

    Fit for a thread: memory that is written for the first time takes a twentieth of a second for 2048 x 2048.

    Parameters
    ----------
    room : numpy.ndarray or None
        What there is already; it only gets memory, and holds what it held.
    """
    if room is not None and room.shape != image.shape:  # the image has other pixels by now
        room = None
    if plane.shape == image.shape:
        return plane if room is None else room
    if room is None:
        room = zeros_for(image, image.shape, plane.dtype)
        room[index] = plane
    elif isinstance(part := room[index], np.ndarray) and part.flags.c_contiguous and part.flags.writeable:
        part.reshape(-1)[:: max(1, _PAGE // part.itemsize)] += part.dtype.type(0)
    return room


def zeros_for(
    image: ImageSource,
    shape: tuple[int, ...],
    dtype: Any,
    what: str = "results",
    instead: str = "segment it with 'upaint segment' instead",
) -> np.ndarray:
    """Return an empty array for results of an image; a UserError where there is no memory for it."""
    try:
        return np.zeros(shape, dtype)
    except (MemoryError, ValueError) as error:
        size = np.prod(shape, dtype=float) * np.dtype(dtype).itemsize / 2**30
        raise UserError(f"The {what} of {image.name} would need {size:.0f} GB of memory; {instead}.") from error
