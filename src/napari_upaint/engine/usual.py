"""What the painted objects are like as a network finds them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_upaint.core.objects import find_usual
from napari_upaint.core.usual_object import UNKNOWN, Usual
from napari_upaint.engine.predict import whole
from napari_upaint.engine.preparing import Prepared
from napari_upaint.engine.unet import UNet
from napari_upaint.settings import Kind

# Pixels that are looked at: somebody waits for the end of the training. The images with most paint tell enough.
_MOST_PIXELS = 2_000_000
# What is left out is below a tenth of the usual size: so it is no more than half of that in the image whose objects are
# smallest, where images of very different things were painted.
_TIMES_SMALLEST = 5


def usual_object(network: UNet, prepared: Sequence[Prepared], *, kind: Kind, border: bool, scale: float) -> Usual:
    """Return the usual painted object, sizes in pixels of the images; `UNKNOWN` of volumes, or where none was found.

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
    if network.ndim == 3:
        return UNKNOWN
    found = []
    for one in _most_painted(prepared):
        painted = one.target if one.objects is None else one.objects
        usual = find_usual(whole(network, one.image), painted, kind=kind, border=border, shrunk=1 / scale)
        if usual != UNKNOWN:
            found.append(usual)
    if not found:
        return UNKNOWN
    sizes = [one.size for one in found]
    size = min(float(np.median(sizes)), _TIMES_SMALLEST * min(sizes)) / scale**2
    return Usual(size, min(one.least_score for one in found))


def _most_painted(prepared: Sequence[Prepared]) -> list[Prepared]:
    chosen, pixels = list[Prepared](), 0
    for one in sorted(prepared, key=lambda one: -int((one.target >= 0).sum())):
        if not chosen or pixels + one.target.size <= _MOST_PIXELS:
            chosen.append(one)
            pixels += one.target.size
    return chosen
