"""Which labels belong to which image: known from painting and choosing, or told by their names."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import asdict

from napari_upaint.io.file_names import PAINTED, composed
from napari_upaint.session.saved_project import SavedImage
from napari_upaint.widgets._layers import Choice, Layers
from napari_upaint.widgets._new_layers import annotation_name

# What paint is called, here and in its files; napari numbers a second layer of the same name: "[1]".
_PAINT = re.compile(r"(annotation|strokes)( \[\d+\])?$", re.IGNORECASE)


class Ownership:
    """Remembers what was painted and chosen, and guesses the rest.

    Many fields of view have the same size, so a matching size says little.
    """

    def __init__(self, layers: Layers) -> None:
        self._layers = layers
        self._chosen: dict[Hashable, Hashable] = {}  # image -> the labels last chosen with it
        self._painted: dict[Hashable, Hashable] = {}  # labels -> the image that they were painted on
        self._last: dict[Hashable, tuple[Hashable, SavedImage]] = {}  # labels -> their image, and what it was

    def choose(self, image: Hashable, labels: Hashable) -> None:
        """Note that these labels go with this image, even if they belong to another."""
        self._chosen[image] = labels

    def paint(self, image: Hashable, labels: Hashable) -> None:
        """Note that labels were painted while an image was chosen; they stay with the first one."""
        open_now = {one.key for one in self._layers.images()}
        if self._painted.get(labels) not in open_now:
            self._painted[labels] = image
            self.remember(labels, image)

    def remember(self, labels: Hashable, image: Hashable, what: SavedImage | None = None) -> None:
        """Remember which open image labels are of, and `what` it is, for when it is closed."""
        if what is None and self._last.get(labels, (None,))[0] == image:
            return
        if what is None:
            name = next(one.name for one in self._layers.images() if one.key == image)
            what = SavedImage(name, self._layers.forms()[image].shape, asdict(self._layers.files.origin(image)))
        self._last[labels] = image, what

    def closed_image(
        self, labels: Hashable, images: Sequence[Choice] | None = None
    ) -> tuple[Hashable, SavedImage] | None:
        """Return key and description of the image that labels are of if it was closed, else None; see `painted_on`."""
        last = self._last.get(labels)
        if last is None:
            return None
        images = self._layers.images() if images is None else images
        gone = last[0] not in {one.key for one in images}
        return last if gone and self.opened_again(labels, images) is None else None

    def opened_again(self, labels: Hashable, images: Sequence[Choice] | None = None) -> Hashable | None:
        """Return the open image that seems to be the one that labels are of, if that was closed; see `painted_on`."""
        if labels not in self._last:
            return None
        images = self._layers.images() if images is None else images
        key, what = self._last[labels]
        if key in {one.key for one in images}:
            return None
        known = self._layers.forms()
        files = {one.key: self._layers.files.origin(one.key).path for one in images}
        alike = (one.key for one in images if what.may_be(one.name, known[one.key].shape, files[one.key]))
        return next(alike, None)

    def painted_on(self, labels: Choice, images: Sequence[Choice] | None = None) -> Hashable | None:
        """Return the open image that labels were painted on in this window, or that *New labels* made them for.

        `images`: all that are open, for whoever asks again and again and has them listed already.
        """
        images = self._layers.images() if images is None else images
        named = (one.key for one in images if is_annotation_of(labels.name, one.name))
        known = self._painted.get(labels.key)
        return known if known in {one.key for one in images} else next(named, None)

    def may_be_masks(self, labels: Choice) -> bool:
        """Return whether labels may be a finished segmentation: neither painted on here nor named as paint is."""
        return self.painted_on(labels) is None and not _PAINT.search(labels.name)

    def image_of(self, labels: Hashable) -> Hashable | None:
        """Return the image that labels belong to: by paint or name, else chosen with them, else of the same shape.

        None if there is none; also if their image was closed: they do not belong to another of the same shape.
        """
        known, images = self._layers.forms(), self._layers.images()
        lost = self.closed_image(labels, images) is not None
        fitting = [one.key for one in images if not lost and known[one.key].shape == known[labels].shape]
        chosen = (key for key in fitting if self._chosen.get(key) == labels)
        own = self.owner(Choice(labels, self._layers.annotation(labels).name), images)
        return next((key for key in (own, *chosen, *fitting) if key is not None), None)

    def of(self, image: Hashable) -> list[Hashable]:
        """Return the labels that may be painted on an image, likely ones first: last chosen, its own, no image's."""
        owners, fits = self.owners(), self._layers.fitting_annotations(image)
        fitting = [one for one in fits if not self._stranger(image, one.key, owners[one.key])]
        chosen = [one.key for one in fitting if self._chosen.get(image) == one.key]
        own = [one.key for one in fitting if owners[one.key] == image]
        return list(dict.fromkeys([*chosen, *own, *(one.key for one in fitting)]))

    def may_be_on(self, image: Hashable, labels: Hashable) -> bool:
        """Return whether labels fit an image and do not belong to another one."""
        known = self._layers.forms()
        return known[image].shape == known[labels].shape and not self.stranger(image, labels)

    def stranger(self, image: Hashable, labels: Hashable) -> str:
        """Return the name of the other image that labels belong to, '' if they may be those of this one.

        Images from one file are channels of one scene and share their labels; an image without a file may share any.
        """
        return self._stranger(image, labels, self.owner(Choice(labels, self._layers.annotation(labels).name)))

    def _stranger(self, image: Hashable, labels: Hashable, own: Hashable | None) -> str:
        if own == image or self._chosen.get(image) == labels:
            return ""
        if own is None:
            closed = self.closed_image(labels)
            return closed[1].name if closed is not None and self._elsewhere(image, closed[1].file) else ""
        return self._layers.image(own).name if self._elsewhere(image, self._layers.files.origin(own).path) else ""

    def _elsewhere(self, image: Hashable, file: str) -> bool:
        """Return whether an image is known to be from another file."""
        here = self._layers.files.origin(image).path
        return bool(here) and bool(file) and here != file

    def owners(self) -> dict[Hashable, Hashable | None]:
        """Return the open image that each of the open labels belongs to."""
        images = self._layers.images()
        return {one.key: self.owner(one, images) for one in self._layers.annotations()}

    def owner(self, labels: Choice, images: Sequence[Choice] | None = None) -> Hashable | None:
        """Return the open image that labels were painted on, or whose name theirs begins with; see `painted_on`."""
        images = self._layers.images() if images is None else images
        known = self.painted_on(labels, images)
        known = self.opened_again(labels.key, images) if known is None else known
        if known is not None:
            return known
        named = [one for one in images if _is_called_after(labels.name, one.name)]
        return max(named, key=lambda one: len(one.name)).key if named else None


def is_annotation_of(labels: str, image: str) -> bool:
    """Return whether labels have the name that *New labels* gives for an image, or that of its file of paint.

    Napari numbers a second one: "[1]".
    """
    image, labels = composed(image), composed(labels)
    names = annotation_name(image), image + PAINTED
    return labels in names or labels.startswith(tuple(f"{name} [" for name in names))


def _is_called_after(labels: str, image: str) -> bool:
    """Return whether a name begins with another one as a whole: "img 10" does not begin with "img 1"."""
    labels, image = composed(labels), composed(image)
    return labels.startswith(image) and not labels[len(image) : len(image) + 1].isalnum()
