"""Which image and labels are chosen: connects the viewer's layers with the upper sections of the dock."""

from __future__ import annotations

from collections.abc import Hashable

from qtpy.QtCore import QObject, Signal

from napari_upaint.errors import UserError
from napari_upaint.settings import Kind
from napari_upaint.widgets._brush import Brush
from napari_upaint.widgets._gathering import PaintedImage
from napari_upaint.widgets._layers import Layers
from napari_upaint.widgets._ownership import Ownership
from napari_upaint.widgets._reasons import Situation
from napari_upaint.widgets._sections import Sections
from napari_upaint.widgets._sources import AnnotationSource, ImageSource


class Choosing(QObject):
    """The chosen image, labels and kind."""

    changed = Signal()  # anything that decides which buttons work
    failed = Signal(str, str)

    def __init__(self, layers: Layers, sections: Sections, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers, self._sections = layers, sections
        self._image_combo, self._labels_combo = sections.image.combo, sections.labels.combo
        self.ownership = Ownership(layers)
        self.brush = Brush(layers, sections, self.ownership, self.annotation, self)
        self.brush.changed.connect(self.changed)
        self.brush.failed.connect(self.failed)
        layers.changed.connect(self._list_layers)
        layers.edited.connect(self._edited)
        layers.brushed.connect(self._brushed)
        layers.covered.connect(self._show_cover)
        for follow in (self._image_selected, self._labels_selected, self.changed):
            layers.taken.connect(follow)
        sections.image.show_wanted.connect(self._go_to_image)
        sections.image.chosen.connect(self._image_chosen)
        sections.labels.chosen.connect(self._annotation_chosen)
        sections.labels.picked.connect(self._picked)
        sections.labels.new_button.clicked.connect(self.new_labels)
        self._list_layers()
        active = layers.active()
        taken = next((one for one in layers.annotations() if one.key == active), None)
        self._image_combo.set_key(active if taken is None else self.ownership.owner(taken))
        self._labels_combo.set_key(active)

    def image_key(self) -> Hashable | None:
        """Return the key of the chosen image: all that most need, and `image` asks napari for everything about it."""
        return self._image_combo.key()

    def image(self) -> ImageSource | None:
        """Return the chosen image."""
        key = self._image_combo.key()
        return self._layers.image(key) if key is not None else None

    def annotation(self) -> AnnotationSource | None:
        """Return the chosen labels, with the regions of the chosen image."""
        key, image = self._labels_combo.key(), self._image_combo.key()
        return self._layers.annotation(key, image) if key is not None else None

    def painted(self) -> PaintedImage | None:
        """Return the chosen image with the chosen labels, None unless there are both."""
        image, annotation = self.image(), self.annotation()
        return PaintedImage(image, annotation) if image is not None and annotation is not None else None

    def paint_on_image(self) -> PaintedImage | None:
        """Return the chosen image and labels if these are paint on it: neither another's, nor a corrected result."""
        found = self.painted()
        if found is None or found.image.shape != found.annotation.shape:
            return None
        image, labels = found.image.key, found.annotation.key
        not_paint = self._layers.is_corrected_result(labels) or self.ownership.stranger(image, labels)
        return None if not_paint else found

    def kind(self) -> Kind:
        """Return whether objects or classes are painted."""
        return self._sections.labels.kind()

    def situation(self) -> Situation:
        """Return what decides which buttons work."""
        image, annotation = self.image(), self.annotation()
        fits = image is not None and annotation is not None and image.shape == annotation.shape
        return Situation(
            image=image is not None,
            annotation=annotation is not None,
            fits=fits,
            corrected=annotation is not None and self._layers.is_corrected_result(annotation.key),
            no_brush=self._layers.shown.why_no_brush(annotation.key, image.key) if image and annotation else "",
            painted_on=self.ownership.stranger(image.key, annotation.key) if image and annotation and fits else "",
            in_hand=annotation is not None and self._layers.active() == annotation.key,
            pixels=self.brush.pixels,
            counted=self.brush.counted,
            kind=self.kind(),
        )

    def show_image(self) -> None:
        """Show the chosen image, with what is painted on it."""
        key, labels = self._image_combo.key(), self._labels_combo.key()
        if key is None:
            return
        owners = self.ownership.owners()
        if labels is not None and not self.ownership.stranger(key, labels):
            owners[labels] = key
        self._layers.shown.show(key, owners)
        self._show_cover()

    def _go_to_image(self) -> None:
        self.show_image()
        if (key := self._image_combo.key()) is not None:
            self._layers.shown.bring_near(key)

    def new_labels(self) -> None:
        """Add a labels layer on the image and choose it."""
        if (key := self._image_combo.key()) is None:
            return
        try:
            made = self._layers.new_annotation(key, self.kind())
        except UserError as error:
            self.failed.emit(str(error), "")
            return
        self.choose_annotation(made)
        self.show_image()

    def choose_annotation(self, key: Hashable) -> None:
        """Choose a labels layer."""
        self._labels_combo.set_key(key)

    # -- what changed --------------------------------------------------------------------------------------------

    def _list_layers(self) -> None:
        self._image_combo.set_choices(self._layers.images())
        self._labels_combo.set_choices(self._layers.annotations())
        for combo in (self._image_combo, self._labels_combo):  # once neither offers a layer that was closed
            combo.report()
        self._layers.watch(self._labels_combo.key())  # also when the dock comes back after it was closed
        image, labels = self._image_combo.key(), self._labels_combo.key()
        if image is not None and labels is not None and self.ownership.stranger(image, labels):
            self._choose_annotation_of(image)  # the one before was closed
        self._show_facts()
        self.changed.emit()

    def _image_chosen(self, key: Hashable | None) -> None:
        self._show_facts()
        if key is not None:
            self._choose_annotation_of(key)
        self.changed.emit()

    def _show_facts(self) -> None:
        image = self.image()
        others = self._layers.files.other_channels(image.key) if image is not None else ()
        self._sections.image.show_facts(image, len(others))
        self._sections.weights.show_image(image)
        self._show_cover()

    def _show_cover(self) -> None:
        image = self.image()
        seen = self._layers.shown.covering(image.key) if image is not None else ""
        self._sections.image.show_cover(image.name if image is not None else "", seen)

    def _image_selected(self, key: Hashable) -> None:
        """Choose an image that the user opens or selects while there are no labels: later, that may be a mere look.

        Do not go from one channel of a file to another: the first is as good as the last.
        """
        image = self._image_combo.key()
        if self._labels_combo.key() is not None or key not in {one.key for one in self._layers.images()}:
            return
        path = self._layers.files.origin(key).path
        if image is None or not path or path != self._layers.files.origin(image).path:
            self._image_combo.set_key(key)

    def _labels_selected(self, key: Hashable) -> None:
        """Choose labels that the user selects to paint on; a segmentation may be selected just to look at it."""
        taken = next((one for one in self._layers.annotations() if one.key == key), None)
        image = self.ownership.painted_on(taken) if taken is not None else None
        if image is None:
            return
        elsewhere = image != self._image_combo.key()
        self._image_combo.set_key(image)
        self._labels_combo.set_key(key)
        if elsewhere:
            self.show_image()

    def _choose_annotation_of(self, image: Hashable) -> None:
        """Choose the labels that go with an image: two images of the same size must not share theirs by accident."""
        for labels in self.ownership.of(image)[:1]:
            self._labels_combo.set_key(labels)

    def _picked(self, key: Hashable | None) -> None:
        """Use labels that the user picked for this image, even those of another one."""
        image = self._image_combo.key()
        if image is not None and key is not None:
            self.ownership.choose(image, key)
            self.show_image()
            self.changed.emit()

    def _annotation_chosen(self, key: Hashable | None) -> None:
        self._layers.watch(key)
        if key is not None:
            self._sections.labels.set_kind(self._layers.kinds.of(key) or self.kind())
        image = self._image_combo.key()
        if image is not None and key is not None and not self.ownership.stranger(image, key):
            self.ownership.choose(image, key)
        self.brush.change()

    def _edited(self) -> None:
        image, key = self._image_combo.key(), self._labels_combo.key()
        if image is not None and key is not None and not self.ownership.stranger(image, key):
            self.ownership.paint(image, key)

    def _brushed(self, labels: Hashable) -> None:
        """Follow the brush: what is painted is saved and learnt from, whichever labels were chosen here."""
        image, chosen = self._image_combo.key(), self._labels_combo.key()
        here = image is not None and self.ownership.may_be_on(image, labels)
        if labels == chosen and here:
            return
        home = image if here else self.ownership.image_of(labels)
        if home is None:  # it fits no image
            return
        self._image_combo.set_key(home)
        self._labels_combo.set_key(labels)
        if labels != chosen:
            self._layers.edited.emit()  # for this stroke; the next ones are noticed without it
