"""Boxes around the paint: little of a large image is painted, and nothing has to be computed elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

Box = tuple[slice, ...]

# Pixels; a smaller image is computed as a whole in a few milliseconds.
_LARGE = 4_000_000


def box_of(mask: np.ndarray) -> Box | None:
    """Return the smallest box around all true pixels, None if there are none."""
    along = [_along(mask, axis) for axis in range(mask.ndim)]
    return tuple(slice(int(one[0]), int(one[-1]) + 1) for one in along) if all(map(len, along)) else None


def grown(box: Box, margins: Sequence[int], shape: Sequence[int]) -> Box:
    """Return a box enlarged by margins (px, on both sides along each axis) and cut to an image of `shape`."""
    sides = zip(box, margins, shape, strict=True)
    return tuple(slice(max(0, side.start - margin), min(n, side.stop + margin)) for side, margin, n in sides)


def neighbours(ndim: int) -> Iterator[tuple[Box, Box]]:
    """Iterate over the axes: the region of all pixels but the first along the axis, and of those just before them."""
    for axis in range(ndim):
        yield (slice(None),) * axis + (slice(1, None),), (slice(None),) * axis + (slice(None, -1),)


def painted_boxes(painted: np.ndarray, margins: Sequence[int]) -> list[Box]:
    """Return boxes around painted pixels with context, cut to the image; the boxes do not meet.

    Parameters
    ----------
    painted : numpy.ndarray
        bool, ([Z,] Y, X).
    margins : sequence of int
        Context on each side along each axis, px.

    Returns
    -------
    list of tuple of slice
        Empty if nothing is painted.
    """
    todo: list[Box] = [tuple(slice(0, n) for n in painted.shape)]
    tight = list[Box]()
    while todo:  # a loop: a thousand dots in a row would be too deep for recursion
        parts = _parts(painted, margins, todo.pop())
        if len(parts) > 1:
            todo += reversed(parts)
        else:
            tight += parts
    return [grown(box, margins, painted.shape) for box in tight]


def telling_boxes(painted: np.ndarray, margins: Sequence[int]) -> list[Box]:
    """Return boxes that hold all that depends on paint: `painted_boxes` of a large image, the whole of a small one.

    What depends on nothing beyond the margins can be computed box by box with the same result.

    Parameters
    ----------
    painted, margins
        As for `painted_boxes`.
    """
    if painted.size < _LARGE:
        return [tuple(slice(0, n) for n in painted.shape)]
    return painted_boxes(painted, margins)


def _parts(painted: np.ndarray, margins: Sequence[int], box: Box) -> list[Box]:
    """Halve a box at the widest gap in its paint; if no gap is wide enough, make it as small as possible."""
    part, tight = painted[box], []
    for axis, (margin, within) in enumerate(zip(margins, box, strict=True)):
        along = _along(part, axis) + within.start
        if not len(along):
            return []
        gaps = np.diff(along)
        if len(gaps) and gaps.max() > 2 * margin + 1:
            last, first = (int(along[gaps.argmax() + at]) for at in (0, 1))
            halves = (slice(within.start, last + 1), slice(first, within.stop))
            return [(*box[:axis], half, *box[axis + 1 :]) for half in halves]
        tight.append(slice(int(along[0]), int(along[-1]) + 1))
    return [tuple(tight)]


def _along(mask: np.ndarray, axis: int) -> np.ndarray:
    """Return the indices along an axis at which anything is true."""
    return np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
