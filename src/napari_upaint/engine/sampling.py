"""Draws training tiles where paint is, and holds some paint out for validation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from napari_upaint.core import tiling
from napari_upaint.core.augment import draw_warp, vary_gray
from napari_upaint.core.deformation import prefilter, warp_image, warp_labels
from napari_upaint.core.labels import BACKGROUND, FIRST, IGNORED, targets
from napari_upaint.core.resize import resize_image, resize_labels, scaled_shape
from napari_upaint.core.sample import Sample, crop
from napari_upaint.core.weight_map import weight_map
from napari_upaint.settings import AugmentSettings, Kind, WeightSettings

HELD_OUT = 0.2  # of the painted pixels of every class
CONTEXT = 400  # px around the paint: what tiles at a quarter of the scale can see
_PIECE = 32  # px: long strokes are held out in pieces of about this length


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A sample at the scale of the network, with everything that a tile is cut from.

    Attributes
    ----------
    image : numpy.ndarray
        Normalised, (C, Y, X), float32.
    coefficients : numpy.ndarray
        Of its cubic spline, see `core.deformation.prefilter`.
    target : numpy.ndarray
        int16, (Y, X), network outputs, -1 unlabelled.
    weights : numpy.ndarray
        float32, (Y, X), the weight map.
    held_out : numpy.ndarray
        bool, (Y, X): painted pixels kept for validation.
    """

    image: np.ndarray
    coefficients: np.ndarray
    target: np.ndarray
    weights: np.ndarray
    held_out: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class TrainingTile:
    """What one step learns from.

    Attributes
    ----------
    image : numpy.ndarray
        (C, Y, X), float32, the network's input.
    target, weights : numpy.ndarray
        (y, x) of the network's output: int16 with -1 unlabelled; float32.
    start : numpy.ndarray or None
        (K, y, x): scores of the model that the training started from.
    """

    image: np.ndarray
    target: np.ndarray
    weights: np.ndarray
    start: np.ndarray | None


def prepare(
    samples: Sequence[Sample], kind: Kind, *, scale: float, border: int | None, weights: WeightSettings, seed: int
) -> list[Prepared]:
    """Resize samples to the network's scale, make targets and weight maps, and hold some paint out."""
    samples = [crop(sample, CONTEXT) for sample in samples if sample.annotation.any()]
    held_out = hold_out([sample.annotation for sample in samples], kind, seed)
    return [
        _prepare(sample, held, kind, scale, border, weights) for sample, held in zip(samples, held_out, strict=True)
    ]


def _prepare(
    sample: Sample, held_out: np.ndarray, kind: Kind, scale: float, border: int | None, weights: WeightSettings
) -> Prepared:
    shape = scaled_shape(sample.annotation.shape, scale)
    image = resize_image(sample.normalization.apply(sample.image), shape)
    # At the image's own resolution: it is the map that the user sees.
    weight = weight_map(sample.annotation, kind, weights, spacing=sample.spacing)
    target = targets(sample.annotation, kind, border=border)
    source = _sources(target != IGNORED, shape)
    return Prepared(image, prefilter(image), target.ravel()[source], weight.ravel()[source], held_out.ravel()[source])


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


def hold_out(annotations: Sequence[np.ndarray], kind: Kind, seed: int) -> list[np.ndarray]:
    """Choose painted pixels for validation: whole pieces of strokes, about a fifth of every class.

    A class painted in a single piece keeps it for training. If that leaves validation without some class, nothing is
    held out at all: a judge that sees one class only would misjudge.

    Returns
    -------
    list of numpy.ndarray
        bool, one for each annotation.
    """
    rng = np.random.default_rng(seed)
    masks = [np.zeros(annotation.shape, bool) for annotation in annotations]
    highest = max(int(annotation.max(initial=0)) for annotation in annotations)
    values = range(BACKGROUND, highest + 1) if kind == "classes" else (BACKGROUND, FIRST)
    for value in values:
        pieces = [
            (number, piece)
            for number, annotation in enumerate(annotations)
            for piece in _pieces(annotation >= FIRST if kind == "objects" and value == FIRST else annotation == value)
        ]
        if not pieces:
            continue
        chosen = _choose(pieces, rng)
        if not chosen:
            return [np.zeros(annotation.shape, bool) for annotation in annotations]
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
    start : list of numpy.ndarray or None
        Scores (K, Y, X) of the model that the training started from, one for each sample.
    """

    def __init__(
        self,
        prepared: Sequence[Prepared],
        augment: AugmentSettings,
        *,
        tile: int,
        halo: int,
        seed: int,
        start: Sequence[np.ndarray] | None = None,
    ) -> None:
        self.prepared, self.augment, self.start = list(prepared), augment, start
        self.tile, self.halo, self.seed = tile, halo, seed
        self._targets = [np.where(one.held_out, np.int16(IGNORED), one.target) for one in prepared]
        self._places = self._painted_places()

    def _painted_places(self) -> list[np.ndarray]:
        """Return for every painted class the pixels it may be drawn from: rows of (sample, y, x)."""
        found: dict[int, list[np.ndarray]] = {}
        for number, one in enumerate(self.prepared):
            train = (one.target != IGNORED) & ~one.held_out
            for value in np.unique(one.target[train]).tolist():
                places = np.argwhere(train & (one.target == value))
                rows = np.concatenate([np.full((len(places), 1), number), places], axis=1)
                found.setdefault(value, []).append(rows)
        return [np.concatenate(rows) for _, rows in sorted(found.items())]

    def draw(self, number: int) -> TrainingTile:
        """Draw tile `number`: a random class, a random painted pixel of it, a random warp about that pixel."""
        rng = np.random.default_rng((self.seed, number))
        places = self._places[rng.integers(len(self._places))]
        index, *place = places[rng.integers(len(places))].tolist()
        one = self.prepared[index]
        reach = (self.tile - 2 * self.halo) / 3  # shift: the pixel may lie anywhere in the middle of the output
        center = np.asarray(place, float) + rng.uniform(-reach, reach, len(place))
        warp = draw_warp(rng, self.augment, ndim=len(place), out_shape=(self.tile,) * len(place), center=center)
        inner = (slice(self.halo, self.tile - self.halo),) * len(place)
        image = vary_gray(warp_image(one.coefficients, warp, prefiltered=True), rng, self.augment.gray)
        target = warp_labels(self._targets[index], warp)[inner]
        start = None
        if self.start is not None:
            start = warp_image(self.start[index], warp, order=1)[(slice(None), *inner)]
        return TrainingTile(image, target, warp_labels(one.weights, warp)[inner], start)


@dataclass(frozen=True, slots=True, eq=False)
class ValidationTile:
    """A fixed tile: normalised input (C, Y, X), target (y, x) with -1 everywhere but on held-out paint."""

    image: np.ndarray
    target: np.ndarray


def validation_tiles(
    prepared: Sequence[Prepared], depth: int, tile: int, most: int = 8, *, padded: bool = False
) -> list[ValidationTile]:
    """Cut the tiles that hold most of the held-out paint of every class; of all paint where nothing is held out.

    There are more than `most` of them only where there are more classes.
    """
    nothing = not any(one.held_out.any() for one in prepared)
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
