"""Boxes around what is painted: of a large image little is, and nothing has to be computed elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

Box = tuple[slice, ...]

# Pixels; of a smaller image all is computed in some milliseconds.
_LARGE = 4_000_000


def box_of(mask: np.ndarray) -> Box | None:
    """Return the smallest box around what is true, None if nothing is."""
    along = [_along(mask, axis) for axis in range(mask.ndim)]
    return tuple(slice(int(one[0]), int(one[-1]) + 1) for one in along) if all(map(len, along)) else None


def grown(box: Box, margins: Sequence[int], shape: Sequence[int]) -> Box:
    """Return a box larger by the margins, px on each side along each axis, cut to an image of a shape."""
    sides = zip(box, margins, shape, strict=True)
    return tuple(slice(max(0, side.start - margin), min(n, side.stop + margin)) for side, margin, n in sides)


def neighbours(ndim: int) -> Iterator[tuple[Box, Box]]:
    """Iterate over the axes: pixels with another one before them along the axis, and where those others are."""
    for axis in range(ndim):
        yield (slice(None),) * axis + (slice(1, None),), (slice(None),) * axis + (slice(None, -1),)


def painted_boxes(painted: np.ndarray, margins: Sequence[int]) -> list[Box]:
    """Return boxes around painted pixels with their context, cut to the image; the boxes do not meet.

    Parameters
    ----------
    painted : numpy.ndarray
        bool, ([Z,] Y, X).
    margins : sequence of int
        Context on each side along each axis, px.

    Returns
    -------
    list of tuple of slice
        None without paint.
    """
    tight = _apart(painted, margins, tuple(slice(0, n) for n in painted.shape))
    return [grown(box, margins, painted.shape) for box in tight]


def telling_boxes(painted: np.ndarray, margins: Sequence[int]) -> list[Box]:
    """Return boxes outside of which paint tells nothing: `painted_boxes` of a large image, of a small one all of it.

    What depends on nothing further away than the margins is the same computed box by box.

    Parameters
    ----------
    painted, margins
        As for `painted_boxes`.
    """
    if painted.size < _LARGE:
        return [tuple(slice(0, n) for n in painted.shape)]
    return painted_boxes(painted, margins)


def _apart(painted: np.ndarray, margins: Sequence[int], box: Box) -> list[Box]:
    """Return the boxes around the paint in a box, as small as can be; a list of all painted pixels would not fit."""
    part, tight = painted[box], []
    for axis, (margin, within) in enumerate(zip(margins, box, strict=True)):
        along = _along(part, axis) + within.start
        if not len(along):
            return []
        gaps = np.diff(along)
        if len(gaps) and gaps.max() > 2 * margin + 1:
            last, first = (int(along[gaps.argmax() + at]) for at in (0, 1))
            halves = (slice(within.start, last + 1), slice(first, within.stop))
            return [one for half in halves for one in _apart(painted, margins, (*box[:axis], half, *box[axis + 1 :]))]
        tight.append(slice(int(along[0]), int(along[-1]) + 1))
    return [tuple(tight)]


def _along(mask: np.ndarray, axis: int) -> np.ndarray:
    """Return where along an axis anything is true."""
    return np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
