"""Labels of several planes and their ids: read and renumbered plane by plane. Main thread only."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from napari.viewer import Viewer

from napari_upaint.widgets._layer_notes import changes, is_corrected, labels_changed, note_correction, note_plane
from napari_upaint.widgets._open_layers import find, image_source, is_open
from napari_upaint.widgets._result_layers import LabelledPlane, ResultLayers
from napari_upaint.widgets._sources import ImageSource

Index = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPlanes:
    """The segmented planes (or volumes) of a layer of objects; `version` says which labels those are.

    If labels were corrected by hand, the user may have given the numbers: a copy is linked.
    """

    image: ImageSource
    key: Hashable
    planes: dict[Index, np.ndarray]
    version: int
    corrected: bool = False


class LinkLayers:
    """A part of `Layers`, through which the dock reaches it."""

    def __init__(self, viewer: Viewer, results: ResultLayers) -> None:
        self._viewer, self._results = viewer, results

    def all(self) -> list[LabelledPlanes]:
        """Return what there is to link: objects in more than one segmented plane (volume) of an image."""
        found = []
        for image, cache in self._results.caches():
            layer = self._results.labels_of(image, "objects") if cache.kind == "objects" else None
            # Objects of volumes have one number through their slices already; volumes are linked through time.
            indices = cache.volumes if cache.deep else set() if cache.volumes else set(cache.planes)
            if layer is None or len(indices) < 2:
                continue
            corrected = is_corrected(layer)
            if corrected:  # also on planes that were not segmented
                indices = set(product(*(range(n) for n in layer.data.shape[: -3 if cache.deep else -2])))
            planes = {index: layer.data[index] for index in indices}
            source = image_source(find(self._viewer, image))
            found.append(LabelledPlanes(source, layer.unique_id, planes, changes(layer), corrected))
        return found

    def before(self, image: Hashable, index: Index) -> np.ndarray | None:
        """Return the objects that a plane has now."""
        labels = self._results.labels_of(image, "objects")
        return labels.data[index] if labels is not None else None

    def is_as_it_was(self, labels: LabelledPlanes) -> bool:
        """Return whether nothing has been segmented or labelled again since."""
        layer = self._layer(labels)
        return layer is not None and changes(layer) == labels.version

    def changed(self, labels: LabelledPlanes) -> LabelledPlanes:
        """Note that the ids change, which drops measurements; return the labels that are to be renumbered."""
        layer = self._layer(labels)
        if labels.corrected:
            self._results.keep(layer)
            index, plane = next(iter(labels.planes.items()))
            layer = self._results.add_labels(LabelledPlane(labels.image, index, plane, (), "objects"))
            note_correction(layer)
        labels_changed(layer)
        return replace(labels, key=layer.unique_id, version=changes(layer))

    def put(self, labels: LabelledPlanes, index: Index, renumbered: np.ndarray) -> None:
        """Show the objects of a plane with their new ids."""
        layer = self._layer(labels)
        layer.data[index] = renumbered
        note_plane(layer, index)
        self._results.refresh(layer, labels.image, index)

    def _layer(self, labels: LabelledPlanes) -> Any:
        both = is_open(self._viewer, labels.key) and is_open(self._viewer, labels.image.key)
        return find(self._viewer, labels.key) if both else None
