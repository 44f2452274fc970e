"""The weight map of the loss (paper, sec. 3, eq. 2), for sparse annotations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from napari_upaint.core.border import border_reach, border_term, carve_border, seed_border, touching
from napari_upaint.core.boxes import Box, grown
from napari_upaint.core.ids import identify
from napari_upaint.settings import Kind, WeightSettings

__all__ = ["border_term", "carve_border", "weight_map"]


def weight_map(
    annotation: np.ndarray,
    kind: Kind,
    settings: WeightSettings | None = None,
    *,
    spacing: Sequence[float] | None = None,
    among: tuple[np.ndarray, int] | None = None,
) -> np.ndarray:
    """Weigh every painted pixel: ``w_c(x) + w0 exp(-(d1(x) + d2(x))^2 / (2 sigma^2))`` (paper, eq. 2).

    The second term is only added on painted background, between painted objects. Unlabelled pixels have no weight and
    do not affect the weights of others.

    Parameters
    ----------
    annotation : numpy.ndarray
        Integers, axes ([Z,] Y, X): 0 unlabelled, 1 background, from 2 up objects or classes.
    kind : {"objects", "classes"}
        objects: every value from 2 up is one object; a pixel between touching objects counts as background (see
        `carve_border`). classes: every patch of one class (connected across faces) is an object beside the other
        patches of this class; the largest border term of all classes counts.
    settings : WeightSettings, optional
        w0, sigma (in px, or in shortest voxel edges if ``spacing`` is given) and when classes are balanced.
    spacing : sequence of float, optional
        Size of a voxel, ([Z,] Y, X), in any unit: only ratios count.
    among : tuple of (numpy.ndarray, int), optional
        If this is a part of an annotation: `class_counts` and the number of pixels of all of it.

    Returns
    -------
    numpy.ndarray
        float32, shape of ``annotation``; the mean of w_c over painted pixels is 1 (of the whole, if this is a part).

    Raises
    ------
    ValueError
        If the annotation does not hold integers of 0 or more, or a setting or the spacing is out of range or does not
        fit.
    """
    settings = settings or WeightSettings()
    seeds = seeds_of(annotation, kind)
    classes = _classes(seeds, kind)
    counts, pixels = (_counts(classes), annotation.size) if among is None else among
    table = balance_of(counts, pixels, settings)
    # Unlabelled pixels are -1, so they get the 0 at the end.
    weights = np.append(table, 0).astype(np.float32)[classes]
    weights += border_of(seeds, kind, settings, spacing)
    return weights


def class_counts(annotation: np.ndarray, kind: Kind) -> np.ndarray:
    """Return how many pixels of each class are painted, (K,), background first: with its carved gaps for objects."""
    return _counts(_classes(seeds_of(annotation, kind), kind))


def _classes(seeds: np.ndarray, kind: Kind) -> np.ndarray:
    return np.minimum(seeds, 1) if kind == "objects" else seeds


def _counts(classes: np.ndarray) -> np.ndarray:
    return np.bincount(classes[classes >= 0])


def border_of(seeds: np.ndarray, kind: Kind, settings: WeightSettings, spacing: Sequence[float] | None) -> np.ndarray:
    """Return the second term of `weight_map`, float32, for seeds from `seeds_of`."""
    edges = _edges(spacing)
    border = np.zeros(seeds.shape, np.float32)
    if settings.w0 == 0:
        return border
    if kind == "objects":
        return seed_border(seeds, settings.w0, settings.sigma, edges)
    for one in np.unique(seeds[seeds > 0]):
        patches, count = ndimage.label(seeds == one)
        if count > 1:
            patches = np.where((seeds != 0) & (patches == 0), -1, patches).astype(np.int32)
            np.maximum(border, seed_border(patches, settings.w0, settings.sigma, edges), out=border)
    return border


def update_border(
    border: np.ndarray,
    annotation: np.ndarray,
    changed: Box,
    settings: WeightSettings,
    spacing: Sequence[float] | None,
) -> Box:
    """Update the border term of objects in place after a brush stroke, where the stroke may have changed it.

    Parameters
    ----------
    border : numpy.ndarray
        The result of `border_of` before the stroke; changed in place.
    annotation : numpy.ndarray
        After the stroke, ([Z,] Y, X).
    changed : tuple of slice
        A box around all pixels that the stroke changed.
    settings, spacing
        As for `weight_map`.

    Returns
    -------
    tuple of slice
        The box that was recomputed: nothing changed outside.
    """
    edges = _edges(spacing) or [1.0] * annotation.ndim
    # One pixel more: a stroke also decides whether its neighbours are carved.
    far = [int(border_reach(settings.w0, settings.sigma) / edge) + 1 for edge in edges]
    written, read = (grown(changed, by, annotation.shape) for by in (far, [2 * n + 1 for n in far]))
    part = border_of(seeds_of(annotation[read], "objects"), "objects", settings, spacing)
    inner = (slice(w.start - r.start, w.stop - r.start) for w, r in zip(written, read, strict=True))
    border[written] = part[tuple(inner)]
    return written


def seeds_of(annotation: np.ndarray, kind: Kind) -> np.ndarray:
    """Return int32 seeds: -1 unlabelled, 0 background (and gaps of touching objects), from 1 up objects or classes."""
    seeds = identify(annotation) - np.int32(1)
    if kind == "objects":
        seeds[touching(seeds)] = 0
    return seeds


def _edges(spacing: Sequence[float] | None) -> list[float] | None:
    """Return voxel edges in units of the shortest."""
    if spacing is None:
        return None
    if not min(spacing) > 0:
        raise ValueError(f"Spacing is {tuple(spacing)}; give a positive number per axis.")
    return [float(edge) / float(min(spacing)) for edge in spacing]


def balance_of(counts: np.ndarray, pixels: int, settings: WeightSettings) -> np.ndarray:
    """Return w_c of each class, background first.

    Balanced, it is (all painted pixels) / (number of painted classes * pixels of the class), otherwise 1; in between it
    is the former raised to `balance_power`. The mean over painted pixels is always 1.

    Parameters
    ----------
    counts : numpy.ndarray
        Painted pixels of each class, (K,).
    pixels : int
        Of the plane or volume, painted or not.
    settings : WeightSettings

    Returns
    -------
    numpy.ndarray
        float32, (K,); 0 for a class that is not painted.
    """
    painted = max(1, int(counts.sum()))
    share = counts * np.count_nonzero(counts) / painted
    even = np.divide(1, share, out=np.zeros(len(counts)), where=share > 0)
    weights = np.where(share > 0, even ** balance_power(painted, pixels, settings), 0)
    return (weights * (painted / max(1, (counts * weights).sum()))).astype(np.float32)


def balance_power(painted: int, pixels: int, settings: WeightSettings) -> float:
    """Return how far classes are balanced: 1 with "always", 0 with "never", and with "strokes" what the paint tells.

    Balanced classes are taken to be equally common. Of strokes nothing better is known, but a finished mask tells how
    common they are: there, rare objects would be found too large. So with "strokes" it falls from 1, where at most half
    of the pixels are painted, to 0, where all are.

    Parameters
    ----------
    painted, pixels : int
        How many pixels are painted, and how many there are.
    settings : WeightSettings
    """
    strokes = min(1.0, 2 * (1 - painted / max(1, painted, pixels)))
    return {"always": 1.0, "never": 0.0, "strokes": strokes}[settings.balance]
