"""What painted objects are like, as a network finds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from napari_upaint.core.objects import find_usual
from napari_upaint.core.usual_object import UNKNOWN, Usual
from napari_upaint.engine.predict import whole
from napari_upaint.engine.preparing import Prepared
from napari_upaint.engine.unet import UNet
from napari_upaint.settings import Kind

# Most pixels that are looked at, as the user waits for the training to end; the images with most paint tell enough.
_MOST_PIXELS = 2_000_000
_PART = {2: 700, 3: 120}  # px, edge of a part of a large image: several times as long as objects that networks know
# Objects below a tenth of the usual size are left out. If images of very different things were painted, this factor
# keeps that limit at half the usual size in the image with the smallest objects, or below.
_TIMES_SMALLEST = 5


def usual_object(network: UNet, prepared: Sequence[Prepared], *, kind: Kind, border: bool, scale: float) -> Usual:
    """Return what painted objects usually are like, sizes in pixels of the images (in volumes: cubes of a pixel).

    It is `UNKNOWN` if none were found. With several images, it is chosen such that the usual object of none of them is
    left out.

    Parameters
    ----------
    network : UNet
        In evaluation mode.
    prepared : sequence of Prepared
        At the network's scale.
    kind : {"objects", "classes"}
    border : bool
        Whether the network's last output is the border between objects.
    scale : float
        At which the network sees the images.
    """
    seen = ((view, whole(network, view.image)) for view in most_painted(prepared))
    return usual_of(seen, prepared, kind=kind, border=border, scale=scale)


def usual_of(
    seen: Iterable[tuple[View, np.ndarray]], prepared: Sequence[Prepared], *, kind: Kind, border: bool, scale: float
) -> Usual:
    """Return what painted objects usually are like, given parts of the samples and their scores; see `usual_object`."""
    found: dict[int, list[Usual]] = {}  # per image
    for one, scores in seen:
        usual = find_usual(scores, one.painted, kind=kind, border=border, shrunk=1 / scale)
        if usual != UNKNOWN:
            found.setdefault(one.number, []).append(usual)
    if not found:
        return UNKNOWN
    sizes = [float(np.median([usual.size for usual in parts])) for parts in found.values()]
    # If it is not known how far slices lie apart, the network sees them as they are.
    cubes = prepared[0].target.ndim == 3 and prepared[0].spacing is not None
    size = min(float(np.median(sizes)), _TIMES_SMALLEST * min(sizes)) / scale ** (3 if cubes else 2)
    return Usual(size, min(usual.least_score for parts in found.values() for usual in parts))


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A part of a prepared sample.

    Attributes
    ----------
    number : int
        Of the sample.
    part : tuple of slice
        Which part of its spatial axes.
    image : numpy.ndarray
        Normalised, (C, [Z,] Y, X).
    painted : numpy.ndarray
        ([Z,] Y, X): above 0 objects or classes.
    paint : int
        Number of painted pixels.
    """

    number: int
    part: tuple[slice, ...]
    image: np.ndarray
    painted: np.ndarray
    paint: int


def most_painted(prepared: Sequence[Prepared]) -> list[View]:
    """Return the parts of samples with most paint: together 2 million pixels at most, or a single part."""
    chosen, pixels = list[View](), 0
    views = [view for number, one in enumerate(prepared) for view in _views(number, one)]
    for view in sorted(views, key=lambda view: -view.paint):
        if not chosen or pixels + view.painted.size <= _MOST_PIXELS:
            chosen.append(view)
            pixels += view.painted.size
    return chosen


def _views(number: int, one: Prepared) -> Iterator[View]:
    """Yield a sample, in parts if it is large: strokes and their surroundings may be spread over a whole image."""
    painted = one.target if one.objects is None else one.objects
    side = _PART[one.target.ndim] if one.target.size > _MOST_PIXELS else max(one.target.shape)
    for starts in product(*(range(0, n, side) for n in one.target.shape)):
        part = tuple(slice(start, start + side) for start in starts)
        yield View(number, part, one.image[:, *part], painted[part], int((one.target[part] >= 0).sum()))
