"""Cut what is in view out of an image, for the preview: frozen values, safe in threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_upaint.core.normalize import Normalization
from napari_upaint.engine.progress import PreviewView, Sight
from napari_upaint.settings import ObjectSettings
from napari_upaint.widgets._sources import ImageSource

Box = tuple[slice, slice]
# Longest edge of what a preview shows, in pixels that the network sees.
MOST = 1024
# Real context around it, in pixels sent: what lies beyond is mirrored.
_CONTEXT = 32
# At most this many pixels of the image are read along an edge, for a model that sees images at a much smaller scale.
_MOST_READ = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Viewed:
    """The part of an image plane that is in view.

    Attributes
    ----------
    image : ImageSource
    index : tuple of int
        Index of the plane along the leading axes.
    box : tuple of slice
        (Y, X), pixels of the image.
    levels : tuple
        Arrays of a pyramid, finest first; empty for an image without one.
    """

    image: ImageSource
    index: tuple[int, ...]
    box: Box
    levels: tuple[Any, ...]

    def same_as(self, other: Viewed) -> bool:
        """Return whether the same pixels are in view, in the same place."""
        if (self.image.key, self.index, self.box) != (other.image.key, other.index, other.box):
            return False
        return self.image.data is other.image.data


def for_scale(viewed: Viewed, scale: float) -> tuple[Box, int]:
    """Return the box to show of a view, if a model sees images at a scale, and by how much to shrink it first.

    A model that sees an image at a quarter of its size sees four times as far for the same work; a box that is too
    wide to be sent unchanged is shrunk, but never below what the model sees.
    """
    edge = int(min(MOST / scale, _MOST_READ))
    seen = min(edge, max(side.stop - side.start for side in viewed.box))
    shrunk = max(1, min(-(-seen // MOST), int(1 / scale + 1e-6)))
    sides = []
    for side, n in zip(viewed.box, viewed.image.shape[-2:], strict=True):
        low, high = side.start, side.stop
        if high - low > edge:
            low = (low + high - edge) // 2
            high = low + edge
        # Whole pixels of the shrunk image, counted from its corner, so it does not crawl when the view moves.
        low = low // shrunk * shrunk
        sides.append(slice(low, max(low + shrunk, min(n, -(-high // shrunk) * shrunk) // shrunk * shrunk)))
    return (sides[0], sides[1]), shrunk


def cut(
    viewed: Viewed,
    box: Box,
    shrunk: int,
    number: int,
    objects: ObjectSettings,
    measure: Callable[[ImageSource], Normalization],
    see: Callable[[ImageSource], Sight | None],
) -> PreviewView:
    """Read a box with some context around it. Not for the GUI thread: the file may be far away."""
    image, margin = viewed.image, _CONTEXT * shrunk
    outer = tuple(
        slice(max(0, side.start - margin), min(n // shrunk * shrunk, side.stop + margin))
        for side, n in zip(box, image.shape[-2:], strict=True)
    )
    inside = tuple(
        slice((side.start - wide.start) // shrunk, (side.stop - wide.start) // shrunk)
        for side, wide in zip(box, outer, strict=True)
    )
    pixels = _shrunk(viewed, (outer[0], outer[1]), shrunk)
    return PreviewView(number, pixels, measure(image), (inside[0], inside[1]), shrunk, objects, see(image))


def _shrunk(viewed: Viewed, box: Box, shrunk: int) -> np.ndarray:
    """Read a box (C, Y, X) of a plane, made smaller by an integer factor: from a pyramid if it has a fitting level."""
    image, factor = viewed.image, 1
    data = image.data
    for level in viewed.levels[1:]:
        ratio = _ratio(image.shape[-2:], level.shape[len(viewed.index) :][:2])
        if ratio and factor < ratio <= shrunk and shrunk % ratio == 0:
            data, factor = level, ratio
    read = replace(image, data=data).plane(viewed.index, (_divided(box[0], factor), _divided(box[1], factor)))
    rest = shrunk // factor
    if rest == 1:
        return np.ascontiguousarray(read)
    channels, rows, columns = read.shape[0], read.shape[1] // rest, read.shape[2] // rest
    blocks = read[:, : rows * rest, : columns * rest].reshape(channels, rows, rest, columns, rest)
    return np.asarray(blocks.mean((2, 4), dtype=np.float32))


def _ratio(shape: tuple[int, ...], level: tuple[int, ...]) -> int:
    """Return the integer factor by which a level is smaller than the image, 0 if there is none."""
    ratio = round(shape[0] / level[0])
    return ratio if all(n // ratio <= small <= -(-n // ratio) for n, small in zip(shape, level, strict=True)) else 0


def _divided(side: slice, by: int) -> slice:
    return slice(side.start // by, side.stop // by)
