"""Give an object the same id through slices and time, as long as the box is ticked."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QCheckBox

from napari_upaint.core.linking import NewIds, new_ids, plain_ids
from napari_upaint.errors import UserError
from napari_upaint.widgets._after_pause import AfterPause, Job
from napari_upaint.widgets._choosing import Choosing
from napari_upaint.widgets._layers import Layers
from napari_upaint.widgets._link_layers import Index, LabelledPlanes
from napari_upaint.widgets._reasons import allow
from napari_upaint.widgets._turns import Turns

_PAUSE = 200  # milliseconds: planes arrive one after another, and each would have all of them linked again
_AT_ONCE = 4_000_000  # pixels that get new ids in one turn of the event loop: some 20 ms
_TIP = (
    "Objects that overlap from plane to plane keep their number, so that an object has one number\n"
    "in all slices and time points. Updated at once when you segment or change an object setting."
)


@dataclass(frozen=True, slots=True, eq=False)
class _Renumbering:
    """New ids for the planes of a layer; unchanged planes are left out, unless the labels are corrected ones."""

    labels: LabelledPlanes
    linked: bool
    new: dict[Index, NewIds]


class Linking(QObject):
    """Links in a thread, and puts new ids into the layer plane by plane.

    Parameters
    ----------
    busy : callable
        Whether labels are about to change anyway: linking waits for that.
    """

    linked = Signal()
    failed = Signal(str, str)

    def __init__(
        self,
        layers: Layers,
        choosing: Choosing,
        box: QCheckBox,
        busy: Callable[[], bool],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._layers, self._choosing, self._box, self._others_busy = layers, choosing, box, busy
        self._done: dict[Hashable, tuple[int, bool]] = {}  # labels that are as they should be: version, linked or not
        self._turns = Turns(self)
        self._work = AfterPause(_PAUSE, self._job, self, self._found, self.failed)
        box.toggled.connect(self.ask)
        for signal in (choosing.changed, layers.changed):
            signal.connect(self._allow)
        layers.results.scored.connect(self.ask)
        self._allow()

    @property
    def busy(self) -> bool:
        """Whether ids are about to change."""
        return self._work.busy or len(self._turns) > 0

    def ask(self, *_: object) -> None:
        """Check soon whether there is something to link."""
        if self._box.isChecked() or self._done:
            self._work.ask()

    def close(self) -> None:
        """Stop linking."""
        self._turns.clear()
        self._work.close()

    def _allow(self) -> None:
        image = self._choosing.image()
        why = "Open an image first." if image is None else ""
        if image is not None and len(image.shape) < 3:
            why = "The image is a single plane; its objects have one number each already."
        allow(self._box, why, _TIP)

    def _job(self) -> Job | None:
        if self._others_busy() or len(self._turns):
            self._work.ask()
            return None
        wanted = self._box.isChecked()
        todo = next((one for one in self._layers.links.all() if not self._is_done(one, wanted)), None)
        return (_renumbering, todo, wanted) if todo is not None else None

    def _is_done(self, labels: LabelledPlanes, wanted: bool) -> bool:
        """Return whether labels are as they should be."""
        version, linked = self._done.get(labels.key, (-1, False))
        if labels.corrected or version < 0:  # the user may have given the numbers; or never linked
            return linked == wanted
        return (version, linked) == (labels.version, wanted)

    def _found(self, found: _Renumbering) -> None:
        labels, links = found.labels, self._layers.links
        if links.is_as_it_was(labels):
            try:
                labels = links.changed(labels) if found.new else labels
            except UserError as error:  # memory is short
                self.failed.emit(str(error), "")
                return
            self._done[labels.key] = labels.version, found.linked
            for index, new in found.new.items():
                steps = self._renumber(labels, index, new)
                self._turns.add(*[partial(next, steps, None)] * _parts(labels.planes[index]))
            self._turns.add(self.linked.emit)
        self._work.ask()

    def _renumber(self, labels: LabelledPlanes, index: Index, new: NewIds) -> Iterator[None]:
        """Give a plane (or volume) new ids part by part, and show all of it at once."""
        before = labels.planes[index]
        after = np.empty(before.shape, np.int32)
        parts = (np.array_split(whole, _parts(before)) for whole in (before, after))
        for number, (old, renumbered) in enumerate(zip(*parts, strict=True)):
            if number > 0:
                yield
            renumbered[...] = new[old]
        if self._layers.links.is_as_it_was(labels):
            self._layers.links.put(labels, index, after)
        else:  # segmented again or corrected meanwhile: these are the ids of other objects
            self._done[labels.key] = labels.version, not self._box.isChecked()


def _parts(labels: np.ndarray) -> int:
    """Return in how many turns labels get new ids."""
    return -(-labels.size // _AT_ONCE)


def _renumbering(labels: LabelledPlanes, link_them: bool) -> _Renumbering:
    if labels.corrected:  # they stay as they are, and may be painted on meanwhile
        labels = replace(labels, planes={index: plane.copy() for index, plane in labels.planes.items() if plane.any()})
    planes = labels.planes
    found = dict(new_ids(planes) if link_them else ((index, plain_ids(plane)) for index, plane in planes.items()))
    changed = {index: new for index, new in found.items() if not new.change_nothing}
    return _Renumbering(labels, link_them, found if changed and labels.corrected else changed)
