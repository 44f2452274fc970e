"""The layer '<image> regions': where all is annotated, and where paint is for validation only. A part of `Layers`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_upaint.core.colours import BACKGROUND_COLOUR, CLASS_COLOURS, rgb
from napari_upaint.core.regions import Purpose, Region
from napari_upaint.errors import AnnotationError
from napari_upaint.widgets._drawn import shows_planes
from napari_upaint.widgets._new_layers import MARK, mark
from napari_upaint.widgets._open_layers import find, find_marked, image_source, lay
from napari_upaint.widgets._result_layers import ResultLayers
from napari_upaint.widgets._sources import ImageSource

# The text of a region, also in the layer's features, and its colour: the colour-blind can tell them apart, too.
WORDS: dict[Purpose, str] = {"annotated": "fully annotated", "validation": "validation only"}
COLOURS: dict[Purpose, str] = {"annotated": BACKGROUND_COLOUR, "validation": CLASS_COLOURS[0]}
_PURPOSES = {words: purpose for purpose, words in WORDS.items()}


class RegionLayers(QObject):
    """At most one layer of regions for each image."""

    changed = Signal()  # a region was drawn, moved, turned into another or deleted
    closed = Signal()  # a layer of regions was closed

    def __init__(self, viewer: Viewer, results: ResultLayers, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._results = viewer, results
        self._heard: dict[Hashable, Any] = {}  # layers that are listened to, made by this dock or found
        self._keys: Mapping[str, Callable[[Any], None]] = {}

    def take_keys(self, keys: Mapping[str, Callable[[Any], None]]) -> None:
        """Let keys override napari's own while regions are selected; no keys: give napari its own back.

        napari asks the selected layer before the viewer, and has tools for other shapes on T, Shift+P and Shift+L.
        """
        for layer in self._heard.values():
            _bind(layer, dict.fromkeys(self._keys))
            _bind(layer, keys)
        self._keys = keys

    def close(self) -> None:
        """Stop listening to the layers; they stay when the dock closes."""
        self.take_keys({})
        self._forget(list(self._heard))

    def forget_closed(self) -> None:
        """Stop listening to layers that were closed."""
        closed = self._heard.keys() - {layer.unique_id for layer in self._viewer.layers}
        if closed:
            self._forget(closed)
            self.closed.emit()

    def _forget(self, keys: Iterable[Hashable]) -> None:
        for key in keys:
            layer = self._heard.pop(key)
            layer.events.data.disconnect(self._edited)
            _bind(layer, dict.fromkeys(self._keys))

    def of(self, image: Hashable) -> tuple[Region, ...]:
        """Return the regions of an image, in its pixels."""
        layer = self._find(image)
        if layer is None:
            return ()
        # Where somebody's program removed all shapes with `data = []`, napari keeps their features.
        shapes = zip(layer.data, layer.shape_type, layer.features["purpose"], strict=False)
        regions = (_region(np.asarray(data, float), kind, words) for data, kind, words in shapes)
        return tuple(region for region in regions if region is not None)

    def draw(self, image: Hashable) -> None:
        """Pick up the tool for a new, fully annotated region; the layer is made if there is none.

        Raises
        ------
        AnnotationError
            If the canvas does not show planes of the last two axes, on which regions lie.
        """
        if not shows_planes(self._viewer):
            raise AnnotationError(
                "A region cannot be drawn in 3D, or with the axes in another order; turn the view back first (Ctrl+Y,"
                " Ctrl+E)."
            )
        layer = self._made(image)
        layer.visible = True  # napari has no tool for a hidden layer
        self._viewer.layers.selection.active = layer
        layer.selected_data = set()
        self._next(layer, "annotated")
        layer.mode = "add_rectangle"

    def put(self, image: Hashable, regions: Sequence[Region]) -> None:
        """Show regions that were drawn before, in addition to those that are there; each lies there once."""
        there = set(self.of(image))
        regions = [region for region in dict.fromkeys(regions) if region not in there]
        if not regions:
            return
        layer, active = self._made(image), self._viewer.layers.selection.active
        for region in regions:
            self._next(layer, region.purpose)
            leading = np.tile(np.asarray(region.index, float), (len(region.corners), 1))
            data = np.concatenate([leading, np.asarray(region.corners, float)], axis=1)
            layer.add(data, shape_type="rectangle" if _is_rectangle(region) else "polygon")
        self._next(layer, "annotated")
        layer.selected_data = set()
        if active is not None:
            self._viewer.layers.selection.active = active

    def turn(self, image: Hashable) -> None:
        """Switch the purpose of the selected regions, or of the one that was drawn last."""
        layer = self._find(image)
        chosen = sorted(layer.selected_data) or list(range(layer.nshapes))[-1:] if layer is not None else []
        if not chosen:
            return
        words, colours = (list(layer.features[name]) for name in ("purpose", "colour"))
        edges = layer.edge_color.copy()
        other: Purpose = "annotated" if _PURPOSES.get(words[chosen[0]]) == "validation" else "validation"
        for index in chosen:
            words[index], colours[index], edges[index] = WORDS[other], COLOURS[other], _rgba(other)
        layer.features = layer.features.assign(purpose=words, colour=colours)
        layer.edge_color = edges
        layer.refresh_text()
        self.changed.emit()

    def _made(self, image: Hashable) -> Any:
        layer, source = self._find(image), image_source(find(self._viewer, image))
        if layer is not None and layer.ndim != len(source.shape):  # of the array that the image had before
            del layer.metadata[MARK]
            layer = None
        if layer is not None:
            lay(layer, source.placement)  # its pixel size may have been set since
        else:
            layer = Layer.create(*_new_regions(source))
            self._results.add(layer, len(self._viewer.layers))
            self._hear(layer)
        return layer

    def _hear(self, layer: Any) -> None:
        """Listen to a layer from now on, even if it was made before this dock was opened."""
        if layer.unique_id not in self._heard:
            self._heard[layer.unique_id] = layer
            layer.events.data.connect(self._edited)
            _bind(layer, self._keys)

    def _edited(self, *_: Any) -> None:
        self.changed.emit()

    def _find(self, image: Hashable) -> Any:
        layer = find_marked(self._viewer, image, "regions")
        if layer is not None:
            self._hear(layer)
        return layer

    def _next(self, layer: Any, purpose: Purpose) -> None:
        """Set the purpose of the next region."""
        layer.feature_defaults = _features(purpose)
        with layer.block_update_properties():
            layer.current_edge_color = COLOURS[purpose]


def _bind(layer: Any, keys: Mapping[str, Callable[[Any], None] | None]) -> None:
    for key, callback in keys.items():
        layer.bind_key(key, callback, overwrite=True)


def _new_regions(image: ImageSource) -> tuple[Any, dict[str, Any], str]:
    """Return an empty layer of regions as napari's layer data."""
    options = {
        "name": f"{image.name} regions",
        "metadata": mark(image, "regions"),
        "ndim": len(image.shape),
        "features": {name: np.array([], dtype=object) for name in _features("annotated")},
        "feature_defaults": _features("annotated"),
        "text": {
            "string": "{purpose}",
            "size": 9,
            "anchor": "upper_left",
            # Like the edges: white would not be seen on a bright image. Not by a colormap of purposes: napari could not
            # duplicate the layer.
            "color": {"feature": "colour", "fallback": COLOURS["annotated"]},
        },
        "face_color": "transparent",
        "edge_color": COLOURS["annotated"],
        "edge_width": max(1.0, min(image.shape[-2:]) / 250),
        "opacity": 1.0,
    }
    return None, options | image.placement.options(), "shapes"


def _region(data: np.ndarray, kind: str, words: object) -> Region | None:
    """Return a shape as a region; lines and paths have no inside."""
    if kind in ("line", "path") or len(data) < 3:
        return None
    corners = _ellipse(data[:, -2:]) if kind == "ellipse" else data[:, -2:]
    index = tuple(round(float(at)) for at in data[0, :-2])
    purpose = _PURPOSES.get(str(words), "annotated")
    return Region(purpose, tuple((float(y), float(x)) for y, x in corners), index)


def _ellipse(corners: np.ndarray) -> np.ndarray:
    """Return a polygon along the ellipse in a rectangle, (4, 2)."""
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)[:, None]
    a, b = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    return np.asarray(corners.mean(axis=0) + np.cos(angle) * a + np.sin(angle) * b)


def _is_rectangle(region: Region) -> bool:
    corners = np.asarray(region.corners)
    return len(corners) == 4 and bool(np.allclose(corners[0] + corners[2], corners[1] + corners[3]))


def _features(purpose: Purpose) -> dict[str, str]:
    return {"purpose": WORDS[purpose], "colour": COLOURS[purpose]}


def _rgba(purpose: Purpose) -> list[float]:
    return [*(part / 255 for part in rgb(COLOURS[purpose])), 1.0]
