"""The only file that touches layers. Everything goes in and comes out as frozen values; main thread only."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_upaint.engine.progress import PlaneResult
from napari_upaint.errors import ImageError
from napari_upaint.settings import Kind, ObjectSettings
from napari_upaint.widgets import _layer_tables as tables
from napari_upaint.widgets._measuring import Measured, MeasurePlan
from napari_upaint.widgets._new_layers import (
    CACHE,
    MARK,
    mark,
    new_annotation,
    new_labels,
    new_scores,
    new_weight_map,
    scores_mark,
)
from napari_upaint.widgets._score_cache import ScoreCache
from napari_upaint.widgets._sources import AnnotationSource, ImageSource, PaintedRegion, Placement

_EDITS = ("paint", "set_data", "data")


@dataclass(frozen=True, slots=True)
class Choice:
    """A layer that can be chosen."""

    key: Hashable
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class SegmentedPlane:
    """A plane with scores, and the settings that its labels were made with."""

    image: ImageSource
    index: tuple[int, ...]
    cache: ScoreCache
    made_with: ObjectSettings


class Layers(QObject):
    """The viewer's layers as the dock needs them."""

    changed = Signal()  # other layers or other names
    edited = Signal()  # the watched annotation was painted on
    label_taken = Signal()  # its brush has another label
    moved = Signal()  # another slice is in view

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._watched: Layer | None = None
        self._connected: list[tuple[Any, Callable[..., None]]] = []
        self._named: set[Hashable] = set()

    def open(self) -> None:
        """Listen to the viewer."""
        events = self._viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered):
            self._connect(event, self._listed)
        self._connect(self._viewer.dims.events.current_step, self._moved)
        self._listed()

    def close(self) -> None:
        """Leave the viewer's events alone from now on."""
        self.watch(None)
        for event, callback in self._connected:
            event.disconnect(callback)
        self._connected.clear()
        self._named.clear()

    def _connect(self, event: Any, callback: Callable[..., None]) -> None:
        event.connect(callback)
        self._connected.append((event, callback))

    def _listed(self, *_: Any) -> None:
        for layer in self._viewer.layers:
            if layer.unique_id not in self._named:
                self._named.add(layer.unique_id)
                self._connect(layer.events.name, self._renamed)
        self.changed.emit()

    def _renamed(self, *_: Any) -> None:
        self.changed.emit()

    def _moved(self, *_: Any) -> None:
        for layer in self._viewer.layers:
            measured = tables.table(layer)
            if measured is not None and self._is_open(measured.plan.image.key):
                tables.show_plane(layer, self.index_in_view(measured.plan.image.key))
        self.moved.emit()

    # -- choosing ------------------------------------------------------------------------------------------------

    def images(self) -> list[Choice]:
        """List the image layers, without results of this program."""
        return [Choice(layer.unique_id, layer.name) for layer in self._of(Image)]

    def annotations(self) -> list[Choice]:
        """List the labels layers that can be painted on, without results of this program."""
        return [Choice(layer.unique_id, layer.name) for layer in self._of(Labels)]

    def fitting_annotations(self, image: Hashable) -> list[Hashable]:
        """List the labels layers of the image's shape, those that are called after it first."""
        source = self.image(image)
        fitting = [layer for layer in reversed(self._of(Labels)) if _level_0(layer).shape == source.shape]
        return [layer.unique_id for layer in sorted(fitting, key=lambda one: not one.name.startswith(source.name))]

    def active(self) -> Hashable | None:
        """Return the key of the layer that is selected in napari's list."""
        layer = self._viewer.layers.selection.active
        return None if layer is None else layer.unique_id

    def _of(self, kind: type[Layer]) -> list[Any]:
        return [layer for layer in self._viewer.layers if isinstance(layer, kind) and MARK not in layer.metadata]

    def _find(self, key: Hashable) -> Any:
        for layer in self._viewer.layers:
            if layer.unique_id == key:
                return layer
        raise ImageError("The layer is not open any more; choose another one.")

    # -- reading -------------------------------------------------------------------------------------------------

    def image(self, key: Hashable) -> ImageSource:
        """Return an image layer as a frozen value; no pixel is read."""
        layer = self._find(key)
        return ImageSource(key, layer.name, _level_0(layer), bool(layer.rgb), _placement(layer))

    def annotation(self, key: Hashable) -> AnnotationSource:
        """Return a labels layer as a frozen value; no pixel is read."""
        layer = self._find(key)
        return AnnotationSource(key, layer.name, _level_0(layer))

    def index_in_view(self, image: Hashable) -> tuple[int, ...]:
        """Return the index along the leading axes of the plane in view; clipped where the image does not reach."""
        layer = self._find(image)
        leading = layer.ndim - 2
        if not leading:
            return ()
        position = layer.world_to_data(self._viewer.dims.point)[:leading]
        shape = _level_0(layer).shape
        return tuple(int(np.clip(round(float(p)), 0, n - 1)) for p, n in zip(position, shape, strict=False))

    def selected_label(self, key: Hashable) -> int:
        """Return the label that the brush paints now."""
        return int(self._find(key).selected_label)

    def label_colours(self, key: Hashable, labels: Iterable[int]) -> dict[int, str]:
        """Return the colours ``#rrggbb`` that labels have on a layer: it need not be one that was made here."""
        layer = self._find(key)
        colours = {}
        for label in labels:
            rgba = layer.colormap.map(label) if label > 0 else None
            if rgba is not None:
                colours[label] = "#" + "".join(f"{round(255 * float(part)):02x}" for part in np.ravel(rgba)[:3])
        return colours

    # -- painting ------------------------------------------------------------------------------------------------

    def new_annotation(self, image: Hashable, kind: Kind = "objects", painted: np.ndarray | None = None) -> Hashable:
        """Add a labels layer on an image, brush in hand, and return its key; empty unless it was painted before."""
        source = self.image(image)
        layer = Layer.create(*new_annotation(source, kind, painted))
        self._viewer.add_layer(layer)
        layer.brush_size = int(np.clip(min(source.shape[-2:]) // 60, 3, 15))
        self.paint_label(layer.unique_id, 1)
        return layer.unique_id

    def paint_label(self, key: Hashable, label: int) -> None:
        """Take the brush for a label."""
        layer = self._find(key)
        self._viewer.layers.selection.active = layer
        layer.selected_label = label
        layer.mode = "paint"

    def watch(self, key: Hashable | None) -> None:
        """Emit `edited` from now on when this annotation changes."""
        if self._watched is not None:
            for name in _EDITS:
                getattr(self._watched.events, name).disconnect(self._edit)
            self._watched.events.selected_label.disconnect(self._take_label)
        self._watched = self._find(key) if key is not None else None
        if self._watched is not None:
            for name in _EDITS:
                getattr(self._watched.events, name).connect(self._edit)
            self._watched.events.selected_label.connect(self._take_label)

    def _edit(self, *_: Any) -> None:
        self.edited.emit()

    def _take_label(self, *_: Any) -> None:
        self.label_taken.emit()

    # -- results -------------------------------------------------------------------------------------------------

    def put_labels(self, image: ImageSource, index: tuple[int, ...], result: PlaneResult, kind: Kind) -> None:
        """Show the labels of a segmented plane in the layer '<image> labels', made if there is none."""
        self._find(image.key)  # results of a closed layer have no place any more
        layer = self._result(mark(image, "labels", kind), image.shape)
        if layer is None:
            self._add_below_annotations(Layer.create(*new_labels(image, index, result, kind)))
        else:
            layer.data[index] = result.labels
            tables.labels_changed(layer)
            self._refresh(layer, image, index)

    def put_scores(
        self, image: ImageSource, index: tuple[int, ...], result: PlaneResult, kind: Kind, objects: ObjectSettings
    ) -> None:
        """Show the scores of a segmented plane in the layer '<image> scores'; several classes in front."""
        self._find(image.key)
        layer = self._result(scores_mark(image, result.names))
        if layer is None:
            self._add_below_annotations(Layer.create(*new_scores(image, index, result, kind, objects)))
        else:
            layer.metadata[CACHE].put(index, result.scores, objects)
            self._refresh(layer, image, index)

    def stale_plane(self, objects: ObjectSettings) -> SegmentedPlane | None:
        """Return a plane whose labels were made with other settings, one in view first; None if there is none."""
        found: SegmentedPlane | None = None
        for layer in self._viewer.layers:
            cache: ScoreCache | None = layer.metadata.get(CACHE)
            stale = cache.stale(objects) if cache is not None else []
            if cache is None or not stale or self._labels_of(layer.metadata[MARK]["of"], cache.kind) is None:
                continue
            image = self.image(layer.metadata[MARK]["of"])
            in_view = self.index_in_view(image.key)
            index = in_view if in_view in stale else stale[0]
            plane = SegmentedPlane(image, index, cache, cache.planes[index])
            if index == in_view:
                return plane
            found = found or plane
        return found

    def relabel(self, plane: SegmentedPlane, labels: np.ndarray, objects: ObjectSettings) -> None:
        """Show other labels of a segmented plane, unless it was segmented again meanwhile."""
        cache, layer = plane.cache, self._labels_of(plane.image.key, plane.cache.kind)
        if layer is not None and cache.planes.get(plane.index) is plane.made_with:
            cache.planes[plane.index] = objects
            layer.data[plane.index] = labels
            tables.labels_changed(layer)
            self._refresh(layer, plane.image, plane.index)

    def _labels_of(self, image: Hashable, kind: Kind) -> Any:
        """Return the labels that were made of an image that is open, or None."""
        about = {"of": image, "what": "labels", "kind": kind}
        labels = (layer for layer in self._viewer.layers if layer.metadata.get(MARK) == about)
        return next(labels, None) if self._is_open(image) else None

    def _is_open(self, key: Hashable) -> bool:
        return any(layer.unique_id == key for layer in self._viewer.layers)

    def measurable(self, image: Hashable) -> MeasurePlan | None:
        """Return what there is to measure of an image: its labels, None if it was not segmented."""
        layer = self._labels_of(image, "objects") or self._labels_of(image, "classes")
        if layer is None:
            return None
        labels = AnnotationSource(layer.unique_id, layer.name, _level_0(layer))
        return MeasurePlan(self.image(image), labels, tables.changes(layer))

    def table(self, image: Hashable) -> Measured | None:
        """Return the measurements of an image's labels, None if they changed since or were not measured."""
        plan = self.measurable(image)
        return tables.table(self._find(plan.labels.key)) if plan is not None else None

    def show_table(self, measured: Measured) -> bool:
        """Show measurements as features of their layer; False if its labels changed meanwhile."""
        return tables.show_table(self._find(measured.labels), measured, self.index_in_view(measured.plan.image.key))

    def put_weight_map(self, image: ImageSource, regions: Iterable[PaintedRegion], maps: Iterable[np.ndarray]) -> None:
        """Show the weights of the loss in the layer '<image> weight map', above everything else."""
        self._find(image.key)
        data, options, kind = new_weight_map(image, regions, maps)
        layer = self._result(mark(image, "weight map"), image.shape)
        if layer is None:
            layer = Layer.create(data, options, kind)
            self._add(layer, len(self._viewer.layers))
        layer.data = data
        layer.contrast_limits_range = options["contrast_limits"]
        layer.contrast_limits = options["contrast_limits"]
        layer.visible = True

    def _refresh(self, layer: Any, image: ImageSource, index: tuple[int, ...]) -> None:
        # A plane out of view need not be drawn; napari reads it when somebody goes there.
        if layer.visible and index == self.index_in_view(image.key):
            layer.refresh()

    def _result(self, wanted: dict[str, Any], shape: tuple[int, ...] | None = None) -> Any:
        """Return the result layer with that mark; one of another shape or kind (another model) is taken away."""
        about = wanted[MARK]
        for layer in list(self._viewer.layers):
            found = layer.metadata.get(MARK, {})
            if (found.get("of"), found.get("what")) == (about["of"], about["what"]):
                if found == about and shape in (None, tuple(layer.data.shape)):
                    return layer
                self._viewer.layers.remove(layer)
        return None

    def _add_below_annotations(self, layer: Layer) -> None:
        labels = (i for i, other in enumerate(self._viewer.layers) if isinstance(other, Labels))
        self._add(layer, next(labels, len(self._viewer.layers)))

    def _add(self, layer: Layer, place: int) -> None:
        """Add a layer, and leave the brush and the view as they were: napari resets it when an axis comes in."""
        active, camera = self._viewer.layers.selection.active, self._viewer.scene.camera
        center, zoom, step = camera.center, camera.zoom, self._viewer.dims.current_step
        self._viewer.layers.insert(place, layer)
        camera.center, camera.zoom = center, zoom
        for axis, at in enumerate(reversed(step), 1):
            self._viewer.dims.set_current_step(self._viewer.dims.ndim - axis, at)
        if active is not None:
            self._viewer.layers.selection.active = active


def _level_0(layer: Any) -> Any:
    return layer.data[0] if layer.multiscale else layer.data


def _placement(layer: Any) -> Placement:
    shear = np.asarray(layer.shear, float)
    if shear.ndim == 1:  # napari gives the upper triangle as a vector
        matrix = np.eye(layer.ndim)
        matrix[np.triu_indices(layer.ndim, 1)] = shear
        shear = matrix
    return Placement(
        tuple(float(s) for s in layer.scale),
        tuple(float(t) for t in layer.translate),
        np.array(layer.rotate, float),
        shear,
        np.array(layer.affine.affine_matrix, float),
        tuple(str(unit) for unit in layer.units),
        tuple(layer.axis_labels),
    )
