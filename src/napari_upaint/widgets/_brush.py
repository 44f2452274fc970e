"""The brush on the chosen labels: what is painted there, label by label, and which label comes next."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from qtpy.QtCore import QObject, Signal

from napari_upaint.widgets._after_pause import AfterPause, Job
from napari_upaint.widgets._labels_section import next_label
from napari_upaint.widgets._layers import Choice, Layers
from napari_upaint.widgets._ownership import Ownership
from napari_upaint.widgets._sections import Sections
from napari_upaint.widgets._sources import AnnotationSource, count_painted

_PAUSE = 150  # milliseconds after a stroke: counting must not slow painting down
# Colours are shown for the first labels only; there may be thousands of objects.
_MOST_COLOURS = 16


class Brush(QObject):
    """Counts what is painted, in a thread after each stroke, and takes another label at the press of a button.

    Parameters
    ----------
    annotation : callable
        Returns the chosen labels, None if there are none.
    """

    changed = Signal()  # what is painted, or what is known about that
    failed = Signal(str, str)

    def __init__(
        self,
        layers: Layers,
        sections: Sections,
        ownership: Ownership,
        annotation: Callable[[], AnnotationSource | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._layers, self._section, self._message = layers, sections.labels, sections.message
        self._ownership, self._annotation = ownership, annotation
        self.pixels: Mapping[int, int] = {}  # painted ones of each label
        self.counted = False
        self._uncounted: set[int] = set()  # labels that were painted with since the last count
        self._next_wanted = False  # as soon as it is known what is painted
        self._count = AfterPause(_PAUSE, self._count_job, self, self._painted, self._fail)
        layers.edited.connect(self._edited)
        layers.regions.closed.connect(self._count.ask)
        layers.label_taken.connect(self._show)
        self._section.background_button.clicked.connect(self.take_background)
        self._section.next_button.clicked.connect(self.take_next)
        self._section.paint_on_button.clicked.connect(self.paint_on)
        self._section.kind_changed.connect(self._kind_changed)

    @property
    def busy(self) -> bool:
        """Whether what is painted is being counted."""
        return self._count.busy

    def open(self) -> None:
        """Count again: somebody may have painted while the dock was closed."""
        self._count.ask()

    def close(self) -> None:
        """Stop counting."""
        self._next_wanted = False
        self._count.close()

    def change(self) -> None:
        """Begin anew: other labels are chosen."""
        self.counted, self.pixels, self._uncounted, self._next_wanted = False, {}, set(), False
        self._count.ask()
        self._show()

    # -- which label ---------------------------------------------------------------------------------------------

    def take_background(self) -> None:
        """Pick up the brush for the background."""
        self._take(1)

    def take_next(self) -> None:
        """Pick up the brush for the next object or class."""
        annotation, label = self._annotation(), self._following()
        if not self.counted and self._section.next_button.isEnabled():
            self._next_wanted = True  # a number that is in use would make one object of two
            self._count.go()
        elif annotation is not None and label > annotation.highest:
            self.failed.emit(
                f"{annotation.name} has used all numbers up to {annotation.highest}; right-click it in napari's list of"
                " layers > Convert data type, and choose a larger type.",
                "",
            )
        else:
            self._take(label)

    def paint_on(self) -> None:
        """Pick up the brush with the label that it had before another layer was selected."""
        key = self._section.combo.key()
        if key is not None:
            self._take(self._layers.selected_label(key))

    def _following(self) -> int:
        """Return the label of the next object or class."""
        annotation = self._annotation()
        return next_label({*self.pixels, *self._uncounted}, annotation.highest) if annotation is not None else 2

    def _take(self, label: int) -> None:
        key, button = self._section.combo.key(), self._section.background_button
        self._next_wanted = False
        if not button.isEnabled():
            self._message.refuse(button)
        elif key is not None:
            self._layers.paint_label(key, label)

    # -- what is painted -----------------------------------------------------------------------------------------

    def _kind_changed(self) -> None:
        key = self._section.combo.key()
        if key is not None:
            self._layers.kinds.note(key, self._section.kind())
        self._show()

    def _edited(self) -> None:
        key = self._section.combo.key()
        if key is not None:
            self._uncounted.add(self._layers.selected_label(key))
        self._count.ask()

    def _count_job(self) -> Job | None:
        if (annotation := self._annotation()) is None:
            self._painted({})
            return None
        return count_painted, annotation

    def _painted(self, pixels: Mapping[int, int]) -> None:
        self.pixels, self.counted, self._uncounted = pixels, True, set()
        self._show()
        if self._next_wanted:
            self._next_wanted = False
            self.take_next()

    def _fail(self, sentence: str, details: str) -> None:
        self._next_wanted = False
        self.failed.emit(sentence, details)

    def _show(self) -> None:
        key = self._section.combo.key()
        annotation = self._annotation() if self.pixels else None
        masks = annotation is not None and self._ownership.may_be_masks(Choice(annotation.key, annotation.name))
        self._section.show_corrected(key is not None and self._layers.is_corrected_result(key), masks)
        selected = self._layers.selected_label(key) if key is not None else 0
        following = self._following()
        shown = {1, 2, *sorted(self.pixels)[:_MOST_COLOURS], following}
        colours = self._layers.label_colours(key, shown) if key is not None else {}
        self._section.show_painted(self.pixels, selected, following, colours)
        self.changed.emit()
