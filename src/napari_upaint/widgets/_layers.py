"""The one place that touches layers, with its parts: the files `_*_layers.py` and what these call.

Everything goes in and comes out as frozen values; main thread only.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_upaint.settings import Kind
from napari_upaint.widgets._compared_layers import ComparedLayers
from napari_upaint.widgets._drawn import shows_planes
from napari_upaint.widgets._file_layers import FileLayers
from napari_upaint.widgets._guide_layers import GuideLayers
from napari_upaint.widgets._kind_layers import KindLayers
from napari_upaint.widgets._layer_notes import CORRECTED, disown_copy, is_kept, mark_kept, notice, table
from napari_upaint.widgets._link_layers import LinkLayers
from napari_upaint.widgets._new_layers import MARK, new_annotation, old_result
from napari_upaint.widgets._object_layers import ObjectLayers
from napari_upaint.widgets._open_layers import annotation_source, find, forms, image_source, index_in_view, undo_steps
from napari_upaint.widgets._preview_layer import PreviewLayer
from napari_upaint.widgets._region_layers import RegionLayers
from napari_upaint.widgets._result_layers import ResultLayers
from napari_upaint.widgets._shown_layers import ShownLayers
from napari_upaint.widgets._sources import AnnotationSource, Form, ImageSource
from napari_upaint.widgets._table_layers import TableLayers
from napari_upaint.widgets._weight_layers import WeightLayers


@dataclass(frozen=True, slots=True)
class Choice:
    """A layer that can be chosen."""

    key: Hashable
    name: str


class Layers(QObject):
    """The viewer's layers as the dock needs them."""

    changed = Signal()  # other layers or other names
    edited = Signal()  # the watched annotation was painted on
    brushed = Signal(object)  # the key of any labels that were painted on by hand
    corrected = Signal(object)  # the key of a result that was corrected by hand
    label_taken = Signal()  # the brush of the watched annotation has another label
    moved = Signal()  # another slice is in view
    panned = Signal()  # another part of the slice is in view, or in another kind of view
    untabled = Signal()  # labels changed, so what was measured is no longer true of them
    taken = Signal(object)  # the key of a layer that somebody selected in napari's list; None: none or several
    covered = Signal()  # another image may be on top in the view

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._watched: Layer | None = None
        self._steps = (0, 0)  # of the watched annotation: how many can be undone and redone
        # By layer; None: the viewer.
        self._connected: dict[Hashable, list[tuple[Any, Callable[..., None]]]] = {}
        self.results = results = ResultLayers(viewer, self)
        self.tables = TableLayers(viewer, results)
        self.weights = WeightLayers(viewer, results)
        self.regions = RegionLayers(viewer, results, self)
        self.regions.changed.connect(self.edited)  # they are part of what is annotated
        self.kinds = KindLayers(viewer)
        self.files = FileLayers(viewer)
        self.compared = ComparedLayers(viewer, results)
        self.guide = GuideLayers(viewer, results)
        self.objects = ObjectLayers(viewer, self.guide, self)
        self.shown = ShownLayers(viewer)
        self.preview = PreviewLayer(viewer, results, self.shown)
        self.links = LinkLayers(viewer, results)

    def open(self) -> None:
        """Listen to the viewer."""
        events = self._viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered):
            self._connect(None, event, self._listed)
        self._connect(None, self._viewer.layers.selection.events.active, self._selected)
        dims, camera = self._viewer.dims.events, self._viewer.scene.camera.events
        self._connect(None, dims.current_step, self._moved)
        for event in (camera.center, camera.zoom, self._viewer.canvas.events.size, dims.ndisplay, dims.order):
            self._connect(None, event, self._panned)
        for event in (dims.ndisplay, self._viewer.canvas.grid.events.enabled):
            self._connect(None, event, self._covered)
        for event in (dims.ndisplay, dims.order):
            self._connect(None, event, lambda *_: self.tables.show_planes())
        self._listed()

    def close(self) -> None:
        """Stop listening to the viewer."""
        self.watch(None)
        self.regions.close()
        for event, callback in (one for connected in self._connected.values() for one in connected):
            event.disconnect(callback)
        self._connected.clear()

    def _connect(self, layer: Hashable, event: Any, callback: Callable[..., None]) -> None:
        event.connect(callback)
        self._connected.setdefault(layer, []).append((event, callback))

    def _listed(self, *_: Any) -> None:
        layers = {layer.unique_id: layer for layer in self._viewer.layers}
        for gone in self._connected.keys() - layers.keys() - {None}:
            for event, callback in self._connected.pop(gone):
                event.disconnect(callback)
        for key, layer in layers.items():
            if key in self._connected:
                continue
            disown_copy(layer)
            events = layer.events
            self._connect(key, events.name, self._renamed)
            if MARK not in layer.metadata:
                self._connect(key, events.scale, self._resized)
                self._connect(key, events.units, self._resized)
            if isinstance(layer, Labels):
                self._connect(key, events.paint, self._brush)
                self._connect(key, events.features, self._featured)
                if CORRECTED in events:
                    self._connect(key, events[CORRECTED], lambda event: self.corrected.emit(event.source.unique_id))
            elif isinstance(layer, Image):
                self._connect(key, events.data, self._renamed)
                for event in (events.visible, events.opacity, events.blending):
                    self._connect(key, event, self._covered)
        self.changed.emit()
        self.regions.forget_closed()

    def _renamed(self, *_: Any) -> None:
        self.changed.emit()

    def _resized(self, *_: Any) -> None:
        self.tables.forget_resized()
        self.changed.emit()

    def _covered(self, *_: Any) -> None:
        if not self.shown.showing:
            self.covered.emit()

    def _selected(self, *_: Any) -> None:
        if not self.results.adding:  # napari selects a new layer, but the brush is given back
            self.taken.emit(self.active())

    def _moved(self, *_: Any) -> None:
        self.tables.show_planes()
        self.moved.emit()

    def _panned(self, *_: Any) -> None:
        self.panned.emit()

    # -- choosing ------------------------------------------------------------------------------------------------

    def images(self) -> list[Choice]:
        """List the image layers, without results of this program."""
        return [Choice(layer.unique_id, layer.name) for layer in self._of(Image)]

    def annotations(self) -> list[Choice]:
        """List the labels layers that can be painted on, without results of this program."""
        return [Choice(layer.unique_id, layer.name) for layer in self._of(Labels)]

    def fitting_annotations(self, image: Hashable) -> list[Choice]:
        """List the labels layers of the image's shape that may be meant for paint, newest first."""
        known = self.forms()
        same = (one for one in reversed(self._of(Labels)) if known[one.unique_id].shape == known[image].shape)
        return [Choice(layer.unique_id, layer.name) for layer in same if not is_kept(layer)]

    def is_corrected_result(self, key: Hashable) -> bool:
        """Return whether labels were made here and corrected by hand: 0 is background there, 1 the first object."""
        return is_kept(self._find(key))

    def active(self) -> Hashable | None:
        """Return the key of the layer that is selected in napari's list."""
        layer = self._viewer.layers.selection.active
        return None if layer is None else layer.unique_id

    def _of(self, kind: type[Layer]) -> list[Any]:
        return [layer for layer in self._viewer.layers if isinstance(layer, kind) and MARK not in layer.metadata]

    def _find(self, key: Hashable) -> Any:
        return find(self._viewer, key)

    # -- reading -------------------------------------------------------------------------------------------------

    def forms(self) -> dict[Hashable, Form]:
        """Return the forms of all images and labels; no placement is asked for, which takes long."""
        return forms(self._viewer)

    def image(self, key: Hashable) -> ImageSource:
        """Return an image layer as a frozen value; no pixel is read."""
        return image_source(self._find(key))

    def annotation(self, key: Hashable, image: Hashable | None = None) -> AnnotationSource:
        """Return a labels layer as a frozen value, with the regions of an image; no pixel is read."""
        return replace(annotation_source(self._find(key)), regions=self.regions.of(image))

    def index_in_view(self, image: Hashable) -> tuple[int, ...]:
        """Return the index of the plane in view along the leading axes, clipped to the image."""
        return index_in_view(self._viewer, self._find(image))

    def shows_planes(self) -> bool:
        """Return whether the canvas shows planes as they are segmented: not in 3D, nor with other axes in view."""
        return shows_planes(self._viewer)

    def selected_label(self, key: Hashable) -> int:
        """Return the label that the brush paints now."""
        return int(self._find(key).selected_label)

    def label_colours(self, key: Hashable, labels: Iterable[int]) -> dict[int, str]:
        """Return the colours ``#rrggbb`` that labels have on a layer: it need not be one that was made here."""
        # If napari shows the brush's label alone, all others are invisible.
        colormap, colours = self._find(key).colormap.model_copy(update={"use_selection": False}), {}
        for label in labels:
            rgba = colormap.map(label) if label > 0 else None
            if rgba is not None:
                colours[label] = "#" + "".join(f"{round(255 * float(part)):02x}" for part in np.ravel(rgba)[:3])
        return colours

    # -- painting ------------------------------------------------------------------------------------------------

    def new_annotation(self, image: Hashable, kind: Kind = "objects", painted: np.ndarray | None = None) -> Hashable:
        """Add a labels layer on an image, brush in hand, and return its key; empty, or with what is `painted`."""
        source = self.image(image)
        layer = Layer.create(*new_annotation(source, kind, painted))
        self._viewer.add_layer(layer)
        layer.brush_size = int(np.clip(min(source.shape[-2:]) // 60, 3, 15))
        self.paint_label(layer.unique_id, 1)
        return layer.unique_id

    def bring_back(self, image: Hashable, kind: Kind, saved: np.ndarray, corrected: bool) -> Hashable:
        """Add labels that were saved: paint, or a result that was corrected by hand; return the key."""
        if not corrected:
            return self.new_annotation(image, kind, saved)
        layer = Layer.create(*old_result(self.image(image), saved, kind))
        mark_kept(layer)  # before anybody sees it: it is not paint
        notice(layer)
        self._viewer.add_layer(layer)
        return layer.unique_id

    def paint_label(self, key: Hashable, label: int) -> None:
        """Pick up the brush for a label."""
        layer = self._find(key)
        self._viewer.layers.selection.active = layer
        layer.visible = True  # napari has no brush for a hidden layer
        layer.selected_label = label
        layer.mode = "paint"

    def hide(self, key: Hashable) -> None:
        """Make a layer invisible; its eye in napari's list shows it again."""
        self._find(key).visible = False

    def watch(self, key: Hashable | None) -> None:
        """Emit `edited` from now on when this annotation changes."""
        heard = {  # not `paint` as an edit: some tools emit it before they write the array
            "labels_update": self._edit,
            "data": self._edit,
            "paint": self._step,
            "set_data": self._refreshed,
            "selected_label": self._take_label,
        }
        if self._watched is not None:
            for name, callback in heard.items():
                getattr(self._watched.events, name).disconnect(callback)
        self._watched = self._find(key) if key is not None else None
        if self._watched is not None:
            self._steps = undo_steps(self._watched)
            for name, callback in heard.items():
                getattr(self._watched.events, name).connect(callback)

    def _edit(self, *_: Any) -> None:
        self._step()
        self.edited.emit()

    def _step(self, *_: Any) -> None:
        self._steps = undo_steps(self._watched)

    def _refreshed(self, *_: Any) -> None:
        """Tell undo and redo from mere redrawing, as by each move of a slider."""
        if undo_steps(self._watched) != self._steps:
            self._edit()

    def _brush(self, event: Any) -> None:
        if MARK not in event.source.metadata and not is_kept(event.source):
            self.brushed.emit(event.source.unique_id)

    def _featured(self, event: Any) -> None:
        # For labels of results only: napari emits this for each picture of the preview, too.
        made = event.source.metadata.get(MARK, {}).get("what") == "labels"
        if made and table(event.source) is None:
            self.untabled.emit()

    def _take_label(self, *_: Any) -> None:
        self.label_taken.emit()
