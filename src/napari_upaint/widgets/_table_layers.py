"""Show what was measured in labels that were made here as their features. Main thread only."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
from napari.viewer import Viewer

from napari_upaint.settings import Kind
from napari_upaint.widgets._drawn import axes_in_view
from napari_upaint.widgets._layer_notes import changes, features_before, labels_changed, note_table, table
from napari_upaint.widgets._measured_objects import Measured, MeasurePlan
from napari_upaint.widgets._open_layers import (
    annotation_source,
    find,
    image_source,
    index_in_view,
    is_open,
    other_channels,
)
from napari_upaint.widgets._result_layers import ResultLayers

_MOST_ROWS = 1_000_000


class TableLayers:
    """A part of `Layers`, through which the dock reaches it."""

    def __init__(self, viewer: Viewer, results: ResultLayers) -> None:
        self._viewer, self._results = viewer, results

    def measurable(self, image: Hashable) -> MeasurePlan | None:
        """Return what there is to measure in an image: its labels, None if it was not segmented."""
        layer, kind = self._labels(image)
        if layer is None:
            return None
        ndim = 3 if any(of == image and cache.deep for of, cache in self._results.caches()) else 2
        source = image_source(find(self._viewer, image))
        others = other_channels(self._viewer, image)
        return MeasurePlan(source, annotation_source(layer), changes(layer), ndim, kind, () if source.rgb else others)

    def table(self, image: Hashable) -> Measured | None:
        """Return the measurements of an image's labels, None if they have changed since or were not measured."""
        layer, _ = self._labels(image)
        return table(layer) if layer is not None else None

    def segmented(self, image: Hashable) -> bool:
        """Return whether there are labels that were made for an image."""
        return self._labels(image)[0] is not None

    def _labels(self, image: Hashable) -> tuple[Any, Kind]:
        """Return the labels that were made for an image, None if there are none, and what they hold."""
        objects = self._results.labels_of(image, "objects")
        return (objects, "objects") if objects is not None else (self._results.labels_of(image, "classes"), "classes")

    def show_table(self, measured: Measured) -> bool:
        """Keep measurements, and show them as features of their layer; return False if its labels changed meanwhile."""
        layer, index = find(self._viewer, measured.labels, measured.plan.labels.name), self._index(measured.plan)
        if measured.plan.version != changes(layer):
            return False
        note_table(layer, measured)
        _show_plane(layer, measured, index)
        return True

    def are_open(self, labels: Hashable) -> bool:
        """Return whether labels that were measured are still open."""
        return is_open(self._viewer, labels)

    def forget_resized(self) -> None:
        """Remove tables whose image got another pixel size: their values are no longer true."""
        for layer in self._viewer.layers:
            measured = table(layer)
            if measured is not None and is_open(self._viewer, measured.plan.image.key):
                image = image_source(find(self._viewer, measured.plan.image.key))
                sizes = [(one.unit, one.edges(measured.plan.ndim)) for one in (image, measured.plan.image)]
                if sizes[0] != sizes[1]:
                    labels_changed(layer)

    def show_planes(self) -> None:
        """Show the rows of the planes that are in view now."""
        for layer in self._viewer.layers:
            measured = table(layer)
            if measured is not None and is_open(self._viewer, measured.plan.image.key):
                _show_plane(layer, measured, self._index(measured.plan))

    def _index(self, plan: MeasurePlan) -> tuple[int, ...] | None:
        """Return the index of the plane (or volume) in view, None if the view crosses several."""
        image = find(self._viewer, plan.image.key, plan.image.name)
        crossed = any(axis < image.ndim - plan.ndim for axis in axes_in_view(self._viewer, image))
        return None if crossed else index_in_view(self._viewer, image)


def _show_plane(layer: Any, measured: Measured, index: tuple[int, ...] | None) -> None:
    """Show the rows of a plane as the layer's features: in another plane the same number is another object.

    Show no row if `index` is None: then many planes are in view.
    """
    if index is None:
        layer.features = features_before(layer)
        return
    rows = measured.plane(index)
    labels = rows.pop("label")
    # napari takes the number of a row as its label, in the status bar and in its table: row 0 is the background.
    length = int(labels.max(initial=0)) + 1
    if length > _MOST_ROWS:  # labels that were numbered by hand
        layer.features = {"index": labels} | rows
        return
    features: dict[str, np.ndarray] = {}
    for name, values in rows.items():
        features[name] = np.full(length, np.nan)
        features[name][labels] = values
    before = features_before(layer)
    if {"index", "label"} <= set(before):  # classes have names
        names = dict(zip(before["index"], before["label"], strict=True))
        features["label"] = np.array([names.get(label, "") for label in range(length)])
    layer.features = features
