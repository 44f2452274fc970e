"""Single objects in the layers: shown in a ring, picked with the mouse. Main thread only."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_upaint.widgets._drawn import axes_in_view, seen_at
from napari_upaint.widgets._guide_layers import GuideLayers
from napari_upaint.widgets._measured_objects import Measured
from napari_upaint.widgets._open_layers import find, index_in_view, is_open

_RING = "object"
_STILL = 4  # screen pixels that a click may move


class ObjectLayers(QObject):
    """A part of `Layers`, through which the dock reaches it."""

    picked = Signal(object, object, int)  # key of the labels, index of the plane, label

    def __init__(self, viewer: Viewer, guide: GuideLayers, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._guide = viewer, guide
        self._watched: Any = None

    def show(self, measured: Measured, at: int) -> None:
        """Move the view to an object of a table, put a ring around it, and select its label."""
        image, table = measured.plan.image, measured.table
        place = measured.place(at)
        radius = int(np.ceil(measured.diameter(at) / 2)) + 4
        self._guide.go_to(image.key, place, radius)
        self._guide.put_ring(image, tuple(round(one) for one in place), radius, _RING)
        if is_open(self._viewer, measured.labels):
            layer = find(self._viewer, measured.labels)
            if layer is self._watched:
                self._silently(layer, int(table["label"][at]))

    def watch(self, labels: Hashable | None) -> None:
        """Report from now on when an object of these labels is picked or clicked; a ring from before is removed."""
        self._guide.drop(_RING)
        if self._watched is not None:
            self._watched.events.selected_label.disconnect(self._taken)
            self._watched.mouse_drag_callbacks.remove(self._clicked)
        self._watched = find(self._viewer, labels) if labels is not None and is_open(self._viewer, labels) else None
        if self._watched is not None:
            self._watched.events.selected_label.connect(self._taken)
            self._watched.mouse_drag_callbacks.append(self._clicked)

    def _silently(self, layer: Any, label: int) -> None:
        with layer.events.selected_label.blocker(self._taken):
            layer.selected_label = label

    def _taken(self, *_: Any) -> None:
        layer = self._watched
        self.picked.emit(layer.unique_id, index_in_view(self._viewer, layer), int(layer.selected_label))

    def _clicked(self, layer: Labels, event: Any) -> Iterator[None]:
        """Pick the object that is clicked, in the mode in which the mouse moves the view; a drag is not a click."""
        if layer.mode != "pan_zoom":
            return
        start = np.array(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        if np.abs(np.array(event.pos) - start).max() <= _STILL:
            at = seen_at(self._viewer, layer, event.position, axes_in_view(self._viewer, layer))
            label = layer.get_value(at)
            if label:
                self._silently(layer, int(label))
                # Not the plane of the sliders: whoever looks along another axis sees many planes.
                self.picked.emit(layer.unique_id, tuple(round(float(one)) for one in at[:-2]), int(label))
