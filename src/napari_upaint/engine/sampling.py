"""Draw training tiles where there is paint, and cut the tiles that a network is judged by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from napari_upaint.core import tiling
from napari_upaint.core.augment import Gray, draw_gray, draw_warp, vary_gray
from napari_upaint.core.deformation import Warp, warp_image, warp_labels
from napari_upaint.core.labels import BACKGROUND, IGNORED
from napari_upaint.engine.preparing import Prepared
from napari_upaint.settings import AugmentSettings

_MOST_JUDGED = {2: 8, 3: 4}
# Displacements in volumes are limited to this share of a tile: 4 voxels on a grid of 32 (Cicek et al. 2016, sec. 3).
_MOST_DISPLACEMENT = 1 / 16
# If slices are further apart (px), a volume is not tilted: its planes would be blurred as no real plane is.
_MOST_APART = 2.0


class TrainingTile(NamedTuple):
    """A tile to learn from.

    Attributes
    ----------
    image : numpy.ndarray
        (C, [Z,] Y, X), float32, the network's input.
    target, weights : numpy.ndarray
        ([z,] y, x) of the network's output: int16, with -1 for unlabelled; float32.
    start : numpy.ndarray or None
        (K, [z,] y, x): scores of the model that the training started from.
    objects : numpy.ndarray or None
        ([z,] y, x): ids of painted objects, see `Prepared`.
    """

    image: np.ndarray
    target: np.ndarray
    weights: np.ndarray
    start: np.ndarray | None
    objects: np.ndarray | None = None


# Scores of the model that a training started from, see `Sampler`.
Start = Sequence[np.ndarray] | Callable[[np.ndarray], np.ndarray] | None


class Place(NamedTuple):
    """Where a tile is cut from: which prepared sample, through which warp; and how its gray values vary."""

    sample: int
    warp: Warp
    gray: Gray


class Sampler:
    """Draws tiles from prepared samples; for the same seed, tile number n is always the same, in any order or thread.

    Parameters
    ----------
    tile : tuple of int
        Input of the network, ([Z,] Y, X).
    start : list of numpy.ndarray, callable or None
        Scores of the model that the training started from: (K, [Z,] Y, X), one for each sample; or a function that
        computes them, (K, [z,] y, x), for a tile.
    """

    def __init__(
        self,
        prepared: Sequence[Prepared],
        augment: AugmentSettings,
        *,
        tile: tuple[int, ...],
        halo: int,
        seed: int,
        start: Start = None,
    ) -> None:
        self.prepared, self.start = list(prepared), start
        self.tile, self.halo, self.seed = tile, halo, seed
        if len(tile) == 3:
            augment = replace(augment, displacement=min(augment.displacement, max(tile) * _MOST_DISPLACEMENT))
        self.augment = augment
        self.targets = [np.where(one.held_out, np.int16(IGNORED), one.target) for one in prepared]
        known = [(one.objects, one.held_out) for one in prepared if one.objects is not None]
        self.objects = [np.where(held_out, np.int32(0), ids) for ids, held_out in known]
        self._ends = np.cumsum([target.size for target in self.targets])
        self._places = self._painted_places()

    def _painted_places(self) -> list[np.ndarray]:
        """Return, for every painted class, the pixels that can be drawn: flat indices, through all samples."""
        found: dict[int, list[np.ndarray]] = {}
        for target, end in zip(self.targets, self._ends, strict=True):
            for value in np.unique(target[target != IGNORED]).tolist():
                found.setdefault(value, []).append(np.flatnonzero(target == value) + (end - target.size))
        return [np.concatenate(places) for _, places in sorted(found.items())]

    def place(self, number: int) -> Place:
        """Draw where tile `number` lies: a random class, a random painted pixel of it, a random warp around that."""
        rng = np.random.default_rng((self.seed, number))
        places = self._places[rng.integers(len(self._places))]
        flat = places[rng.integers(len(places))]
        index = int(np.searchsorted(self._ends, flat, "right"))
        one = self.prepared[index]
        place = np.unravel_index(flat - (self._ends[index] - one.target.size), one.target.shape)
        # Shift: the pixel may lie anywhere in the middle of the output.
        reach = (np.asarray(self.tile) - 2 * self.halo) / 3
        center = np.asarray(place, float) + rng.uniform(-reach, reach)
        warp = draw_warp(
            rng,
            self.augment,
            out_shape=self.tile,
            center=center,
            spacing=one.spacing,
            upright=self._is_upright(one),
        )
        return Place(index, warp, draw_gray(rng, len(one.image), self.augment.gray))

    @property
    def inner(self) -> tuple[slice, ...]:
        """The region of the network's output within its input."""
        return tuple(slice(self.halo, n - self.halo) for n in self.tile)

    def draw(self, number: int) -> TrainingTile:
        """Draw tile `number`: image, target, weights, objects and the start's scores there."""
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
        """Return whether to rotate a volume about Z only: if tilted, a thin one would mostly show its mirror image."""
        if len(self.tile) == 2:
            return False
        thin = one.target.shape[0] < max(n - 2 * self.halo for n in self.tile)
        return thin or one.apart > _MOST_APART


@dataclass(frozen=True, slots=True, eq=False)
class ValidationTile:
    """A fixed tile: normalised input (C, [Z,] Y, X), target ([z,] y, x) with -1 everywhere but on held-out paint.

    `objects`, ([z,] y, x), holds all paint, see `Prepared`: both objects are needed to see whether they are apart.
    """

    image: np.ndarray
    target: np.ndarray
    objects: np.ndarray | None = None


def holds_out(prepared: Sequence[Prepared]) -> bool:
    """Return whether the held-out paint can judge a network: this takes background and at least one class."""
    held = np.unique(np.concatenate([np.unique(one.target[one.held_out]) for one in prepared]))
    return BACKGROUND - 1 in held and len(held) > 1


def validation_tiles(
    prepared: Sequence[Prepared],
    depth: int,
    tile: int,
    *,
    held_out: bool,
    padded: bool = False,
) -> list[ValidationTile]:
    """Cut the tiles that hold most of the held-out paint of every class.

    Without `held_out` (see `holds_out`) all paint is judged. There are at most 8 tiles of planes or 4 of volumes, or as
    many as it takes to hold the best one of every class.
    """
    found: list[tuple[Counter[int], Prepared, tiling.Tiling, tiling.Tile, np.ndarray]] = []
    for one in prepared:
        judged = one.target != IGNORED
        if held_out:
            judged &= one.held_out
        target = np.where(judged, one.target, np.int16(IGNORED))
        plan = tiling.plan(target.shape, depth, tile, padded=padded)
        for place in plan:
            part = target[place.region]
            counts = Counter(part[part != IGNORED].tolist())
            if counts:
                found.append((counts, one, plan, place, part))
    chosen = _telling([counts for counts, *_ in found], _MOST_JUDGED[prepared[0].target.ndim])
    return [_validation_tile(*found[index][1:]) for index in chosen]


def _telling(counts: Sequence[Counter[int]], most: int) -> list[int]:
    """Return which tiles to judge: first the best of every class, then those with most paint relative to its class."""
    total = sum(counts, Counter[int]())
    best = [max(range(len(counts)), key=lambda i: counts[i][value]) for value in sorted(total)]
    shares = [sum(number / total[value] for value, number in one.items()) for one in counts]
    ranked = sorted(range(len(counts)), key=lambda i: -shares[i])
    return list(dict.fromkeys(best + ranked))[: max(most, len(set(best)))]


def _validation_tile(one: Prepared, plan: tiling.Tiling, place: tiling.Tile, target: np.ndarray) -> ValidationTile:
    padded = np.full(plan.output, IGNORED, np.int16)
    kept = tuple(slice(n) for n in place.keep)
    padded[kept] = target
    objects = None
    if one.objects is not None:
        objects = np.zeros(plan.output, np.int32)
        objects[kept] = one.objects[place.region]
    return ValidationTile(np.ascontiguousarray(tiling.cut(one.image, plan, place)), padded, objects)
