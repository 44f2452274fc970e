"""Prepare samples so that tiles can be cut from them, and hold out some of their paint for validation."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from napari_upaint.core.deformation import prefilter
from napari_upaint.core.ids import number_ids
from napari_upaint.core.labels import BACKGROUND, FIRST, IGNORED, targets
from napari_upaint.core.regions import learnt
from napari_upaint.core.resize import (
    drawn_out,
    resize_image,
    resize_labels,
    resized_places,
    scaled_shape,
    slices_apart,
)
from napari_upaint.core.sample import Sample, pieces
from napari_upaint.core.weight_map import class_counts, weight_map
from napari_upaint.engine.memory import available
from napari_upaint.errors import EngineError
from napari_upaint.settings import Kind, WeightSettings

HELD_OUT = 0.2  # of the painted pixels of every class
CONTEXT = 400  # px around the paint: what tiles can see at scale 0.25
# For volumes it is less: only painted voxels and what the network sees around them must be real, the rest is mirrored.
CONTEXT_3D = 64
_PIECE = 32  # px: long strokes are held out in pieces of about this length
# Bytes that a pixel takes while it is prepared, per channel and in addition; most of them stay allocated.
_PER_CHANNEL, _BESIDES = 12, 45
_MOST_MEMORY = 0.8  # of the free memory


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A sample at the scale of the network, with everything that tiles are cut from.

    Attributes
    ----------
    image : numpy.ndarray
        Normalised, (C, [Z,] Y, X), float32.
    coefficients : numpy.ndarray
        Of its cubic spline, see `core.deformation.prefilter`.
    target : numpy.ndarray
        int16, ([Z,] Y, X): number of the network's output, -1 unlabelled.
    weights : numpy.ndarray
        float32, ([Z,] Y, X), the weight map.
    held_out : numpy.ndarray
        bool, ([Z,] Y, X): painted pixels kept for validation.
    spacing : tuple of float or None
        Size of a voxel at this scale, ([Z,] Y, X).
    objects : numpy.ndarray or None
        int32, ([Z,] Y, X): ids of painted objects, -1 painted background, 0 unlabelled; None if classes are painted.
    apart : float
        Distance between the slices of a volume before it was stretched along Z, in pixels of a slice.
    """

    image: np.ndarray
    coefficients: np.ndarray
    target: np.ndarray
    weights: np.ndarray
    held_out: np.ndarray
    spacing: tuple[float, ...] | None = None
    objects: np.ndarray | None = None
    apart: float = 1.0


def preparing(
    samples: Sequence[Sample], kind: Kind, *, scale: float, border: int | None, weights: WeightSettings, seed: int
) -> Generator[str, None, list[Prepared]]:
    """Resize samples to the network's scale, make targets and weight maps, and hold some paint out.

    A sample whose paint lies far apart is cut into several. Yields a description of what it does before each sample and
    now and then in between, as a large one takes seconds, and returns all of them.

    Raises
    ------
    EngineError
        If the paint and its surroundings do not fit into memory.
    """
    cut, prepared = _around_paint(samples, scale), list[Prepared]()
    parts = [part for _, its in cut for part in its]
    _check_room(parts, scale)
    yield "preparing image 1"
    held_out = hold_out([part.annotation for part in parts], kind, seed, [part.validation for part in parts])
    for sample, its in cut:
        among = _counted(sample, its, kind)
        for part in its:
            words = f"preparing image {len(prepared) + 1}"
            if prepared:
                yield words
            held = held_out[len(prepared)]
            prepared.append((yield from _prepare(words, part, held, kind, scale, border, weights, among)))
    return prepared


def _counted(sample: Sample, parts: Sequence[Sample], kind: Kind) -> tuple[np.ndarray, int] | None:
    """Return what `weight_map` has to know about a sample that was cut into parts; None if it was not."""
    if len(parts) == 1:
        return None
    found = [class_counts(learnt(part.annotation, part.validation), kind) for part in parts]
    counts = np.zeros(max(map(len, found)), np.int64)
    for one in found:
        counts[: len(one)] += one
    return counts, sample.annotation.size


def check_room(samples: Sequence[Sample], scale: float) -> None:
    """Raise the EngineError that `preparing` would raise."""
    _check_room([part for _, its in _around_paint(samples, scale) for part in its], scale)


def _around_paint(samples: Sequence[Sample], scale: float) -> list[tuple[Sample, list[Sample]]]:
    """Return the painted samples, and the parts that each is cut into."""
    painted = (sample for sample in samples if sample.annotation.any())
    return [(sample, pieces(sample, _margins(sample, scale))) for sample in painted]


def _margins(sample: Sample, scale: float) -> tuple[int, ...]:
    if sample.annotation.ndim == 2:
        return CONTEXT, CONTEXT
    context = round(CONTEXT_3D / min(1.0, max(0.25, scale)))
    return round(context / drawn_out(sample.spacing)), context, context


def _check_room(samples: Sequence[Sample], scale: float) -> None:
    pixels = sum(sample.annotation.size for sample in samples)
    needed = sum(_size(sample, scale) * (len(sample.image) * _PER_CHANNEL + _BESIDES) for sample in samples)
    free = available()
    if free is not None and needed > _MOST_MEMORY * free:
        raise EngineError(
            f"What is painted and its surroundings are {pixels / 1e6:.0f} million pixels. They need"
            f" {needed / 2**30:.1f} GB of memory and {free / 2**30:.1f} GB are free; paint in a smaller part."
        )


def _size(sample: Sample, scale: float) -> int:
    """Return how many pixels of a sample are in memory at once: one that is enlarged for the network has more."""
    shape = sample.annotation.shape
    return max(math.prod(shape), math.prod(scaled_shape(shape, scale, sample.spacing)))


def _prepare(
    words: str,
    sample: Sample,
    held_out: np.ndarray,
    kind: Kind,
    scale: float,
    border: int | None,
    weights: WeightSettings,
    among: tuple[np.ndarray, int] | None,
) -> Generator[str, None, Prepared]:
    shape = scaled_shape(sample.annotation.shape, scale, sample.spacing)
    image = resize_image(sample.normalization.apply(sample.image), shape)
    yield words
    # At the resolution of the image, and balanced as all of it, so that it is the map that the user sees.
    paint = learnt(sample.annotation, sample.validation)
    weight = weight_map(paint, kind, weights, spacing=sample.spacing, among=among)
    target = targets(sample.annotation, kind, border=border)
    objects = _object_ids(sample.annotation) if kind == "objects" else None
    if shape != sample.annotation.shape:
        source = _sources(target != IGNORED, shape)
        target, weight, held_out = (part.ravel()[source] for part in (target, weight, held_out))
        objects = None if objects is None else objects.ravel()[source]
    yield words
    apart = slices_apart(sample.spacing) if len(shape) == 3 else 1.0
    return Prepared(image, prefilter(image), target, weight, held_out, _scaled_spacing(sample, shape), objects, apart)


def _object_ids(annotation: np.ndarray) -> np.ndarray:
    """Return objects as numbers from 1 up (ids may be huge), background as -1, unlabelled as 0."""
    ids, painted = np.zeros(annotation.shape, np.int32), annotation > 0
    values, numbers = number_ids(annotation[painted])  # sorting finished masks would take a second per image
    ids[painted] = np.where(values >= FIRST, np.arange(1, len(values) + 1), -1)[numbers]
    return ids


def _scaled_spacing(sample: Sample, shape: tuple[int, ...]) -> tuple[float, ...] | None:
    if sample.spacing is None:
        return None
    edges = zip(sample.spacing, sample.annotation.shape, shape, strict=True)
    return tuple(edge * old / new for edge, old, new in edges)


def _sources(painted: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the pixel (flat index) that every pixel of the resized annotation shows.

    It is the nearest one; but if an image shrinks, a thin stroke or a dot could fall between the pixels, so paint takes
    precedence over unlabelled pixels.
    """
    source = resize_labels(np.arange(painted.size).reshape(painted.shape), shape)
    if all(new >= old for new, old in zip(shape, painted.shape, strict=True)):
        return source
    flat = np.flatnonzero(painted)
    places = np.unravel_index(flat, painted.shape)
    shown = np.full(shape, -1)
    shown[resized_places(places, painted.shape, shape)] = flat
    return np.where((shown >= 0) & ~painted.ravel()[source], shown, source)


def hold_out(
    annotations: Sequence[np.ndarray], kind: Kind, seed: int, validation: Sequence[np.ndarray | None] = ()
) -> list[np.ndarray]:
    """Choose painted pixels for validation: whole pieces of strokes, about a fifth of every class.

    A class painted in a single piece keeps it for training. As this leaves validation without that class, no other
    strokes are held out either: a test that knows only some classes would mislead.

    Parameters
    ----------
    validation : sequence of (numpy.ndarray or None)
        bool, one for each annotation: paint there is held out, and no other paint of the same classes.

    Returns
    -------
    list of numpy.ndarray
        bool, one for each annotation.
    """
    rng = np.random.default_rng(seed)
    given = [
        np.zeros(annotation.shape, bool) if mask is None else mask & (annotation > 0)
        for annotation, mask in zip(annotations, validation or [None] * len(annotations), strict=True)
    ]
    masks = [mask.copy() for mask in given]
    highest = max(int(annotation.max(initial=0)) for annotation in annotations)
    values = range(BACKGROUND, highest + 1) if kind == "classes" else (BACKGROUND, FIRST)
    for value in values:
        objects = kind == "objects" and value == FIRST
        painted = [annotation >= FIRST if objects else annotation == value for annotation in annotations]
        pieces = [(number, piece) for number, mask in enumerate(painted) for piece in _pieces(mask)]
        if not pieces or any((mask & held).any() for mask, held in zip(painted, given, strict=True)):
            continue
        chosen = _choose(pieces, rng)
        if not chosen:
            return given
        for number, piece in chosen:
            masks[number].flat[piece] = True
    return masks


def _choose(pieces: list[tuple[int, np.ndarray]], rng: np.random.Generator) -> list[tuple[int, np.ndarray]]:
    painted = sum(len(piece) for _, piece in pieces)
    chosen: list[tuple[int, np.ndarray]] = []
    held = 0
    for index in rng.permutation(len(pieces)):
        if held >= HELD_OUT * painted:
            break
        if held + len(pieces[index][1]) <= painted / 2:  # at least half is left for training, however uneven the pieces
            chosen.append(pieces[index])
            held += len(pieces[index][1])
    return chosen


def _pieces(mask: np.ndarray) -> list[np.ndarray]:
    """Cut strokes into pieces (connected components within coarse squares); return their flat indices."""
    flat = np.flatnonzero(mask)
    if not len(flat):
        return []
    keys = ndimage.label(mask)[0].ravel()[flat].astype(np.int64)  # by stroke, then by square within the stroke
    for position, length in zip(np.unravel_index(flat, mask.shape), mask.shape, strict=True):
        keys = keys * (length // _PIECE + 1) + position // _PIECE
    order = np.argsort(keys, kind="stable")
    return np.split(flat[order], np.flatnonzero(np.diff(keys[order])) + 1)
