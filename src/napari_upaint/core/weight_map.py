"""The weight map of the loss (paper, sec. 3, eq. 2), for sparse annotations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from napari_upaint.core.border import border_reach, border_term, carve_border, seed_border, touching
from napari_upaint.core.ids import identify
from napari_upaint.settings import Kind, WeightSettings

__all__ = ["border_term", "carve_border", "class_weights", "update_weight_map", "weight_map"]


def weight_map(
    annotation: np.ndarray,
    kind: Kind,
    settings: WeightSettings | None = None,
    *,
    spacing: Sequence[float] | None = None,
    balance: np.ndarray | None = None,
) -> np.ndarray:
    """Weigh every painted pixel: ``w_c(x) + w0 exp(-(d1(x) + d2(x))^2 / (2 sigma^2))`` (paper, eq. 2).

    The second term is there on painted background only, between objects that are painted. What the annotation does not
    know has no weight and moves no other pixel's.

    Parameters
    ----------
    annotation : numpy.ndarray
        Integers, axes ([Z,] Y, X): 0 unlabelled, 1 background, from 2 on objects or classes.
    kind : {"objects", "classes"}
        objects: every value from 2 on is one object; a pixel between touching ones counts as background (see
        `carve_border`). classes: every patch of one class (connected over faces) is an object beside the other patches
        of this class; the largest border term of all classes counts.
    settings : WeightSettings, optional
        w0, sigma (in px; in voxels' shortest edges where ``spacing`` is given) and whether classes are balanced.
    spacing : sequence of float, optional
        Size of a voxel, ([Z,] Y, X), any unit: only ratios count.
    balance : numpy.ndarray, optional
        w_c per class, instead of `class_weights` of this annotation; for maps that must agree with others.

    Returns
    -------
    numpy.ndarray
        float32, shape of ``annotation``; the painted pixels' w_c are 1 on average.
    """
    settings = settings or WeightSettings()
    seeds = seeds_of(annotation, kind)
    table = _balance(seeds, kind, settings) if balance is None else balance
    classes = np.minimum(seeds, 1) if kind == "objects" else seeds
    # Unlabelled pixels, -1, find the 0 at the end.
    weights = np.append(table, 0).astype(np.float32)[classes]
    border = _objects_border if kind == "objects" else _classes_border
    border(weights, seeds, settings, _edges(spacing))
    return weights


def class_weights(annotation: np.ndarray, kind: Kind, settings: WeightSettings | None = None) -> np.ndarray:
    """Return w_c: background first, then "object" or the classes; painted pixels divided by classes times own pixels.

    All 1 where ``settings.balance`` is off; 0 for a class that is not painted.
    """
    return _balance(seeds_of(annotation, kind), kind, settings or WeightSettings())


def update_weight_map(
    weights: np.ndarray,
    annotation: np.ndarray,
    changed: tuple[slice, ...],
    kind: Kind,
    settings: WeightSettings | None = None,
    *,
    spacing: Sequence[float] | None = None,
    balance: np.ndarray | None = None,
) -> tuple[slice, ...]:
    """Bring a weight map up to date after a brush stroke, in place, where the stroke can have changed it.

    Equal to `weight_map` of the whole annotation with the same ``balance``.

    Parameters
    ----------
    weights : numpy.ndarray
        The map before the stroke; changed in place.
    annotation : numpy.ndarray
        After the stroke, ([Z,] Y, X).
    changed : tuple of slice
        A box around all pixels that the stroke changed, in px.
    kind, settings, spacing
        As for `weight_map`. Of kind "classes" everything is computed again: a stroke may join far patches.
    balance : numpy.ndarray
        w_c that ``weights`` was made with (`class_weights`). Without it, w_c changes everywhere with every stroke and
        everything is computed again.

    Returns
    -------
    tuple of slice
        The box that was computed again: nothing changed outside.
    """
    settings = settings or WeightSettings()
    if kind == "classes" or balance is None:
        weights[...] = weight_map(annotation, kind, settings, spacing=spacing, balance=balance)
        return tuple(slice(0, n) for n in annotation.shape)
    edges = np.ones(annotation.ndim) if spacing is None else np.asarray(_edges(spacing))
    # One pixel more: a stroke also decides whether its neighbours are carved.
    far = [int(border_reach(settings.w0, settings.sigma) / edge) + 1 for edge in edges]
    written, read = [], []
    for box, n, reach in zip(changed, annotation.shape, far, strict=True):
        start, stop, _ = box.indices(n)
        written.append(slice(max(0, start - reach), min(n, stop + reach)))
        read.append(slice(max(0, start - 2 * reach - 1), min(n, stop + 2 * reach + 1)))
    part = weight_map(annotation[tuple(read)], kind, settings, spacing=spacing, balance=balance)
    inner = (slice(w.start - r.start, w.stop - r.start) for w, r in zip(written, read, strict=True))
    weights[tuple(written)] = part[tuple(inner)]
    return tuple(written)


def seeds_of(annotation: np.ndarray, kind: Kind) -> np.ndarray:
    """Return int32: -1 unlabelled, 0 background (gaps between touching objects, too), from 1 on objects or classes."""
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


def _balance(seeds: np.ndarray, kind: Kind, settings: WeightSettings) -> np.ndarray:
    painted = seeds[seeds >= 0]
    return balance_of(np.bincount(np.minimum(painted, 1) if kind == "objects" else painted, minlength=2), settings)


def balance_of(counts: np.ndarray, settings: WeightSettings) -> np.ndarray:
    """Return w_c from the painted pixels of each class, background first; see `class_weights`."""
    if not settings.balance:
        return np.ones(len(counts), np.float32)
    share = counts * np.count_nonzero(counts) / max(1, int(counts.sum()))
    return np.divide(1, share, out=np.zeros(len(counts)), where=share > 0).astype(np.float32)


def _objects_border(
    weights: np.ndarray, seeds: np.ndarray, settings: WeightSettings, edges: Sequence[float] | None
) -> None:
    if settings.w0 > 0:
        weights += seed_border(seeds, settings.w0, settings.sigma, edges)


def _classes_border(
    weights: np.ndarray, seeds: np.ndarray, settings: WeightSettings, edges: Sequence[float] | None
) -> None:
    most = np.zeros(seeds.shape, np.float32)
    for one in np.unique(seeds[seeds > 0]):
        patches, count = ndimage.label(seeds == one)
        if count > 1 and settings.w0 > 0:
            patches = np.where((seeds != 0) & (patches == 0), -1, patches).astype(np.int32)
            np.maximum(most, seed_border(patches, settings.w0, settings.sigma, edges), out=most)
    weights += most
