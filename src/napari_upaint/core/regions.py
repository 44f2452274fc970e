"""Regions that the user draws: fully annotated, or with paint that tests the model and is never learnt from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np

Purpose = Literal["annotated", "validation"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
_FARTHEST = 2**31  # px; no image is as large, and beyond these corners are not numbers, or damage


@dataclass(frozen=True, slots=True)
class Region:
    """A polygon on one plane of an image.

    Attributes
    ----------
    purpose : {"annotated", "validation"}
        annotated: unlabelled pixels inside are background; validation: paint inside is used for testing only.
    corners : tuple of (float, float)
        (Y, X) in pixels; pixel centres are whole numbers.
    index : tuple of int
        The plane of the region: index along the axes before Y and X.
    """

    purpose: Purpose
    corners: tuple[tuple[float, float], ...]
    index: tuple[int, ...] = ()


def region_mask(
    regions: Iterable[Region], purpose: Purpose, shape: Sequence[int], *, index: Sequence[int] = ()
) -> np.ndarray | None:
    """Mark the pixels whose centre lies in a region of one purpose.

    Parameters
    ----------
    regions : iterable of Region
        Of the whole image.
    purpose : {"annotated", "validation"}
    shape : sequence of int
        Shape of the part to mark, ([Z,] Y, X).
    index : sequence of int
        Where the part lies in the image: index along the axes before ``shape``.

    Returns
    -------
    numpy.ndarray or None
        bool; None if no region of that purpose lies there.
    """
    mask: np.ndarray | None = None
    leading = len(index)
    for region in regions:
        if region.purpose != purpose or region.index[:leading] != tuple(index):
            continue
        inner = region.index[leading:]
        if len(inner) + 2 != len(shape) or any(not 0 <= i < n for i, n in zip(inner, shape, strict=False)):
            continue
        mask = np.zeros(tuple(shape), bool) if mask is None else mask
        _mark(mask[inner], np.asarray(region.corners, float))
    return mask


def fill_background(annotation: np.ndarray, annotated: np.ndarray | None) -> np.ndarray:
    """Return an annotation in which unlabelled pixels of fully annotated regions are background.

    Parameters
    ----------
    annotation : numpy.ndarray
        Integers, ([Z,] Y, X), 0 unlabelled; not changed.
    annotated : numpy.ndarray or None
        bool, same shape, see `region_mask`; None: there are none.
    """
    if annotated is None:
        return annotation
    filled = annotation.copy()
    filled[annotated & (annotation == 0)] = 1
    return filled


def learnt(annotation: np.ndarray, validation: np.ndarray | None) -> np.ndarray:
    """Return the part of an annotation that is learnt from: all paint outside of validation regions.

    Parameters
    ----------
    annotation : numpy.ndarray
        Integers, ([Z,] Y, X), 0 unlabelled; not changed.
    validation : numpy.ndarray or None
        bool, same shape, see `region_mask`; None: there are none.
    """
    if validation is None:
        return annotation
    left = annotation.copy()
    left[validation] = 0
    return left


def as_notes(regions: Iterable[Region]) -> list[dict[str, Any]]:
    """Return regions in a form that JSON can hold."""
    return [asdict(region) for region in regions]


def from_notes(notes: Any) -> tuple[Region, ...]:
    """Return the regions that `as_notes` wrote; anything else is left out."""
    found = []
    for note in notes if isinstance(notes, list) else []:
        try:
            corners = tuple((float(y), float(x)) for y, x in note["corners"])
            if note["purpose"] in PURPOSES and len(corners) > 2 and np.abs(corners).max() < _FARTHEST:
                found.append(Region(note["purpose"], corners, tuple(int(i) for i in note["index"])))
        except (KeyError, TypeError, ValueError):
            continue
    return tuple(found)


def _mark(plane: np.ndarray, corners: np.ndarray) -> None:
    """Mark the pixels of a plane whose centre lies in a polygon (even-odd rule; upper and left edges belong to it)."""
    low = np.maximum(np.ceil(corners.min(axis=0)), 0).astype(int)
    high = np.minimum(np.ceil(corners.max(axis=0)), plane.shape).astype(int)
    if (high <= low).any():
        return
    part = plane[low[0] : high[0], low[1] : high[1]]
    ys, xs = np.arange(low[0], high[0])[:, None], np.arange(low[1], high[1])
    inside = np.zeros(part.shape, bool)
    for (y0, x0), (y1, x1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        between = (ys >= min(y0, y1)) & (ys < max(y0, y1))
        inside ^= between & (xs >= x0 + (ys - y0) * (x1 - x0) / (y1 - y0))
    part |= inside
