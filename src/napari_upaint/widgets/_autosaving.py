"""Save what is painted or corrected every few seconds while painting, and bring it back when the user wants it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_upaint.io.file_names import composed, is_another_file
from napari_upaint.session.autosaves import Autosaved, autosave, autosaved, discard, is_here, new_autosave, restore
from napari_upaint.session.paint_notes import PaintNotes
from napari_upaint.settings import Kind
from napari_upaint.widgets._background import Work
from napari_upaint.widgets._choosing import Choosing
from napari_upaint.widgets._file_layers import AutosavePlace
from napari_upaint.widgets._layers import Choice, Layers
from napari_upaint.widgets._sections import Sections
from napari_upaint.widgets._sources import AnnotationSource, ImageSource

# Seconds: after the first stroke, and between two saves.
_SOON, _BETWEEN = 1.0, 5.0
# A save that takes long, as of a corrected stack, is followed by a pause of this many times as long.
_REST = 4.0
# What napari appends to the name of a layer if another one has the same name.
_NUMBER = re.compile(r" \[\d+\]$")
# Or the older of two saves could end last, even if it belongs to a closed dock and the newer to the next one.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """An annotation or a result that changed since it was saved, and where to save it."""

    annotation: AnnotationSource
    path: Path
    kind: Kind
    image: str  # its file, if napari knows it
    corrected: bool  # it is a result that is corrected by hand
    channel: str  # the name of the image: which channel of its file was painted on


class Autosaving(QObject):
    """Saves and restores paint and corrected results; nothing is read, written or looked for on the GUI thread."""

    failed = Signal(str, str)

    def __init__(self, layers: Layers, choosing: Choosing, sections: Sections, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers, self._choosing, self._offer = layers, choosing, sections.labels.offer
        self._set_kind = sections.labels.set_kind
        self._places: dict[Hashable, AutosavePlace] = {}  # by labels layer: open ones and those closed since
        self._earlier: dict[tuple[Hashable, str, tuple[int, ...]], Path] = {}  # by layer, image's file, and shape
        self._unsaved: dict[Hashable, Painted] = {}
        self._taken: dict[Hashable, Painted] = {}  # what is being saved
        self._replaced: dict[Path, Autosaved] = {}  # what was restored is deleted once it has been saved again
        self._image_combo, self._labels_combo = sections.image.combo, sections.labels.combo
        self._asked: tuple[frozenset[str], tuple[int, ...]] | None = None
        self._closed: set[Path] = set()  # of layers that were closed
        self._open: set[Hashable] = set()  # labels layers
        self._started = self._next = 0.0  # the last save, and the earliest time of the next one
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self.save_now)
        self._saving = Work(self, self._saved, self._not_saved, writes=True)
        self._looking = Work(self, self._found)
        self._reading = Work(self, self._bring_back, self._lost)
        layers.edited.connect(self._edited)
        layers.corrected.connect(self._corrected)
        choosing.changed.connect(self._look)
        self._offer.accepted.connect(self._restore)
        self._offer.discard_wanted.connect(self._discard)

    def close(self) -> None:
        """Save what is not saved yet; Python waits for it, even if napari ends now."""
        self._timer.stop()
        for work in (self._saving, self._looking, self._reading):
            work.forget()
        if self._unsaved:
            threading.Thread(target=self._write, args=(self._take(),), name="upaint-save", daemon=False).start()

    # -- saving --------------------------------------------------------------------------------------------------

    def _edited(self) -> None:
        if (annotation := self._choosing.annotation()) is not None:
            image = self._choosing.image()
            ownership = self._choosing.ownership
            if image is not None and ownership.stranger(image.key, annotation.key):
                own = ownership.owner(Choice(annotation.key, annotation.name))  # it is about to be chosen, or closed
                image = self._layers.image(own) if own is not None else None
            self._save_soon(annotation, image, self._choosing.kind())

    def _corrected(self, key: Hashable) -> None:
        made, ownership = self._layers.files.corrected_result(key), self._choosing.ownership
        if made is not None:
            labels, kind, owner = AnnotationSource(key, made.name, made.data), made.kind, made.image
        elif self._layers.is_corrected_result(key) and self._labels_combo.key() != key:  # what is chosen is edited, too
            labels, kind = self._layers.annotation(key), self._layers.kinds.of(key) or self._choosing.kind()
            owner = ownership.image_of(key)
        else:
            return
        image = self._layers.image(owner) if owner in {one.key for one in self._layers.images()} else None
        if image is not None:
            ownership.remember(key, image.key)
        self._save_soon(labels, image, kind, corrected=True)

    def _save_soon(
        self, annotation: AnnotationSource, image: ImageSource | None, kind: Kind, corrected: bool = False
    ) -> None:
        """Save labels soon; if their image was closed, or one without a file is chosen, as they were saved before."""
        key, shape, last = annotation.key, annotation.shape, self._places.get(annotation.key)
        if image is not None and image.shape == shape and (image.file or last is None or not last.file):
            file, channel = image.file, image.name
        elif last is not None:
            file, channel = last.file, last.channel
        else:
            closed = self._choosing.ownership.closed_image(key)
            file, channel = (closed[1].file, closed[1].name) if closed is not None else ("", annotation.name)
        name = _plain(channel, file)
        # Paint is found by the name and the size of its image; what was saved for another one, or another size, stays.
        if last is None or (last.file, last.shape) != (file, shape):
            path = self._earlier.setdefault((key, file, shape), new_autosave(name, shape))
            last = AutosavePlace(path, file, channel, shape)
            self._save_to(key, last)
        corrected = corrected or self._layers.is_corrected_result(key)
        self._unsaved[key] = Painted(annotation, last.path, kind, file, corrected, channel)
        if not self._timer.isActive():
            self._timer.start(round(1000 * max(_SOON, self._next - time.monotonic())))

    def _save_to(self, key: Hashable, place: AutosavePlace) -> None:
        self._places[key] = place
        self._layers.files.autosave_to(key, place)

    def save_now(self) -> None:
        """Save what changed, in a thread: before a training, and now and then while painting."""
        if self._saving.busy:
            self._timer.start(round(1000 * _SOON))
        elif self._unsaved:
            self._timer.stop()
            self._started = time.monotonic()
            self._saving.start(self._write, self._take())

    def _take(self) -> list[Painted]:
        self._taken, self._unsaved = self._unsaved, {}
        return list(self._taken.values())

    def _write(self, painted: list[Painted]) -> None:
        with _ONE_AT_A_TIME:
            for one in painted:
                replaced, labels = self._replaced.get(one.path), one.annotation
                notes = PaintNotes(one.kind, labels.name, one.image, one.channel, one.corrected, labels.regions)
                saved = autosave(labels.data, one.path, notes.as_json())
                if saved and replaced is not None:
                    discard(replaced)

    def _saved(self, _: object) -> None:
        self._rest()
        self._taken = {}
        if self._closed:
            self._again()

    def _not_saved(self, sentence: str, details: str) -> None:
        # Tried again with the next stroke, or when the dock closes.
        self._rest()
        self._unsaved = self._taken | self._unsaved
        self.failed.emit(f"What you paint could not be saved automatically: {sentence}", details)

    def _rest(self) -> None:
        now = time.monotonic()
        self._next = now + max(_BETWEEN, _REST * (now - self._started))

    # -- bringing back -------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Look for saved annotations when another image is chosen, or an annotation is closed."""
        image = self._choosing.image()
        asked = None if image is None else self._asking(image)
        self._places |= self._layers.files.autosaves()  # also of what was painted before this dock was opened
        still_open = {choice.key for choice in self._layers.annotations()} | self._layers.files.autosaves().keys()
        closed = {place.path for key, place in self._places.items() if key not in still_open}
        if (asked, closed, still_open) == (self._asked, self._closed, self._open):
            return
        if asked != self._asked:
            self._offer.show_offer(None)
        self._asked, self._closed, self._open = asked, closed, still_open
        if asked is None:
            self._looking.forget()
        else:
            self._again()

    def _asking(self, image: ImageSource) -> tuple[frozenset[str], tuple[int, ...]]:
        """Return names and shape of the images that may be meant: channels of one file share their labels."""
        return frozenset(one.name for one in (image, *self._layers.files.other_channels(image.key))), image.shape

    def _found(self, found: list[Autosaved]) -> None:
        own = {place.path for place in self._places.values()} - self._closed
        own |= {one.path for one in self._replaced.values()}
        self._offer.show_offer(next((one for one in found if one.path not in own), None))

    def _restore(self, saved: Autosaved) -> None:
        self._offer.setEnabled(False)
        self._reading.start(_read, saved)

    def _bring_back(self, read: tuple[Autosaved, np.ndarray]) -> None:
        saved, painted = read
        self._offer.setEnabled(True)
        image = self._choosing.image()
        if image is None or self._asking(image) != self._asked or image.shape != painted.shape:
            return  # another image was chosen meanwhile; this paint is offered again with its own image
        others, notes = self._layers.files.other_channels(image.key), PaintNotes.read(saved.notes)
        image = next((one for one in others if composed(one.name) == composed(notes.channel)), image)
        self._image_combo.set_key(image.key)
        key = self._layers.bring_back(image.key, notes.kind, painted, notes.corrected)
        self._layers.regions.put(image.key, notes.regions)
        path = new_autosave(_plain(image.name, image.file), image.shape)
        self._save_to(key, AutosavePlace(path, image.file, image.name, image.shape))
        self._replaced[path] = saved
        if notes.corrected:  # not chosen in place of the paint
            self._layers.files.rename(key, notes.layer or image.name)
        else:
            self._choosing.choose_annotation(key)
            self._set_kind(notes.kind)  # of these labels: of others it would change what they hold
        self._save_soon(self._layers.annotation(key, image.key), image, notes.kind)
        self._again()

    def _lost(self, sentence: str, details: str) -> None:
        self._offer.setEnabled(True)
        self.failed.emit(sentence, details)
        self._again()

    def _discard(self, saved: Autosaved) -> None:
        discard(saved)
        self._unsaved = {key: one for key, one in self._unsaved.items() if one.path != saved.path}
        self._again()

    def _again(self) -> None:
        """Look again for paint to offer; an offer that stays does not flicker."""
        image = self._choosing.image()
        if image is not None and self._asked is not None:
            known = self._layers.forms()
            fitting = (one.key for one in self._layers.annotations() if known[one.key].shape == image.shape)
            here = tuple(self._with_notes(key, image.key) for key in fitting)
            self._looking.start(_of_image, *self._asked, image.file, here)

    def _with_notes(self, key: Hashable, image: Hashable) -> tuple[AnnotationSource, PaintNotes]:
        labels = self._layers.annotation(key, image)
        return labels, PaintNotes(corrected=self._layers.is_corrected_result(key), regions=labels.regions)


def _of_image(
    names: frozenset[str], shape: tuple[int, ...], file: str, here: tuple[tuple[AnnotationSource, PaintNotes], ...]
) -> list[Autosaved]:
    """Return what was saved for an image, except what is `here` already or was painted on another file of that name."""
    found = [one for each in names | {_plain(name, file) for name in names} for one in autosaved(each, shape)]
    found.sort(key=lambda one: one.saved, reverse=True)
    found = [one for one in found if not is_another_file(file, PaintNotes.read(one.notes).image)]
    return [one for one in found if not any(is_here(one, labels.data, notes) for labels, notes in here)]


def _plain(name: str, file: str) -> str:
    """Return an image's name, without napari's number if it has a file: whether another 'Pos0' is open may change."""
    return _NUMBER.sub("", name) if file else name


def _read(saved: Autosaved) -> tuple[Autosaved, np.ndarray]:
    return saved, restore(saved)
