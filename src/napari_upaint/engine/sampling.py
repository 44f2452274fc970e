"""Draws training tiles where paint is, and holds some paint out for validation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from napari_upaint.core import tiling
from napari_upaint.core.augment import Gray, draw_gray, draw_warp, vary_gray
from napari_upaint.core.deformation import Warp, prefilter, warp_image, warp_labels
from napari_upaint.core.labels import BACKGROUND, FIRST, IGNORED, targets
from napari_upaint.core.regions import learnt
from napari_upaint.core.resize import resize_image, resize_labels, scaled_shape
from napari_upaint.core.sample import Sample, crop, pieces
from napari_upaint.core.weight_map import weight_map
from napari_upaint.settings import AugmentSettings, Kind, WeightSettings

HELD_OUT = 0.2  # of the painted pixels of every class
CONTEXT = 400  # px around the paint: what tiles at a quarter of the scale can see
# Of volumes it is less: only painted voxels and what the network sees around them must be real, beyond is mirrored.
CONTEXT_3D = 64
_MOST_JUDGED = {2: 8, 3: 4}
# Displacements of volumes are limited to this share of a tile: 4 voxels on a grid of 32 (Cicek et al. 2016, sec. 3).
_MOST_DISPLACEMENT = 1 / 16
# Voxels longer than this are not turned into the plane: it would be blurred as no plane is.
_MOST_ANISOTROPY = 2.0
_PIECE = 32  # px: long strokes are held out in pieces of about this length


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A sample at the scale of the network, with everything that a tile is cut from.

    Attributes
    ----------
    image : numpy.ndarray
        Normalised, (C, [Z,] Y, X), float32.
    coefficients : numpy.ndarray
        Of its cubic spline, see `core.deformation.prefilter`.
    target : numpy.ndarray
        int16, ([Z,] Y, X), network outputs, -1 unlabelled.
    weights : numpy.ndarray
        float32, ([Z,] Y, X), the weight map.
    held_out : numpy.ndarray
        bool, ([Z,] Y, X): painted pixels kept for validation.
    spacing : tuple of float or None
        Size of a voxel at this scale, ([Z,] Y, X).
    objects : numpy.ndarray or None
        int32, ([Z,] Y, X): ids of painted objects, -1 painted background, 0 unlabelled; None where classes are painted.
    """

    image: np.ndarray
    coefficients: np.ndarray
    target: np.ndarray
    weights: np.ndarray
    held_out: np.ndarray
    spacing: tuple[float, ...] | None = None
    objects: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TrainingTile:
    """What one step learns from.

    Attributes
    ----------
    image : numpy.ndarray
        (C, [Z,] Y, X), float32, the network's input.
    target, weights : numpy.ndarray
        ([z,] y, x) of the network's output: int16 with -1 unlabelled; float32.
    start : numpy.ndarray or None
        (K, [z,] y, x): scores of the model that the training started from.
    objects : numpy.ndarray or None
        ([z,] y, x): which painted object, see `Prepared`.
    """

    image: np.ndarray
    target: np.ndarray
    weights: np.ndarray
    start: np.ndarray | None
    objects: np.ndarray | None = None


class Place(NamedTuple):
    """Where a tile is cut from: which prepared sample, through which warp; and how its gray values vary."""

    sample: int
    warp: Warp
    gray: Gray


def prepare(
    samples: Sequence[Sample], kind: Kind, *, scale: float, border: int | None, weights: WeightSettings, seed: int
) -> list[Prepared]:
    """Resize samples to the network's scale, make targets and weight maps, and hold some paint out.

    Of volumes only X and Y are resized; paint that lies far apart in them becomes samples of its own.
    """
    context = round(CONTEXT_3D / min(1.0, max(0.25, scale)))
    samples = [
        piece
        for sample in samples
        if sample.annotation.any()
        for piece in (pieces(sample, context) if sample.annotation.ndim == 3 else [crop(sample, CONTEXT)])
    ]
    held_out = hold_out([sample.annotation for sample in samples], kind, seed, [one.validation for one in samples])
    return [
        _prepare(sample, held, kind, scale, border, weights) for sample, held in zip(samples, held_out, strict=True)
    ]


def _prepare(
    sample: Sample, held_out: np.ndarray, kind: Kind, scale: float, border: int | None, weights: WeightSettings
) -> Prepared:
    shape = scaled_shape(sample.annotation.shape, scale)
    image = resize_image(sample.normalization.apply(sample.image), shape)
    # At the image's own resolution: it is the map that the user sees.
    weight = weight_map(learnt(sample.annotation, sample.validation), kind, weights, spacing=sample.spacing)
    target = targets(sample.annotation, kind, border=border)
    source = _sources(target != IGNORED, shape)
    target, weight, held_out = (part.ravel()[source] for part in (target, weight, held_out))
    objects = _object_ids(sample.annotation).ravel()[source] if kind == "objects" else None
    return Prepared(image, prefilter(image), target, weight, held_out, _scaled_spacing(sample, shape), objects)


def _object_ids(annotation: np.ndarray) -> np.ndarray:
    """Return objects 1, 2, ..., -1 for background, 0 for unlabelled pixels; ids may be huge, so they are numbered."""
    values, numbers = np.unique(annotation, return_inverse=True)
    ids = np.where(values >= FIRST, np.arange(1, len(values) + 1), np.where(values == BACKGROUND, -1, 0))
    return ids.astype(np.int32)[numbers.reshape(annotation.shape)]


def _scaled_spacing(sample: Sample, shape: tuple[int, ...]) -> tuple[float, ...] | None:
    if sample.spacing is None:
        return None
    edges = zip(sample.spacing, sample.annotation.shape, shape, strict=True)
    return tuple(edge * old / new for edge, old, new in edges)


def _sources(painted: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return which pixel (flat index) every pixel of the resized annotation shows.

    The nearest one; but where an image shrinks, a thin stroke or a dot would fall between the pixels, so that paint
    goes before unlabelled pixels.
    """
    source = resize_labels(np.arange(painted.size).reshape(painted.shape), shape)
    if all(new >= old for new, old in zip(shape, painted.shape, strict=True)):
        return source
    flat = np.flatnonzero(painted)
    places = np.unravel_index(flat, painted.shape)
    shown = np.full(shape, -1)
    shown[tuple(p * new // old for p, new, old in zip(places, shape, painted.shape, strict=True))] = flat
    return np.where((shown >= 0) & ~painted.ravel()[source], shown, source)


def hold_out(
    annotations: Sequence[np.ndarray], kind: Kind, seed: int, validation: Sequence[np.ndarray | None] = ()
) -> list[np.ndarray]:
    """Choose painted pixels for validation: whole pieces of strokes, about a fifth of every class.

    A class painted in a single piece keeps it for training. If that leaves validation without some class, nothing is
    held out at all: a judge that sees one class only would misjudge.

    Parameters
    ----------
    validation : sequence of (numpy.ndarray or None)
        bool, one for each annotation: what is painted there is held out, and no more of its classes.

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
        if held + len(pieces[index][1]) <= painted / 2:  # at least half stays for training, however uneven the pieces
            chosen.append(pieces[index])
            held += len(pieces[index][1])
    return chosen


def _pieces(mask: np.ndarray) -> list[np.ndarray]:
    """Cut strokes into pieces, components within coarse squares; return their flat indices."""
    flat = np.flatnonzero(mask)
    if not len(flat):
        return []
    strokes = ndimage.label(mask)[0].ravel()[flat]
    square = np.zeros(len(flat), np.int64)
    for position in np.unravel_index(flat, mask.shape):
        square = square * 65536 + position // _PIECE
    keys = np.unique(np.stack([strokes, square]), axis=1, return_inverse=True)[1].ravel()
    order = np.argsort(keys, kind="stable")
    return np.split(flat[order], np.flatnonzero(np.diff(keys[order])) + 1)


class Sampler:
    """Draws tiles from prepared samples; tile number n is the same for the same seed, whoever asks when.

    Parameters
    ----------
    tile : tuple of int
        Input of the network, ([Z,] Y, X).
    start : list of numpy.ndarray, callable or None
        Scores of the model that the training started from: (K, [Z,] Y, X), one for each sample; or what makes them,
        (K, [z,] y, x), of a tile.
    """

    def __init__(
        self,
        prepared: Sequence[Prepared],
        augment: AugmentSettings,
        *,
        tile: tuple[int, ...],
        halo: int,
        seed: int,
        start: Sequence[np.ndarray] | Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        self.prepared, self.start = list(prepared), start
        self.tile, self.halo, self.seed = tile, halo, seed
        self.augment = augment if len(tile) == 2 else _calmer(augment, max(tile))
        self.targets = [np.where(one.held_out, np.int16(IGNORED), one.target) for one in prepared]
        known = [(one.objects, one.held_out) for one in prepared if one.objects is not None]
        self.objects = [np.where(held_out, np.int32(0), ids) for ids, held_out in known]
        self._places = self._painted_places()

    def _painted_places(self) -> list[np.ndarray]:
        """Return for every painted class the pixels it may be drawn from: rows of (sample, [z,] y, x)."""
        found: dict[int, list[np.ndarray]] = {}
        for number, one in enumerate(self.prepared):
            train = (one.target != IGNORED) & ~one.held_out
            for value in np.unique(one.target[train]).tolist():
                places = np.argwhere(train & (one.target == value))
                rows = np.concatenate([np.full((len(places), 1), number), places], axis=1)
                found.setdefault(value, []).append(rows)
        return [np.concatenate(rows) for _, rows in sorted(found.items())]

    def place(self, number: int) -> Place:
        """Draw where tile `number` lies: a random class, a random painted pixel of it, a random warp about it."""
        rng = np.random.default_rng((self.seed, number))
        places = self._places[rng.integers(len(self._places))]
        index, *place = places[rng.integers(len(places))].tolist()
        one = self.prepared[index]
        # Shift: the pixel may lie anywhere in the middle of the output.
        reach = (np.asarray(self.tile) - 2 * self.halo) / 3
        center = np.asarray(place, float) + rng.uniform(-reach, reach)
        warp = draw_warp(
            rng,
            self.augment,
            ndim=len(place),
            out_shape=self.tile,
            center=center,
            spacing=one.spacing,
            upright=self._is_upright(one),
        )
        return Place(index, warp, draw_gray(rng, len(one.image), self.augment.gray))

    @property
    def inner(self) -> tuple[slice, ...]:
        """The network's output within its input."""
        return tuple(slice(self.halo, n - self.halo) for n in self.tile)

    def draw(self, number: int) -> TrainingTile:
        """Draw tile `number`: image, target, weights and scores of the start at its place."""
        index, warp, gray = self.place(number)
        one = self.prepared[index]
        image = vary_gray(warp_image(one.coefficients, warp, prefiltered=True), gray)
        target = warp_labels(self.targets[index], warp)[self.inner]
        start = None
        if callable(self.start):
            start = self.start(image)
        elif self.start is not None:
            start = warp_image(self.start[index], warp, order=1)[(slice(None), *self.inner)]
        objects = warp_labels(self.objects[index], warp)[self.inner] if self.objects else None
        return TrainingTile(image, target, warp_labels(one.weights, warp)[self.inner], start, objects)

    def _is_upright(self, one: Prepared) -> bool:
        """Return whether a volume is turned about Z only: a thin one would consist of its mirror images otherwise."""
        if len(self.tile) == 2:
            return False
        thin = one.target.shape[0] < max(n - 2 * self.halo for n in self.tile)
        return thin or (one.spacing is not None and max(one.spacing) > _MOST_ANISOTROPY * min(one.spacing))


def _calmer(augment: AugmentSettings, tile: int) -> AugmentSettings:
    return replace(augment, displacement=min(augment.displacement, tile * _MOST_DISPLACEMENT))


@dataclass(frozen=True, slots=True, eq=False)
class ValidationTile:
    """A fixed tile: normalised input (C, [Z,] Y, X), target ([z,] y, x) with -1 everywhere but on held-out paint."""

    image: np.ndarray
    target: np.ndarray


def validation_tiles(
    prepared: Sequence[Prepared], depth: int, tile: int, most: int | None = None, *, padded: bool = False
) -> list[ValidationTile]:
    """Cut the tiles that hold most of the held-out paint of every class.

    They hold all paint where nothing is held out, or one question alone: background, or anything else. There are more
    than `most` of them (8 planes, 4 volumes) only where there are more classes.
    """
    most = most or _MOST_JUDGED[prepared[0].target.ndim]
    held = np.unique(np.concatenate([np.unique(one.target[one.held_out]) for one in prepared]))
    nothing = BACKGROUND - 1 not in held or len(held) < 2  # it would misjudge
    found: list[tuple[Counter[int], Prepared, tiling.Tiling, tiling.Tile, np.ndarray]] = []
    for one in prepared:
        judged = (one.target != IGNORED) & (one.held_out | nothing)
        target = np.where(judged, one.target, np.int16(IGNORED))
        plan = tiling.plan(target.shape, depth, tile, padded=padded)
        for place in plan:
            part = target[place.region]
            counts = Counter(part[part != IGNORED].tolist())
            if counts:
                found.append((counts, one, plan, place, part))
    chosen = _telling([counts for counts, *_ in found], most)
    return [_validation_tile(*found[index][1:]) for index in chosen]


def _telling(counts: Sequence[Counter[int]], most: int) -> list[int]:
    """Return which tiles to judge: the best of every class first, then those with most paint, classes alike."""
    total = sum(counts, Counter[int]())
    best = [max(range(len(counts)), key=lambda i: counts[i][value]) for value in sorted(total)]
    shares = [sum(number / total[value] for value, number in one.items()) for one in counts]
    ranked = sorted(range(len(counts)), key=lambda i: -shares[i])
    return list(dict.fromkeys(best + ranked))[: max(most, len(set(best)))]


def _validation_tile(one: Prepared, plan: tiling.Tiling, place: tiling.Tile, target: np.ndarray) -> ValidationTile:
    padded = np.full(plan.output, IGNORED, np.int16)
    padded[tuple(slice(n) for n in place.keep)] = target
    return ValidationTile(np.ascontiguousarray(tiling.cut(one.image, plan, place)), padded)
