"""What the painted objects are like as a network finds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from napari_upaint.core.objects import find_usual
from napari_upaint.core.usual_object import UNKNOWN, Usual
from napari_upaint.engine.predict import whole
from napari_upaint.engine.preparing import Prepared
from napari_upaint.engine.unet import UNet
from napari_upaint.settings import Kind

# Pixels that are looked at: somebody waits for the end of the training. The images with most paint tell enough.
_MOST_PIXELS = 2_000_000
_PART = {2: 700, 3: 120}  # px, edge of a part of a large image: several times as long as the objects that are known
# What is left out is below a tenth of the usual size: so it is no more than half of that in the image whose objects are
# smallest, where images of very different things were painted.
_TIMES_SMALLEST = 5


def usual_object(network: UNet, prepared: Sequence[Prepared], *, kind: Kind, border: bool, scale: float) -> Usual:
    """Return the usual painted object, sizes in pixels of the images (of volumes in cubes of a pixel).

    It is `UNKNOWN` where none was found.

    Of several images it is such that the usual object of none of them is left out.

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
        Of the images for the network.
    """
    found: dict[int, list[Usual]] = {}  # of each image
    for one in _most_painted(prepared):
        usual = find_usual(whole(network, one.image), one.painted, kind=kind, border=border, shrunk=1 / scale)
        if usual != UNKNOWN:
            found.setdefault(one.number, []).append(usual)
    if not found:
        return UNKNOWN
    sizes = [float(np.median([usual.size for usual in parts])) for parts in found.values()]
    # Slices stay as they are where it is not known how far they lie apart.
    cubes = network.ndim == 3 and prepared[0].spacing is not None
    size = min(float(np.median(sizes)), _TIMES_SMALLEST * min(sizes)) / scale ** (3 if cubes else 2)
    return Usual(size, min(usual.least_score for parts in found.values() for usual in parts))


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """A part of an image, (C, [Z,] Y, X), and what is painted there, ([Z,] Y, X): above 0 objects or classes.

    `paint` is how many pixels that are.
    """

    number: int
    image: np.ndarray
    painted: np.ndarray
    paint: int


def _most_painted(prepared: Sequence[Prepared]) -> list[_View]:
    chosen, pixels = list[_View](), 0
    views = [view for number, one in enumerate(prepared) for view in _views(number, one)]
    for view in sorted(views, key=lambda view: -view.paint):
        if not chosen or pixels + view.painted.size <= _MOST_PIXELS:
            chosen.append(view)
            pixels += view.painted.size
    return chosen


def _views(number: int, one: Prepared) -> Iterator[_View]:
    """Yield a sample, in parts if it is large: the surroundings of strokes far apart may be all of an image."""
    painted = one.target if one.objects is None else one.objects
    side = _PART[one.target.ndim] if one.target.size > _MOST_PIXELS else max(one.target.shape)
    for starts in product(*(range(0, n, side) for n in one.target.shape)):
        part = tuple(slice(start, start + side) for start in starts)
        yield _View(number, one.image[:, *part], painted[part], int((one.target[part] >= 0).sum()))
