"""What the first answer looks at: tiles of planes or slices of volumes, through filters and the network."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from napari_upaint.core import tiling
from napari_upaint.core.filters import pixel_features
from napari_upaint.core.fingerprint import fingerprint
from napari_upaint.core.labels import IGNORED
from napari_upaint.engine.evidence import saying
from napari_upaint.engine.preparing import Prepared
from napari_upaint.engine.remembered import Remembered
from napari_upaint.engine.telling import telling
from napari_upaint.engine.unet import UNet

WORDS = "making a first answer"
_TILE = 1000  # px, of the network's input
# Most pixels (voxels) around the paint that are looked at; the rest is left to the start.
_MOST_PIXELS, _MOST_VOXELS = 1_000_000, 3_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A tile of a plane, or a slice of a volume.

    Attributes
    ----------
    number : int
        Of the sample.
    region : tuple of (int or slice)
        Index into the spatial axes of the sample; the result is (y, x).
    features : numpy.ndarray
        float16, (F, y, x).
    """

    number: int
    region: tuple[int | slice, ...]
    features: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    number: int
    region: tuple[int | slice, ...]
    filters: Callable[[], np.ndarray]


def parts(
    prepared: Sequence[Prepared], network: UNet, starts: Sequence[np.ndarray], known: Remembered
) -> Generator[str, None, list[Part]]:
    """Return the parts of samples to look at; yield a description of what it does every second or so.

    In planes these are the tiles with most paint, among them the one with most of each class. In volumes they are the
    painted slices and those nearest to them: few slices are painted, and the others should be known, too.

    Parameters
    ----------
    prepared : sequence of Prepared
        Planes or volumes, at the network's scale.
    network : UNet
        The start.
    starts : sequence of numpy.ndarray
        Its scores, (K, [Z,] Y, X), one for each sample.
    known : Remembered
        What was computed from the images before.
    """
    found, names = list[Part](), [fingerprint(one.image) for one in prepared]
    for place in _tiles(prepared, network) if network.ndim == 2 else _slices(prepared):
        number, region, name = place.number, place.region, names[place.number]
        said = known.get(("says", name))
        if said is None:
            saying_so = saying(network, prepared[number].image, starts[number])
            said = known.put(("says", name), (yield from telling(WORDS, saying_so)))
        key = "filters", name, *((one.start, one.stop) if isinstance(one, slice) else one for one in region)
        filters = known.get(key)
        if filters is None:
            filters = known.put(key, place.filters())
        found.append(Part(number, region, np.concatenate([filters, said[(slice(None), *region)]])))
        yield WORDS
    return found


def _tiles(prepared: Sequence[Prepared], network: UNet) -> Iterator[_Place]:
    found, painted = [], list[np.ndarray]()
    for number, one in enumerate(prepared):
        plan = tiling.plan(one.target.shape, network.depth, _TILE, padded=network.padding == "same")
        for tile in plan:
            target = one.target[tile.region]
            counts = np.bincount(target[target != IGNORED], minlength=network.n_classes)
            if counts.any():
                found.append((number, plan, tile))
                painted.append(counts)
    pixels = 0
    for index in _telling(np.array(painted)) if found else ():
        number, plan, tile = found[index]
        size = int(np.prod(tile.keep))
        if not pixels or pixels + size <= _MOST_PIXELS:
            pixels += size
            yield _Place(number, tile.region, partial(_tile_filters, prepared[number].image, plan, tile))


def _telling(painted: np.ndarray) -> list[int]:
    """Return the order in which to look at tiles, given their numbers of painted pixels, (tiles, classes).

    First the tile with most paint of each class, the rarest class first, then by the amount of paint.
    """
    rare = [int(k) for k in np.argsort(painted.sum(0), kind="stable") if painted[:, k].any()]
    best = [int(painted[:, k].argmax()) for k in rare]
    return list(dict.fromkeys([*best, *np.argsort(-painted.sum(1), kind="stable").tolist()]))


def _tile_filters(image: np.ndarray, plan: tiling.Tiling, tile: tiling.Tile) -> np.ndarray:
    """Return the filter responses of a tile, (F, y, x)."""
    y, x = tile.keep
    filters = pixel_features(tiling.cut(image, plan, tile), torch.get_num_threads())
    return filters[:, plan.halo : plan.halo + y, plan.halo : plan.halo + x]


def _slices(prepared: Sequence[Prepared]) -> Iterator[_Place]:
    """Yield slices of volumes, those nearest to the paint first."""
    order = []
    for number, one in enumerate(prepared):
        painted = np.flatnonzero((one.target != IGNORED).any((1, 2)))
        away = np.abs(np.arange(len(one.target))[:, None] - painted).min(1)
        order += [(int(distance), number, z) for z, distance in enumerate(away)]
    voxels = 0
    for distance, number, z in sorted(order):
        image = prepared[number].image
        voxels += image[0, z].size
        if distance and voxels > _MOST_VOXELS:
            return
        yield _Place(number, (z, slice(None), slice(None)), partial(_slice_filters, image, z))


def _slice_filters(image: np.ndarray, z: int) -> np.ndarray:
    """Return the filter responses of a slice, (F, Y, X)."""
    return pixel_features(image[:, z], torch.get_num_threads())
