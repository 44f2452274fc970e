"""What is measured of labels that were made here, and shown as their features. Main thread only."""

from __future__ import annotations

from collections.abc import Hashable

from napari.viewer import Viewer

from napari_upaint.settings import Kind
from napari_upaint.widgets import _layer_tables as tables
from napari_upaint.widgets._drawn import axes_in_view
from napari_upaint.widgets._measuring import Measured, MeasurePlan
from napari_upaint.widgets._open_layers import annotation_source, find, image_source, index_in_view, is_open
from napari_upaint.widgets._result_layers import ResultLayers


class TableLayers:
    """A part of `Layers`, by which the dock reaches it."""

    def __init__(self, viewer: Viewer, results: ResultLayers) -> None:
        self._viewer, self._results = viewer, results

    def measurable(self, image: Hashable) -> MeasurePlan | None:
        """Return what there is to measure of an image: its labels, None if it was not segmented."""
        kind: Kind = "objects" if self._results.labels_of(image, "objects") is not None else "classes"
        layer = self._results.labels_of(image, kind)
        if layer is None:
            return None
        ndim = 3 if any(of == image and cache.deep for of, cache in self._results.caches()) else 2
        source = image_source(find(self._viewer, image))
        return MeasurePlan(source, annotation_source(layer), tables.changes(layer), ndim, kind)

    def table(self, image: Hashable) -> Measured | None:
        """Return the measurements of an image's labels, None if they changed since or were not measured."""
        plan = self.measurable(image)
        return tables.table(find(self._viewer, plan.labels.key)) if plan is not None else None

    def show_table(self, measured: Measured) -> bool:
        """Show measurements as features of their layer; False if its labels changed meanwhile."""
        return tables.show_table(find(self._viewer, measured.labels), measured, self._index(measured.plan))

    def show_planes(self) -> None:
        """Show the rows of the planes that are in view now."""
        for layer in self._viewer.layers:
            measured = tables.table(layer)
            if measured is not None and is_open(self._viewer, measured.plan.image.key):
                tables.show_plane(layer, self._index(measured.plan))

    def _index(self, plan: MeasurePlan) -> tuple[int, ...] | None:
        """Return the index of the plane (or volume) in view, None if the view crosses several."""
        image = find(self._viewer, plan.image.key)
        crossed = any(axis < image.ndim - plan.ndim for axis in axes_in_view(self._viewer, image))
        return None if crossed else index_in_view(self._viewer, image)
