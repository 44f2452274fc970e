"""What is painted on the other open images: a training learns from it, too, unless the user says no."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from qtpy.QtCore import QObject, Signal

from napari_upaint.widgets._after_pause import AfterPause, Job
from napari_upaint.widgets._choosing import Choosing
from napari_upaint.widgets._gathering import PaintedImage
from napari_upaint.widgets._layers import Choice, Layers
from napari_upaint.widgets._sections import Sections
from napari_upaint.widgets._sources import AnnotationSource, count_painted
from napari_upaint.widgets._volumes import misfit

_PAUSE = 150  # milliseconds
Labels = frozenset[int]
Pair = tuple[Choice, Choice]  # an image, and the labels that are painted on it


class OtherPaint(QObject):
    """Finds what is painted on other images and shows the box that says whether it is learnt from.

    Labels count as painted on an image if they have the name that *New labels* gives, or were painted on in this
    window. A finished segmentation that somebody opened to compare with must never be learnt from by accident.
    """

    changed = Signal()

    def __init__(self, layers: Layers, choosing: Choosing, sections: Sections, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers, self._choosing, self._sections = layers, choosing, sections
        self._image_combo, self._labels_combo = sections.image.combo, sections.labels.combo
        self._ownership, self._box = choosing.ownership, sections.train.others
        self._known: dict[Hashable, Labels] = {}
        self._fit: list[Hashable] = []  # labels of the images that can be learnt from together with the chosen one
        self._looking = AfterPause(_PAUSE, self._job, self, self._looked)
        choosing.changed.connect(self._follow)
        sections.model.chosen.connect(self._follow)
        sections.settings.train.valueChanged.connect(self._follow)
        self._box.toggled.connect(self.changed)

    @property
    def busy(self) -> bool:
        """Whether it is still looking for what is painted."""
        return self._looking.busy

    def close(self) -> None:
        """Stop looking."""
        self._looking.close()

    def learnt(self) -> tuple[PaintedImage, ...]:
        """Return the other images that a training learns from, as they are now.

        Those without paint are included: nothing is learnt there until somebody paints.
        """
        return tuple(map(self._read, self._fitting())) if self._box.isChecked() else ()

    def labels(self) -> Labels:
        """Return the labels that are known to be painted on those images."""
        return Labels().union(*(self._labels(one) for one in self._fit)) if self._box.isChecked() else Labels()

    def named(self, image: str) -> PaintedImage | None:
        """Return an open image by its name, with what is painted on it: the chosen one or another."""
        chosen = self._choosing.painted()
        if chosen is not None and chosen.image.name == image:
            return chosen
        return next((self._read(one) for one in self._others() if one[0].name == image), None)

    def _labels(self, annotation: Hashable) -> Labels:
        """Return the labels that are known to be painted in an annotation."""
        return self._known.get(annotation, Labels())

    def _fitting(self) -> list[Pair]:
        """Return the painted images that can be learnt from together with the chosen one."""
        chosen, ndim, forms = self._image_combo.key(), self._sections.ndim(), self._layers.forms()
        kinds = None, self._choosing.kind()
        alike = [one for one in self._others() if chosen is not None and forms[one[0].key].rgb == forms[chosen].rgb]
        alike = [one for one in alike if self._layers.kinds.of(one[1].key) in kinds]
        return [one for one in alike if ndim == 2 or not misfit(ndim, self._layers.image(one[0].key), "")]

    def _others(self) -> Iterator[Pair]:
        """Yield the other images that have labels of their own, with those: names alone, as there may be many."""
        image, annotation, forms = self._image_combo.key(), self._labels_combo.key(), self._layers.forms()
        images = {one.key: one for one in self._layers.images()}
        taken = {None, image}
        for labels in reversed(self._layers.annotations()):  # newest first
            painted = self._ownership.painted_on(labels, [*images.values()])
            if painted in taken or (labels.key == annotation and not self._ownership.stranger(image, annotation)):
                continue
            if forms[painted].shape == forms[labels.key].shape:
                taken.add(painted)
                yield images[painted], labels

    def _read(self, one: Pair) -> PaintedImage:
        image, labels = (each.key for each in one)
        return PaintedImage(self._layers.image(image), self._layers.annotation(labels, image))

    def _follow(self) -> None:
        self._known.pop(self._labels_combo.key(), None)  # it may be painted on: looked at once another one is chosen
        fitting = self._fitting()
        self._fit = [labels.key for _, labels in fitting]
        if any(key not in self._known for key in self._fit):
            self._looking.ask()
        self._box.show_others([image.name for image, labels in fitting if self._labels(labels.key)])

    def _job(self) -> Job | None:
        wanted = tuple(self._read(one).annotation for one in self._fitting() if one[1].key not in self._known)
        return (_painted_labels, wanted) if wanted else None

    def _looked(self, found: dict[Hashable, Labels]) -> None:
        self._known |= found
        self._follow()
        self.changed.emit()


def _painted_labels(annotations: tuple[AnnotationSource, ...]) -> dict[Hashable, Labels]:
    """Return the labels that are painted in each annotation."""
    return {one.key: frozenset(count_painted(one)) for one in annotations}
