"""The layer '<image> weight map', updated part by part while somebody paints. A part of `Layers`."""

from __future__ import annotations

import math
from collections.abc import Hashable

import numpy as np
from napari.layers import Layer
from napari.viewer import Viewer

from napari_upaint.core.followed_weights import ChangedWeights
from napari_upaint.widgets._layer_notes import remove
from napari_upaint.widgets._new_layers import mark, new_weight_map
from napari_upaint.widgets._open_layers import find, find_marked
from napari_upaint.widgets._result_layers import ResultLayers
from napari_upaint.widgets._sources import ImageSource


class WeightLayers:
    """At most one weight map for each image, above everything else."""

    def __init__(self, viewer: Viewer, results: ResultLayers) -> None:
        self._viewer, self._results = viewer, results

    def room(self, image: Hashable) -> np.ndarray | None:
        """Return the array of an image's weight map, None if it is not open."""
        layer = find_marked(self._viewer, image, "weight map")
        return None if layer is None else layer.data

    def put(
        self, image: ImageSource, index: tuple[int, ...], changed: ChangedWeights, most: float, room: np.ndarray
    ) -> None:
        """Show the changed part of a plane's map; the layer is made if there is none.

        Parameters
        ----------
        index : tuple of int
            Plane of the image: index along the axes before those of the map.
        changed : ChangedWeights
            What changed in this plane.
        most : float
            Largest weight of the plane.
        room : numpy.ndarray
            What a new layer is made from: an array of all planes that holds these weights.
        """
        find(self._viewer, image.key)  # raises an error if the image was closed
        layer = self._results.result(mark(image, "weight map"), image)
        fresh = layer is None
        if fresh:
            layer = Layer.create(*new_weight_map(image, room))
        else:
            layer.data[(*index, *changed.box)] = changed.weights
        limits = (0.0, _round(most))
        if tuple(layer.contrast_limits) != limits:
            layer.contrast_limits_range = limits
            layer.contrast_limits = limits
        if fresh:
            self._results.add(layer, len(self._viewer.layers))
        elif layer.visible:
            # The other parts of a refresh take longer than the picture, and a stroke must not wait for them.
            layer.refresh(thumbnail=False, highlight=False, extent=False)

    def take_away(self, image: Hashable) -> None:
        """Remove an image's weight map: one that no longer follows the paint would not tell the truth."""
        layer = find_marked(self._viewer, image, "weight map")
        if layer is not None:
            remove(self._viewer, layer)


def _round(most: float) -> float:
    """Round up to two significant digits: the colours must not change with every stroke."""
    if not most > 0:
        return 1.0
    step = 10.0 ** (math.floor(math.log10(most)) - 1)
    return round(math.ceil(most / step) * step, 10)
