"""The layers that guide the user: uncertainty, and a ring around the place to paint next. Main thread only."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer

from napari_upaint.core.uncertainty import Method
from napari_upaint.widgets._drawn import axes_in_view, drawn_at, unit_factors
from napari_upaint.widgets._layer_notes import remove
from napari_upaint.widgets._new_layers import MARK, mark, new_ring, new_uncertainty
from napari_upaint.widgets._open_layers import find, find_marked, image_source, index_in_view
from napari_upaint.widgets._result_layers import ResultLayers
from napari_upaint.widgets._score_cache import ScoreCache
from napari_upaint.widgets._sources import ImageSource

# In the metadata of an uncertainty layer: for each plane, which prediction it shows.
_SHOWN = "napari-upaint shown"
# Pixels on the screen. A window smaller than this is too small to paint in, so the view zooms in.
_SMALLEST_ON_SCREEN = 24
NEXT_PLACE = "next place"


@dataclass(frozen=True, slots=True, eq=False)
class ScoredPlane:
    """A plane whose uncertainty is wanted, and the turn of its prediction; `room`: the array it is shown in, if any."""

    image: ImageSource
    index: tuple[int, ...]
    cache: ScoreCache
    method: Method
    turn: int
    room: np.ndarray | None


class GuideLayers:
    """A part of `Layers`, through which the dock reaches it."""

    def __init__(self, viewer: Viewer, results: ResultLayers) -> None:
        self._viewer, self._results = viewer, results

    # -- uncertainty ---------------------------------------------------------------------------------------------

    def unshown_plane(self, method: Method) -> ScoredPlane | None:
        """Return a plane whose current uncertainty is not shown yet, one in view first; None if there is none."""
        found: ScoredPlane | None = None
        for of, cache in self._results.caches():
            source = find(self._viewer, of)
            image = image_source(source)
            layer = find_marked(self._viewer, of, "uncertainty", method)
            shown = layer.metadata[_SHOWN] if layer is not None else {}
            wanted = [index for index in cache.planes if has(cache, index, method)]
            missing = [index for index in wanted if shown.get(index) != cache.planes[index].turn]
            if missing:
                in_view = index_in_view(self._viewer, source)
                index = in_view if in_view in missing else missing[0]
                room = layer.data if layer is not None else None
                plane = ScoredPlane(image, index, cache, method, cache.planes[index].turn, room)
                if index == in_view:
                    return plane
                found = found or plane
        return found

    def put_uncertainty(self, plane: ScoredPlane, values: np.ndarray, room: np.ndarray) -> None:
        """Show the uncertainty of a plane in the layer '<image> uncertainty', which is made from `room` if missing."""
        image, index = plane.image, plane.index
        find(self._viewer, image.key)
        layer = self._results.result(mark(image, "uncertainty", plane.method), image)
        if layer is None:
            data, options, kind = new_uncertainty(image, plane.method, room)
            options["metadata"][_SHOWN] = {index: plane.turn}
            self._results.add_below_annotations(image, Layer.create(data, options, kind))
            return
        layer.data[index] = values
        layer.metadata[_SHOWN][index] = plane.turn
        self._results.refresh(layer, image, index)

    # -- where to paint ------------------------------------------------------------------------------------------

    def go_to(self, image: Hashable, at: tuple[float, ...], radius: float) -> None:
        """Move the view to a place (its index along each axis of an image), and zoom in if its window is too small.

        A view in which all of the window is in sight, as far as `radius` around the place, stays as it is.
        """
        layer = find(self._viewer, image)
        world = drawn_at(self._viewer, layer, at, axes_in_view(self._viewer, layer))
        dims, camera = self._viewer.dims, self._viewer.scene.camera
        first = dims.ndim - len(world)
        # Not the axes in view: napari would read every layer again.
        hidden = [axis for axis in dims.not_displayed if axis >= first]
        if hidden:
            dims.set_point(hidden, [world[axis - first] for axis in hidden])
        shown = [float(world[axis - first]) if axis >= first else 0.0 for axis in dims.displayed]
        edges = np.abs(layer.scale * unit_factors(self._viewer, layer))
        size = (2 * radius + 1) * float(edges[-2:].mean())
        tiny = size * camera.zoom < _SMALLEST_ON_SCREEN
        away = np.abs(np.array(shown[-2:]) - camera.center[-2:]) + size / 2
        if tiny or dims.ndisplay == 3 or np.any(away * camera.zoom > np.array(self._viewer.canvas.size) / 2):
            camera.center = tuple([0.0] * (3 - len(shown)) + shown)
        if tiny:
            camera.zoom = 2 * _SMALLEST_ON_SCREEN / size

    def put_ring(self, image: ImageSource, at: tuple[int, ...], radius: int, what: str) -> None:
        """Mark a place with a ring; there is one ring of each kind at a time."""
        data, options, kind = new_ring(image, at, radius, what)
        layer = self._results.result(options["metadata"], image)
        if layer is None:
            self.drop(what)
            self._results.add(Layer.create(data, options, kind), len(self._viewer.layers))
        else:
            layer.data, layer.size = data, options["size"]
            layer.selected_data = set()

    def shows(self, what: str) -> bool:
        """Return whether any layer shows this: "uncertainty", or a ring."""
        return bool(self._showing(what))

    def drop(self, what: str) -> None:
        """Remove all layers that show this: "uncertainty", or a ring."""
        for layer in self._showing(what):
            remove(self._viewer, layer)

    def _showing(self, what: str) -> list[Layer]:
        return [layer for layer in self._viewer.layers if layer.metadata.get(MARK, {}).get("what") == what]


def has(cache: ScoreCache, index: tuple[int, ...], method: Method) -> bool:
    """Return whether a method can be used on a predicted plane: "rotations" needs more than one rotation."""
    return method != "rotations" or cache.planes[index].spread is not None
