"""Check whether results fit into memory: if it ran out, the whole window would be lost."""

from __future__ import annotations

import ctypes
import math
import mmap
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from napari_upaint.engine.memory import available
from napari_upaint.errors import ImageError, UserError

if TYPE_CHECKING:
    from napari_upaint.widgets._sources import ImageSource

# Labels are int32; scores (mostly background, object and border) and the spread of the rotations are float16.
_BYTES_PER_PIXEL = 4 + 4 * 2
# While they are computed, they are float32, next to the image and its normalised gray values; then they are copied from
# one process to the other. Measured in both together: 39 for 150 million pixels in colour, programs and tiles included.
_BYTES_AT_ONCE = 40
# Bytes per pixel, as measured, to make labels again from scores; and if touching objects are split.
_LABELS_AGAIN, _SPLIT_AGAIN = 10, 34
_MOST = 0.7  # of the memory of this computer
_POPULATE_WRITE = 23  # advice of Linux's madvise: give memory now


def physical_memory() -> int:
    """Return the bytes of memory of this computer."""
    return int(psutil.virtual_memory().total)


def results_fit(images: Iterable[ImageSource]) -> None:
    """Raise a UserError if the results of all planes of these images would not fit into memory."""
    if share := _too_much(sum(math.prod(image.shape) for image in images) * _BYTES_PER_PIXEL):
        raise UserError(
            f"The results would need {share}; segment single views here, and all of it with the command 'upaint"
            " segment'."
        )


def fit_at_once(name: str, sides: tuple[int, ...]) -> None:
    """Raise an ImageError if this many pixels of an image, with what is computed from them, do not fit into memory."""
    if share := too_large(sides):
        raise ImageError(
            f"{name} would need {share}, since {' × '.join(map(str, sides))} pixels of it are taken at once; cut it"
            " into parts."
        )


def too_large(sides: tuple[int, ...]) -> str:
    """Return what this many pixels and their results need, as "20 GB of the 16 GB of memory"; "" if that fits."""
    return _too_much(math.prod(sides) * _BYTES_AT_ONCE)


def labels_fit(pixels: int, split: bool) -> None:
    """Raise a UserError if labels of this many pixels cannot be made again in the memory that is free."""
    needed, free = pixels * (_SPLIT_AGAIN if split else _LABELS_AGAIN), available()
    if free is not None and needed > free:
        less = "clear 'Split touching' or close" if split else "close"
        raise UserError(
            f"{needed / 2**30:.1f} GB of memory are needed at once, and {free / 2**30:.1f} GB are free; {less} other"
            " programs."
        )


def _too_much(needed: int) -> str:
    memory = physical_memory()
    return "" if needed <= _MOST * memory else f"{needed / 2**30:.0f} GB of the {memory / 2**30:.0f} GB of memory"


def holding(
    image: ImageSource, index: tuple[Any, ...], plane: np.ndarray, room: np.ndarray | None = None
) -> np.ndarray:
    """Return an array of an image's shape with room for a plane; a new one holds the plane.

    The plane of an image that has no other is returned as it is. Call it in a thread: writing to memory for the first
    time takes a twentieth of a second for 2048 x 2048.

    Parameters
    ----------
    room : numpy.ndarray or None
        An array that is there already; it only gets memory, and its content stays.
    """
    if room is not None and room.shape != image.shape:  # the image has other pixels by now
        room = None
    if plane.shape == image.shape:
        return plane if room is None else room
    if room is None:
        room = zeros_for(image, image.shape, plane.dtype)
        room[index] = plane
    elif isinstance(part := room[index], np.ndarray) and part.flags.c_contiguous and part.flags.writeable:
        _give_memory(part)
    return room


def _give_memory(part: np.ndarray) -> None:
    """Let memory be given to a contiguous part of an array; its content stays, even if it is painted on meanwhile."""
    if sys.platform == "linux":
        page = mmap.PAGESIZE
        start, end = -(-part.ctypes.data // page) * page, (part.ctypes.data + part.nbytes) // page * page
        ctypes.CDLL(None).madvise(ctypes.c_void_p(start), ctypes.c_size_t(max(0, end - start)), _POPULATE_WRITE)
    elif not part.any():  # a part that holds something has memory, and is not written to
        part.reshape(-1)[:: max(1, mmap.PAGESIZE // part.itemsize)] += part.dtype.type(0)


def zeros_for(
    image: ImageSource,
    shape: tuple[int, ...],
    dtype: Any,
    what: str = "results",
    instead: str = "segment it with 'upaint segment' instead",
) -> np.ndarray:
    """Return an empty array for results of an image; raise a UserError if there is no memory for it."""
    try:
        return np.zeros(shape, dtype)
    except (MemoryError, ValueError) as error:
        size = np.prod(shape, dtype=float) * np.dtype(dtype).itemsize / 2**30
        raise UserError(f"The {what} of {image.name} would need {size:.0f} GB of memory; {instead}.") from error
