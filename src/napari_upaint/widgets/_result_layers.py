"""The layers of results: labels, scores, tables; how they come, follow and go. Main thread only."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Labels, Layer
from napari.viewer import Viewer

from napari_upaint.engine.progress import PlaneResult
from napari_upaint.settings import Kind, ObjectSettings
from napari_upaint.widgets import _layer_tables as tables
from napari_upaint.widgets._measuring import Measured, MeasurePlan
from napari_upaint.widgets._new_layers import (
    CACHE,
    MARK,
    mark,
    new_labels,
    new_scores,
    scores_mark,
)
from napari_upaint.widgets._open_layers import (
    annotation_source,
    find,
    image_source,
    index_in_view,
    is_open,
    place_above,
)
from napari_upaint.widgets._score_cache import ScoreCache
from napari_upaint.widgets._sources import ImageSource


@dataclass(frozen=True, slots=True, eq=False)
class SegmentedPlane:
    """A plane (or a volume) with scores, and the settings that its labels were made with."""

    image: ImageSource
    index: tuple[int, ...]
    cache: ScoreCache
    made_with: ObjectSettings | None


class ResultLayers:
    """A part of `Layers`, by which the dock reaches it."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self.adding = False

    # -- segmenting ----------------------------------------------------------------------------------------------

    def put_labels(self, image: ImageSource, index: tuple[int, ...], result: PlaneResult, kind: Kind) -> None:
        """Show the labels of a segmented plane in the layer '<image> labels', made if there is none."""
        find(self._viewer, image.key)  # results of a closed layer have no place any more
        layer = self.result(mark(image, "labels", kind), image.shape)
        if layer is None:
            self.add_below_labels(image, Layer.create(*new_labels(image, index, result, kind)))
        else:
            layer.data[index] = result.labels
            tables.labels_changed(layer)
            self.refresh(layer, image, index)

    def put_scores(
        self, image: ImageSource, index: tuple[int, ...], result: PlaneResult, kind: Kind, objects: ObjectSettings
    ) -> None:
        """Show the scores of a segmented plane in the layer '<image> scores'; several classes in front."""
        find(self._viewer, image.key)
        layer = self.result(scores_mark(image, result.names))
        if layer is None:
            self.add_below_labels(image, Layer.create(*new_scores(image, index, result, kind, objects)))
        else:
            layer.metadata[CACHE].put(index, result, objects)
            self.refresh(layer, image, index)

    def stale_plane(self, objects: ObjectSettings) -> SegmentedPlane | None:
        """Return a plane whose labels were made with other settings, one in view first; None if there is none."""
        found: SegmentedPlane | None = None
        for layer in self._viewer.layers:
            cache: ScoreCache | None = layer.metadata.get(CACHE)
            stale = cache.stale(objects) if cache is not None else []
            if cache is None or not stale or self.labels_of(layer.metadata[MARK]["of"], cache.kind) is None:
                continue
            source = find(self._viewer, layer.metadata[MARK]["of"])
            in_view = index_in_view(self._viewer, source)
            index = in_view if in_view in stale else stale[0]
            plane = SegmentedPlane(image_source(source), index, cache, cache.made_with(index))
            if index == in_view[: len(index)]:
                return plane
            found = found or plane
        return found

    def relabel(self, plane: SegmentedPlane, labels: np.ndarray, objects: ObjectSettings) -> None:
        """Show other labels of a segmented plane, unless it was segmented again meanwhile."""
        cache, layer = plane.cache, self.labels_of(plane.image.key, plane.cache.kind)
        if layer is not None and cache.made_with(plane.index) is plane.made_with:
            cache.remade(plane.index, objects)
            layer.data[plane.index] = labels
            tables.labels_changed(layer)
            self.refresh(layer, plane.image, plane.index)

    def labels_of(self, image: Hashable, kind: Kind) -> Any:
        """Return the labels that were made of an image that is open, or None."""
        about = {"of": image, "what": "labels", "kind": kind}
        labels = (layer for layer in self._viewer.layers if layer.metadata.get(MARK) == about)
        return next(labels, None) if is_open(self._viewer, image) else None

    # -- tables --------------------------------------------------------------------------------------------------

    def measurable(self, image: Hashable) -> MeasurePlan | None:
        """Return what there is to measure of an image: its labels, None if it was not segmented."""
        layer = self.labels_of(image, "objects") or self.labels_of(image, "classes")
        if layer is None:
            return None
        mine = (one.metadata for one in self._viewer.layers if one.metadata.get(MARK, {}).get("of") == image)
        ndim = 3 if any(CACHE in one and one[CACHE].deep for one in mine) else 2
        return MeasurePlan(
            image_source(find(self._viewer, image)), annotation_source(layer), tables.changes(layer), ndim
        )

    def table(self, image: Hashable) -> Measured | None:
        """Return the measurements of an image's labels, None if they changed since or were not measured."""
        plan = self.measurable(image)
        return tables.table(find(self._viewer, plan.labels.key)) if plan is not None else None

    def show_table(self, measured: Measured) -> bool:
        """Show measurements as features of their layer; False if its labels changed meanwhile."""
        index = index_in_view(self._viewer, find(self._viewer, measured.plan.image.key))
        return tables.show_table(find(self._viewer, measured.labels), measured, index)

    def show_planes(self) -> None:
        """Show the rows of the planes that are in view now."""
        for layer in self._viewer.layers:
            measured = tables.table(layer)
            if measured is not None and is_open(self._viewer, measured.plan.image.key):
                image = find(self._viewer, measured.plan.image.key)
                tables.show_plane(layer, index_in_view(self._viewer, image))

    # -- coming and going ----------------------------------------------------------------------------------------

    def refresh(self, layer: Any, image: ImageSource, index: tuple[int, ...]) -> None:
        """Draw a plane that changed. One out of view need not be drawn; napari reads it when somebody goes there."""
        if layer.visible and index == index_in_view(self._viewer, find(self._viewer, image.key))[: len(index)]:
            layer.refresh()

    def result(self, wanted: dict[str, Any], shape: tuple[int, ...] | None = None) -> Any:
        """Return the result layer with that mark; one of another shape or kind (another model) is taken away."""
        about = wanted[MARK]
        for layer in list(self._viewer.layers):
            found = layer.metadata.get(MARK, {})
            if (found.get("of"), found.get("what")) == (about["of"], about["what"]):
                if found == about and shape in (None, tuple(layer.data.shape)):
                    return layer
                self._viewer.layers.remove(layer)
        return None

    def add_below_labels(self, image: ImageSource, layer: Layer) -> None:
        """Add a layer over an image, below the labels there: nothing may hide what is painted."""
        self.add(layer, place_above(self._viewer, image.key, lambda other: isinstance(other, Labels)))

    def add_below_annotations(self, image: ImageSource, layer: Layer) -> None:
        """Add a layer over an image and its results, below what is painted there."""
        self.add(layer, place_above(self._viewer, image.key, _painted))

    def add(self, layer: Layer, place: int) -> None:
        """Add a layer, and leave the brush and the view as they were: napari resets it when an axis comes in."""
        active, camera = self._viewer.layers.selection.active, self._viewer.scene.camera
        center, zoom, step = camera.center, camera.zoom, self._viewer.dims.current_step
        self.adding = True
        try:
            self._viewer.layers.insert(place, layer)
            camera.center, camera.zoom = center, zoom
            for axis, at in enumerate(reversed(step), 1):
                self._viewer.dims.set_current_step(self._viewer.dims.ndim - axis, at)
            if active is not None:
                self._viewer.layers.selection.active = active
        finally:
            self.adding = False


def _painted(layer: Layer) -> bool:
    return isinstance(layer, Labels) and MARK not in layer.metadata
