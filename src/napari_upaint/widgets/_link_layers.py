"""Labels of several planes and their ids: read and renumbered plane by plane. Main thread only."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.viewer import Viewer

from napari_upaint.widgets import _layer_tables as tables
from napari_upaint.widgets._new_layers import CACHE, MARK
from napari_upaint.widgets._open_layers import find, image_source, is_open
from napari_upaint.widgets._result_layers import ResultLayers
from napari_upaint.widgets._score_cache import ScoreCache
from napari_upaint.widgets._sources import ImageSource

Index = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPlanes:
    """The segmented planes (or volumes) of a layer of objects; `version` says which labels those are."""

    image: ImageSource
    key: Hashable
    planes: dict[Index, np.ndarray]
    version: int


class LinkLayers:
    """A part of `Layers`, by which the dock reaches it."""

    def __init__(self, viewer: Viewer, results: ResultLayers) -> None:
        self._viewer, self._results = viewer, results

    def all(self) -> list[LabelledPlanes]:
        """Return what there is to link: objects in more than one segmented plane (volume) of an image."""
        found = []
        for image, cache in self._caches():
            labels = self._results.labels_of(image, "objects")
            # Objects of volumes have one number through their slices already; volumes are linked through time.
            indices = cache.volumes if cache.deep else set() if cache.volumes else set(cache.planes)
            if labels is not None and len(indices) > 1:
                planes = {index: labels.data[index] for index in indices}
                source = image_source(find(self._viewer, image))
                found.append(LabelledPlanes(source, labels.unique_id, planes, tables.changes(labels)))
        return found

    def before(self, image: Hashable, index: Index) -> np.ndarray | None:
        """Return the objects that a plane has now."""
        labels = self._results.labels_of(image, "objects")
        return labels.data[index] if labels is not None else None

    def is_as_it_was(self, labels: LabelledPlanes) -> bool:
        """Return whether nothing was segmented or labelled anew since."""
        layer = self._layer(labels)
        return layer is not None and tables.changes(layer) == labels.version

    def changed(self, labels: LabelledPlanes) -> LabelledPlanes:
        """Note that the ids change; what was measured goes."""
        layer = self._layer(labels)
        tables.labels_changed(layer)
        return LabelledPlanes(labels.image, labels.key, labels.planes, tables.changes(layer))

    def renumber(self, labels: LabelledPlanes, index: Index, new: np.ndarray) -> None:
        """Give the objects of a plane new ids: `new` has them at the places of the old ones."""
        layer = self._layer(labels)
        layer.data[index] = new[layer.data[index]]
        self._results.refresh(layer, labels.image, index)

    def _layer(self, labels: LabelledPlanes) -> Any:
        both = is_open(self._viewer, labels.key) and is_open(self._viewer, labels.image.key)
        return find(self._viewer, labels.key) if both else None

    def _caches(self) -> Iterator[tuple[Hashable, ScoreCache]]:
        for layer in list(self._viewer.layers):
            cache: ScoreCache | None = layer.metadata.get(CACHE)
            if cache is not None and cache.kind == "objects" and is_open(self._viewer, layer.metadata[MARK]["of"]):
                yield layer.metadata[MARK]["of"], cache
