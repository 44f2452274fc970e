"""The key U: go to the most uncertain place that is not painted, and from there to the next."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_upaint.core.uncertainty import LEAST, Method, Place, object_radius, smoothed, where_next, where_next_of
from napari_upaint.errors import UserError
from napari_upaint.widgets._background import Work
from napari_upaint.widgets._choosing import Choosing
from napari_upaint.widgets._guide_layers import NEXT_PLACE, has
from napari_upaint.widgets._guide_row import GuideRow
from napari_upaint.widgets._layers import Layers
from napari_upaint.widgets._message import MessageKind
from napari_upaint.widgets._score_cache import ScoreCache
from napari_upaint.widgets._sources import AnnotationSource, ImageSource
from napari_upaint.widgets._uncertainty import uncertainty_of

Index = tuple[int, ...]
_NOTHING_SEGMENTED = "Nothing is segmented yet; press 'This view' (Shift+P) first, then U shows where to paint."
_NO_ROTATIONS = "There is one rotation only; set Rotations above 1 in Settings > Prediction and segment again."
_SURE = "Nothing is uncertain any more, except what is painted."
_ALL_SEEN = "You have seen every uncertain place; press U again to begin with the first."


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """What is looked at: the scores, the paint, and where the user has been."""

    image: ImageSource
    annotation: AnnotationSource | None
    labels: AnnotationSource | None
    cache: ScoreCache
    method: Method
    visited: tuple[tuple[Index, Index], ...]
    bounds: dict[Index, tuple[int, Method, int, float]]  # plane: prediction, method, radius, highest of any window


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Where to go: plane, place in it (None if there is no such place), radius of the ring."""

    search: _Search
    index: Index
    place: Place | None
    radius: int


@dataclass(slots=True, eq=False)
class _Memory:
    """Where the user has been in an image, and what need not be computed again."""

    cache: ScoreCache
    visited: list[tuple[Index, Index, int]] = field(default_factory=list)  # plane, place, prediction
    bounds: dict[Index, tuple[int, Method, int, float]] = field(default_factory=dict)


class WhereNext(QObject):
    """One search at a time, in a thread."""

    failed = Signal(str, str, str)  # sentence, details, kind of message

    def __init__(self, layers: Layers, choosing: Choosing, row: GuideRow, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers, self._choosing, self._row = layers, choosing, row
        self._memories: dict[Hashable, _Memory] = {}
        self._ring: tuple[_Search, Index, int, int] | None = None  # search, place, radius, prediction
        self._work = Work(self, self._go, self._fail)
        row.next_button.clicked.connect(self.search)
        layers.edited.connect(self._edited)
        for signal in (choosing.changed, layers.results.scored):
            signal.connect(self._allow)
        self._allow()

    @property
    def busy(self) -> bool:
        """Whether a place is being looked for."""
        return self._work.busy

    def close(self) -> None:
        """Stop looking, and remove the ring."""
        self._work.forget()
        self._memories.clear()
        self._take_ring()

    def search(self) -> None:
        """Look for the next place; say so if there cannot be one."""
        image, method = self._choosing.image(), self._row.method()
        cache = self._layers.results.cache(image.key) if image is not None else None
        if self.busy:
            return
        if image is None or cache is None:
            self._say(self._why_not(), "warning")
        elif not any(has(cache, index, method) for index in cache.planes):
            self._say(_NO_ROTATIONS, "warning")
        else:
            self._start(image, cache, method)

    def _why_not(self) -> str:
        image = self._choosing.image_key()
        if image is None:
            return "Open an image first."
        return _NOTHING_SEGMENTED if self._layers.results.cache(image) is None else ""

    def _allow(self) -> None:
        if not self._ring_holds():
            self._take_ring()
        # Scores are as large as all results together: those of closed images and of other predictions are released.
        caches = {image: self._layers.results.cache(image) for image in self._memories}
        self._memories = {image: one for image, one in self._memories.items() if one.cache is caches[image]}
        self._row.allow(self._why_not())

    def _ring_holds(self) -> bool:
        """Return whether the image of the ring is open, and its plane has not been segmented again."""
        if self._ring is None:
            return True
        search, at, _radius, turn = self._ring
        cache = self._layers.results.cache(search.image.key)
        return cache is search.cache and cache.planes[at[:-2]].turn == turn

    def _start(self, image: ImageSource, cache: ScoreCache, method: Method) -> None:
        memory = self._memories.get(image.key)
        if memory is None or memory.cache is not cache:
            memory = self._memories[image.key] = _Memory(cache)
        # A plane that was predicted again may be uncertain at the same place again.
        memory.visited = [one for one in memory.visited if one[2] == cache.planes[one[0]].turn]
        chosen, plan = self._choosing.paint_on_image(), self._layers.tables.measurable(image.key)
        labels = plan.labels if plan is not None and cache.kind == "objects" else None
        visited = tuple((index, at) for index, at, _turn in memory.visited)
        paint = chosen.annotation if chosen is not None else None
        search = _Search(image, paint, labels, cache, method, visited, dict(memory.bounds))
        self._work.start(_find, search)

    def _go(self, found: _Found) -> None:
        search, place, memory = found.search, found.place, self._memories.get(found.search.image.key)
        if memory is None:  # the image was closed meanwhile
            return
        memory.bounds = search.bounds
        if place is None:
            self._take_ring()
            self._say(_ALL_SEEN if memory.visited else _SURE, "info")
            memory.visited.clear()
            return
        at = (*found.index, *place.at)
        try:
            self._layers.guide.go_to(search.image.key, at, found.radius)
            self._layers.guide.put_ring(search.image, at, found.radius, NEXT_PLACE)
        except UserError as error:  # the image was closed meanwhile
            self._say(str(error), "warning")
            return
        turn = search.cache.planes[found.index].turn
        memory.visited.append((found.index, place.at, turn))
        self._ring = search, at, found.radius, turn
        self._row.say(f"Place {len(memory.visited)}, uncertainty {place.uncertainty:.2f}: paint here. U: next")

    def _fail(self, sentence: str, details: str) -> None:
        self.failed.emit(sentence, details, "error")

    def _say(self, sentence: str, kind: MessageKind) -> None:
        self._row.say("")
        self.failed.emit(sentence, "", kind)

    def _edited(self) -> None:
        """Remove the ring once there is paint in it."""
        if self._ring is None:
            return
        search, at, radius, _turn = self._ring
        annotation = self._choosing.annotation()
        if annotation is None or annotation.shape != search.image.shape:
            return
        around = tuple(slice(max(0, one - radius), one + radius + 1) for one in at[-2:])
        if np.asarray(annotation.data[(*at[:-2], *around)]).any():
            self._take_ring()

    def _take_ring(self) -> None:
        self._ring = None
        self._row.say("")
        self._layers.guide.drop(NEXT_PLACE)


def _find(search: _Search) -> _Found:
    """Look through the planes in the order of the highest uncertainty that they can have."""
    cache, method = search.cache, search.method
    radius = _radius(search)
    for index, prediction in list(cache.planes.items()):
        key = (prediction.turn, method, radius)
        if has(cache, index, method) and search.bounds.get(index, (0,))[:3] != key:
            search.bounds[index] = (*key, float(smoothed(uncertainty_of(cache, index, method), radius).max(initial=0)))
    bounds = {
        index: most
        for index, (_turn, by, wide, most) in search.bounds.items()
        if (by, wide) == (method, radius) and most >= LEAST
    }

    def in_plane(index: Index) -> Place | None:
        values = uncertainty_of(cache, index, method)
        annotation = search.annotation
        painted = annotation.part(index) if annotation is not None else np.zeros(values.shape, bool)
        return where_next(values, painted, [at for plane, at in search.visited if plane == index], radius)

    found = where_next_of(bounds, in_plane)
    index, place = found if found is not None else ((), None)
    return _Found(search, index, place, radius)


def _radius(search: _Search) -> int:
    """Return the radius of a usual object in the first plane that has some."""
    if search.labels is not None:
        for index in list(search.cache.planes):
            labels = np.asarray(search.labels.data[index])
            if labels.any():
                return object_radius(labels)
    return object_radius(np.zeros(0, np.int32))
