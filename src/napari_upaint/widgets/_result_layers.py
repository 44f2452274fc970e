"""The layers of results: labels and scores; how they are added, updated and removed. Main thread only."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Labels, Layer, Points
from napari.viewer import Viewer
from qtpy.QtCore import QObject, Signal

from napari_upaint.engine.progress import PlaneResult
from napari_upaint.errors import ImageError
from napari_upaint.settings import Kind, ObjectSettings
from napari_upaint.widgets import _layer_notes as notes
from napari_upaint.widgets._memory import holding
from napari_upaint.widgets._new_layers import CACHE, MARK, mark, new_labels, new_scores, scores_mark
from napari_upaint.widgets._open_layers import (
    find,
    find_marked,
    forms,
    image_source,
    index_in_view,
    lay,
    place_above,
)
from napari_upaint.widgets._redrawn_layers import RedrawnLayers
from napari_upaint.widgets._score_cache import ScoreCache, empty_cache
from napari_upaint.widgets._sources import ImageSource


@dataclass(frozen=True, slots=True, eq=False)
class SegmentedPlane:
    """A plane (or a volume) with scores, and the settings that its labels were made with."""

    image: ImageSource
    index: tuple[int, ...]
    cache: ScoreCache
    made_with: ObjectSettings | None


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPlane:
    """Labels of a plane (or a volume); `names` and `kind` of the outputs of the model that they come from.

    `room`: an array of all planes with memory for these labels, if there is one.
    """

    image: ImageSource
    index: tuple[int, ...]
    labels: np.ndarray
    names: tuple[str, ...]
    kind: Kind
    room: np.ndarray | None = None


class ResultLayers(QObject):
    """A part of `Layers`, through which the dock reaches it."""

    kept = Signal(str)  # labels that were corrected belong to the user now: their new name
    scored = Signal()  # the scores of a plane are shown

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._redrawn = RedrawnLayers(viewer, self)
        self.adding = False

    # -- segmenting ----------------------------------------------------------------------------------------------

    def put_labels(
        self,
        image: ImageSource,
        index: tuple[int, ...],
        result: PlaneResult,
        kind: Kind,
        room: np.ndarray | None = None,
    ) -> Hashable | None:
        """Show the labels of a segmented plane in the layer '<image> labels', and return its key if it is a new one.

        Parameters
        ----------
        room : numpy.ndarray or None
            An array of all planes with memory for these labels; used for a new layer.
        """
        image = self._now(image)
        layer = self.result(mark(image, "labels", kind), image)
        if layer is not None and not notes.may_write(layer, index):
            self._replace(layer)
            layer = None
        return self._put(layer, LabelledPlane(image, index, result.labels, result.names, kind, room))

    def put_scores(
        self,
        image: ImageSource,
        index: tuple[int, ...],
        result: PlaneResult,
        kind: Kind,
        objects: ObjectSettings,
        written: ScoreCache | None = None,
        model: Path | None = None,
        made: str = "",
    ) -> None:
        """Show the scores of a segmented plane in the layer '<image> scores'; several classes are its first axis.

        Parameters
        ----------
        written : ScoreCache or None
            Where these scores are kept already.
        model, made : Path or None, str
            What they were predicted with, and made from, see `session.made`.
        """
        image = self._now(image)
        layer = self.result(scores_mark(image, result.names), image)
        if layer is not None and written not in (None, layer.metadata[CACHE]):
            notes.remove(self._viewer, layer)
            layer = None
        cache = written or (layer.metadata[CACHE] if layer is not None else empty_cache(image, result.names, kind))
        if written is None:
            cache.write(index, result.scores)
        cache.note(index, result, objects, model, made)
        if layer is None:
            self.add_below_labels(image, Layer.create(*new_scores(image, cache)))
        else:
            self.refresh(layer, image, index)
        self.scored.emit()

    def _now(self, image: ImageSource) -> ImageSource:
        """Return an image as it is now; raise an ImageError if it was closed or has changed its size."""
        now = image_source(find(self._viewer, image.key, image.name))
        if now.shape != image.shape:
            raise ImageError(f"{now.name} has changed its size; segment it again.")
        return now

    def caches(self) -> Iterator[tuple[Hashable, ScoreCache]]:
        """Yield the key and the scores of each image that was segmented and still has the same shape."""
        known = forms(self._viewer)
        for layer in list(self._viewer.layers):
            cache: ScoreCache | None = layer.metadata.get(CACHE)
            image = layer.metadata[MARK]["of"] if cache is not None else None
            if cache is not None and image in known and cache.fits(known[image].shape):
                yield image, cache

    def cache(self, image: Hashable) -> ScoreCache | None:
        """Return the scores of an image, None if it was not segmented as it is now."""
        return next((cache for of, cache in self.caches() if of == image), None)

    def made(self, image: Hashable, kind: Kind) -> dict[tuple[int, ...], str]:
        """Return what planes (or volumes) were made from, by index, if both their scores and labels are there."""
        cache, labels = self.cache(image), self.labels_of(image, kind)
        if cache is None or labels is None or cache.kind != kind:
            return {}
        return {index: made for index, made in cache.made.items() if notes.holds(labels, index)}

    def of_others(self, model: Path | None) -> int:
        """Return how many planes show what another model found."""
        return sum(cache.of_others(model) for _, cache in self.caches())

    def stale_plane(self, objects: ObjectSettings) -> SegmentedPlane | None:
        """Return a plane whose labels were made with other settings, one in view first; None if there is none."""
        found: SegmentedPlane | None = None
        for image, cache in self.caches():
            stale = cache.stale(objects)
            if not stale or self.labels_of(image, cache.kind) is None:
                continue
            source = find(self._viewer, image)
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
        if layer is None or cache.made_with(plane.index) is not plane.made_with or not cache.fits(layer.data.shape):
            return
        if notes.is_corrected(layer):  # all of its planes are made again, also those that were corrected
            self._replace(layer)
            layer = None
        cache.remade(plane.index, objects)
        self._put(layer, LabelledPlane(self._now(plane.image), plane.index, labels, cache.names, cache.kind))

    def labels_of(self, image: Hashable, kind: Kind) -> Any:
        """Return the labels that were made for an open image in its present shape, or None."""
        layer = find_marked(self._viewer, image, "labels", kind)
        form = forms(self._viewer).get(image)
        return layer if layer is not None and form is not None and layer.data.shape == form.shape else None

    def labels_room(self, image: Hashable, kind: Kind) -> np.ndarray | None:
        """Return the array of the labels that were made for an image, None if there are none."""
        layer = self.labels_of(image, kind)
        return None if layer is None else layer.data

    def _put(self, layer: Any, plane: LabelledPlane) -> Hashable | None:
        """Write labels into a layer, or with None into a new one, whose key is returned."""
        if layer is None:
            made: Hashable = self.add_labels(plane).unique_id
            return made
        layer.data[plane.index] = plane.labels
        notes.note_plane(layer, plane.index)
        notes.labels_changed(layer)
        lay(layer, plane.image.placement)
        self.refresh(layer, plane.image, plane.index)
        return None

    def add_labels(self, plane: LabelledPlane) -> Any:
        """Add a layer with the labels of one plane, and return it."""
        data, labels = plane.room, (one for one in self._viewer.layers if isinstance(one, Labels))
        if data is None or any(one.data is data for one in labels):  # it belongs to labels that the user corrected
            data = holding(plane.image, plane.index, np.asarray(plane.labels, np.int32))
        elif data is not plane.labels:  # it may be from a layer that was closed meanwhile
            data[plane.index] = plane.labels
        layer = Layer.create(*new_labels(plane.image, plane.names, plane.kind, data))
        notes.notice(layer)
        notes.note_plane(layer, plane.index)
        self.add_below_labels(plane.image, layer)
        return layer

    def _replace(self, layer: Any) -> None:
        """Leave corrected labels to the user; all planes are made again, in another layer."""
        about = layer.metadata[MARK]
        for image, cache in self.caches():
            if (image, cache.kind) == (about["of"], about["kind"]):
                cache.remake()
        self.keep(layer)

    def keep(self, layer: Any) -> None:
        """Leave corrected labels to the user."""
        del layer.metadata[MARK]
        self.kept.emit(notes.keep(layer))

    # -- coming and going ----------------------------------------------------------------------------------------

    def refresh(self, layer: Any, image: ImageSource, index: tuple[int, ...]) -> None:
        """Draw a plane that changed, if it is in view."""
        self._redrawn.ask(layer, find(self._viewer, image.key), index)

    def result(self, wanted: dict[str, Any], image: ImageSource) -> Any:
        """Return the result layer with this mark, laid where its image lies now; None if there is none.

        A layer of another shape or kind (another model) is removed, unless somebody corrected or locked it.
        """
        about, found = wanted[MARK], None
        for layer in list(self._viewer.layers):
            marked = layer.metadata.get(MARK, {})
            if (marked.get("of"), marked.get("what")) != (about["of"], about["what"]):
                continue
            if found is None and marked == about and _fits(layer, image.shape):
                found = layer
            elif notes.is_corrected(layer):
                self.keep(layer)
            else:
                notes.remove(self._viewer, layer)
        if found is not None:
            cache: ScoreCache | None = found.metadata.get(CACHE)
            lay(found, image.placement if cache is None else cache.place(image.placement))
        return found

    def add_below_labels(self, image: ImageSource, layer: Layer) -> None:
        """Add a layer over an image, below the labels there: nothing may hide what is painted."""
        self.add(layer, place_above(self._viewer, image.key, lambda other: isinstance(other, Labels)))

    def add_below_annotations(self, image: ImageSource, layer: Layer) -> None:
        """Add a layer over an image and its results, below what is painted there."""
        self.add(layer, place_above(self._viewer, image.key, _painted))

    def add(self, layer: Layer, place: int) -> None:
        """Add a layer, and leave brush and view as they were: napari resets the view when a layer adds an axis."""
        active, camera = self._viewer.layers.selection.active, self._viewer.scene.camera
        center, zoom, step = camera.center, camera.zoom, self._viewer.dims.current_step
        notes.note_made(layer)
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


def _fits(layer: Any, shape: tuple[int, ...]) -> bool:
    if CACHE in layer.metadata:
        return bool(layer.metadata[CACHE].fits(shape))
    return bool(layer.ndim == len(shape) if isinstance(layer, Points) else layer.data.shape == shape)
