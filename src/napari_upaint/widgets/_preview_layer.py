"""The layer '<image> preview', and which part of an image is in view: a part of `Layers`. Main thread only."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.utils.colormaps import CyclicLabelColormap
from napari.viewer import Viewer

from napari_upaint.core.colours import PREVIEW_COLOUR, label_colour, rgb
from napari_upaint.engine.progress import PreviewResult
from napari_upaint.errors import ImageError
from napari_upaint.settings import Kind
from napari_upaint.widgets._drawn import seen_at, shows_planes
from napari_upaint.widgets._layer_notes import remove
from napari_upaint.widgets._new_layers import mark
from napari_upaint.widgets._open_layers import find, image_source, index_in_view, is_open
from napari_upaint.widgets._result_layers import ResultLayers
from napari_upaint.widgets._shown_layers import ShownLayers
from napari_upaint.widgets._sources import Placement
from napari_upaint.widgets._viewed import Box, Viewed

_INSIDE = 0.25  # opacity if no labels are visible; outlines are opaque


class PreviewLayer:
    """One layer for all images: it shows the one that is looked at."""

    def __init__(self, viewer: Viewer, results: ResultLayers, shown: ShownLayers) -> None:
        self._viewer, self._results, self._shown = viewer, results, shown
        self._layer: Layer | None = None
        self._looks: tuple[Any, ...] = ()
        self._inside = _INSIDE
        self._aside: dict[Hashable, list[Layer]] = {}  # labels that were hidden, by image

    def in_view(self, image: Hashable) -> Viewed | None:
        """Return the part of an image that the canvas shows, None if it shows nothing of it.

        Raises
        ------
        ImageError
            If the canvas does not show planes of the last two axes.
        """
        layer = find(self._viewer, image)
        if not shows_planes(self._viewer):
            raise ImageError(
                "No preview in 3D, or with the axes in another order; turn the view back (Ctrl+Y, Ctrl+E) to see one."
            )
        low, high = _corners(self._viewer, layer)
        source = image_source(layer)
        sides = [
            slice(max(0, int(np.floor(a + 0.5))), min(n, int(np.floor(b + 0.5)) + 1))
            for a, b, n in zip(low, high, source.shape[-2:], strict=True)
        ]
        if any(side.start >= side.stop for side in sides):
            return None
        levels = tuple(layer.data) if layer.multiscale else ()
        return Viewed(source, index_in_view(self._viewer, layer), (sides[0], sides[1]), levels)

    def put(self, viewed: Viewed, box: Box, shrunk: int, result: PreviewResult) -> None:
        """Show a picture in its place; the layer is made again only if it is of something else than before."""
        find(self._viewer, viewed.image.key)  # raises an error if the image was closed
        corner = (*viewed.index, *(side.start for side in box))
        place = placed(viewed.image.placement, corner, shrunk)
        picture = result.picture[(None,) * len(viewed.index)]
        # Over visible labels, draw outlines alone: one colour over another looks like neither.
        inside = _INSIDE * (not self._seen_labels(viewed.image.key))
        looks = (viewed.image.key, viewed.image.name, result.kind, result.classes, place.units, place.axis_labels)
        if self._layer is None or looks != self._looks:
            self.remove()
            options = _options(result, f"{viewed.image.name} preview") | {"metadata": mark(viewed.image, "preview")}
            options["colormap"] = _colours(result, inside)
            self._layer, self._looks = Layer.create(picture, options | place.options(), "labels"), looks
            self._results.add_below_annotations(viewed.image, self._layer)
        else:
            if inside != self._inside:
                self._layer.colormap = _colours(result, inside)
            move(self._layer, picture, place)
        self._inside = inside

    def remove(self) -> None:
        """Remove the layer, unless somebody has done so already."""
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._viewer.layers:
            remove(self._viewer, layer)

    def put_aside(self, image: Hashable) -> None:
        """Hide the labels that were made for an image, once: old results would shine through the new ones."""
        if image not in self._aside:
            self._aside[image] = self._seen_labels(image)
            for layer in self._aside[image]:
                layer.visible = False

    def _seen_labels(self, image: Hashable) -> list[Layer]:
        """Return the visible labels that were made for an image."""
        kinds: tuple[Kind, ...] = ("objects", "classes")
        found = (self._results.labels_of(image, kind) for kind in kinds)
        return [layer for layer in found if layer is not None and layer.visible]

    def bring_back(self, *_: object) -> None:
        """Show the labels that were hidden again, as far as their image is seen."""
        aside, self._aside = self._aside, {}
        for image, labels in aside.items():
            for layer in labels:
                if is_open(self._viewer, image) and layer in self._viewer.layers:
                    layer.visible = True
                    self._shown.tuck(layer.unique_id, image)

    def closed(self) -> bool:
        """Return whether somebody removed the layer."""
        return self._layer is not None and self._layer not in self._viewer.layers


def _corners(viewer: Viewer, layer: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the box, in pixels of the layer, that the canvas shows; (Y, X) each."""
    camera, dims = viewer.scene.camera, viewer.dims
    half = np.array(viewer.canvas.size, float) / camera.zoom / 2
    corners = []
    for signs in product((-1, 1), repeat=2):
        point = list(dims.point)
        for axis, at in zip(dims.displayed, np.array(camera.center[-2:]) + signs * half, strict=True):
            point[axis] = at
        corners.append(seen_at(viewer, layer, point, range(layer.ndim - 2, layer.ndim))[-2:])
    return np.min(corners, 0), np.max(corners, 0)


def placed(image: Placement, corner: tuple[int, ...], shrunk: int) -> Placement:
    """Return where a picture lies whose pixels are `shrunk` image pixels wide and begin at a corner (..., Y, X)."""
    ndim = len(corner)
    scale = np.array(image.scale, float)
    offset = np.array(corner, float)
    offset[-2:] += (shrunk - 1) / 2
    rotate = image.rotate if image.rotate.ndim == 2 else np.eye(ndim)
    translate = np.array(image.translate) + rotate @ image.shear @ (scale * offset)
    scale[-2:] *= shrunk
    return replace(image, scale=tuple(map(float, scale)), translate=tuple(map(float, translate)))


def move(layer: Any, picture: np.ndarray, place: Placement) -> None:
    """Show another picture on the layer, in another place if need be."""
    if tuple(layer.scale) != place.scale:
        layer.scale = place.scale
    if tuple(layer.translate) != place.translate:
        layer.translate = place.translate
    layer.data = picture


def _options(result: PreviewResult, name: str) -> dict[str, Any]:
    names = ["background", *result.classes, *(f"edge of {one}" for one in result.classes)]
    return {"name": name, "features": {"index": np.arange(len(names)), "label": names}, "opacity": 0.9}


def _colours(result: PreviewResult, inside: float) -> CyclicLabelColormap:
    """Return the colours of insides, with their opacity, and then of edges."""
    colours = (
        [PREVIEW_COLOUR] if result.kind == "objects" else [label_colour(k + 2) for k in range(len(result.classes))]
    )
    shades = np.array([rgb(colour) for colour in colours]) / 255
    # Cyclic, though it never comes round: other kinds of colormaps take seconds to compile when they are first drawn.
    table = np.vstack([np.zeros((1, 4)), *(np.insert(shades, 3, opacity, axis=1) for opacity in (inside, 1.0))])
    return CyclicLabelColormap(colors=table.astype(np.float32), background_value=0)
