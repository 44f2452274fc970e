"""Which image is seen, and whether the brush reaches it: several open images lie on top of each other.

Main thread only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.viewer import Viewer

from napari_upaint.settings import Kind
from napari_upaint.widgets._drawn import lie_on_each_other, shows_planes, unit_factors
from napari_upaint.widgets._new_layers import MARK
from napari_upaint.widgets._open_layers import find, find_marked, form

_SEE_THROUGH = ("additive", "minimum", "multiplicative")
# Share of an image's area, and opacity: a corner that is hidden misleads nobody, nor does a mere overlay.
_LEAST_HIDDEN, _LEAST_OPACITY = 0.1, 0.9
_LEAST_ON_SCREEN = 150  # pixels of the canvas
_MUCH_LARGER = 4  # pixels of an image, compared with those of the one that was chosen before


class ShownLayers:
    """A part of `Layers`, through which the dock reaches it."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._hidden: set[Hashable] = set()  # by `show`, not by the user
        self._pixel = np.inf  # size of a pixel of the image that was gone to last, in the world
        self.showing = False  # many layers are shown and hidden at once: one check at the end is enough

    def covering(self, image: Hashable) -> str:
        """Return the name of the image that is seen instead of this one, its own if it is hidden; '' if it is seen."""
        layer = find(self._viewer, image)
        if not layer.visible:
            return str(layer.name)
        over = [one for one, is_over in self._rivals(layer) if is_over and one.visible]
        return str(over[-1].name) if over else ""

    def hidden_labels(self, image: Hashable, kind: Kind) -> str:
        """Return the name of the labels that were made for an image if it is seen and they are not; '' otherwise."""
        layer = find_marked(self._viewer, image, "labels", kind)
        return "" if layer is None or layer.visible or self.covering(image) else str(layer.name)

    def why_no_brush(self, annotation: Hashable, image: Hashable) -> str:
        """Return why napari's brush does not paint on labels, or paints elsewhere than on an image; '' if it works."""
        labels, layer = find(self._viewer, annotation), find(self._viewer, image)
        if labels.multiscale:
            return "napari's brush does not paint on labels of several resolutions; press 'New labels'."
        if _is_read_only(labels.data):  # a memory map, or Zarr
            return "napari's brush cannot write to the file of these labels; open a part of it, or press 'New labels'."
        other = np.flatnonzero(unit_factors(self._viewer, labels) != 1)
        if len(other):  # it takes places in the world's unit for places in the layer's unit
            here, there = labels.units[other[-1]], self._viewer.dims.units[other[-1] - labels.ndim]
            return f"napari's brush misses labels in {here} beside layers in {there}; use one unit, or close those."
        if form(labels).shape != form(layer).shape or lie_on_each_other(self._viewer, labels, layer):
            return ""
        return (
            f"These labels do not lie on {layer.name}; right-click that in napari's list of layers > Copy scale and"
            " transforms > Copy all to clipboard, then the labels > Apply scale/transforms from Clipboard, or press"
            " 'New labels'."
        )

    def show(self, image: Hashable, owners: Mapping[Hashable, Hashable]) -> None:
        """Show an image: hide others at its place with all that belongs to them, and show again what was hidden before.

        What was made for images that are closed by now is hidden, too.

        Parameters
        ----------
        owners : mapping
            For each labels layer, the image that it belongs to.
        """
        layer = find(self._viewer, image)
        rivals = list(self._rivals(layer))
        hide = [one for one, is_over in rivals if is_over]
        stay = {one.unique_id for one in self._viewer.layers} - {one.unique_id for one, _ in rivals} | {None}
        hide += [one for one in self._viewer.layers if self._image_of(one, owners) not in stay]
        keys = {one.unique_id for one in hide}
        again = [one for one in self._viewer.layers if one.unique_id in self._hidden - keys]
        self._hidden = {one.unique_id for one in hide if one.visible or one.unique_id in self._hidden}
        self.showing = True
        try:
            for one, visible in [*((one, True) for one in (*again, layer)), *((one, False) for one in hide)]:
                if one.visible != visible:  # napari redraws everything for each change
                    one.visible = visible
        finally:
            self.showing = False

    def bring_near(self, image: Hashable) -> None:
        """Fit an image into the canvas if it is outside, or too small or large there: its pixels may have another unit.

        One is too large if it reaches beyond the canvas and its pixels are much larger than those of the image before:
        who zooms in on an image sees a part of it on purpose.
        """
        canvas, camera = self._viewer.canvas, self._viewer.scene.camera
        if canvas.grid.enabled or not shows_planes(self._viewer):
            return
        down, right = self._viewer.dims.displayed
        layer = find(self._viewer, image)
        start, stop = self._box(layer)[:, :: 1 if down < right else -1]  # they may be transposed
        room, center = np.array(canvas.size, float), np.array(camera.center[-2:])
        away = np.maximum(start - center, center - stop) * camera.zoom
        size, before = (stop - start) * camera.zoom, self._pixel
        self._pixel = float(np.max(stop - start)) / max(form(layer).shape[-2:])
        too_large = np.any(size > room) and self._pixel > _MUCH_LARGER * before
        if np.any(away > room / 2) or np.max(size) < _LEAST_ON_SCREEN or too_large:
            camera.center = (0.0, *map(float, (start + stop) / 2))
            camera.zoom = 0.95 * float(np.min(room / (stop - start)))

    def tuck(self, layer: Hashable, image: Hashable) -> None:
        """Hide what was made for an image that is not seen, until `show` shows that image."""
        if self.covering(image):
            find(self._viewer, layer).visible = False
            self._hidden.add(layer)

    def _rivals(self, layer: Any) -> Iterator[tuple[Any, bool]]:
        """Yield the user's images that cannot be seen together with this one, and whether each is the one seen."""
        if self._viewer.canvas.grid.enabled or self._viewer.dims.ndisplay == 3:
            return
        above, here = False, self._box(layer)
        files = Counter(one.source.path for one in self._viewer.layers if isinstance(one, Image))
        for one in self._viewer.layers:
            above = above or one is layer
            if one is layer or not isinstance(one, Image) or MARK in one.metadata:
                continue
            other_field = _of_another_field(one, layer, files)
            # A see-through layer is seen wherever it is in the list.
            is_over = above or (layer.blending in _SEE_THROUGH and other_field)
            upper = one if is_over else layer
            hides = upper.blending not in _SEE_THROUGH and upper.opacity >= _LEAST_OPACITY
            there = self._box(one)
            # Results of a small image that is hidden below would lie on a corner of the one above.
            if (hides or other_field) and (_covers(there, here) or (not is_over and _covers(here, there))):
                yield one, is_over

    def _image_of(self, layer: Any, owners: Mapping[Hashable, Hashable]) -> Hashable | None:
        of: Hashable | None = layer.metadata.get(MARK, {}).get("of")
        return owners.get(layer.unique_id) if of is None and isinstance(layer, Labels) else of

    def _box(self, layer: Any) -> np.ndarray:
        """Return two opposite corners of a layer in the world, (Y, X)."""
        return (np.asarray(layer.extent.world) * unit_factors(self._viewer, layer))[:, -2:]


def _covers(upper: np.ndarray, lower: np.ndarray) -> bool:
    """Return whether a box lies over much of another one, (2, 2) each: low and high (Y, X)."""
    shared = np.clip(np.minimum(upper[1], lower[1]) - np.maximum(upper[0], lower[0]), 0, None)
    return bool(np.prod(shared) > _LEAST_HIDDEN * np.prod(lower[1] - lower[0]))


def _of_another_field(one: Any, layer: Any, files: Mapping[str | None, int]) -> bool:
    """Return whether two images are channels of different files: those of one file are to be seen together.

    `files`: how many open images are from each file.
    """
    here, there = layer.source.path, one.source.path
    return None not in (here, there) and here != there and min(files[here], files[there]) > 1


def _is_read_only(data: Any) -> bool:
    flags = getattr(data, "flags", None)
    return bool(getattr(data, "read_only", False)) or (flags is not None and not flags.writeable)
