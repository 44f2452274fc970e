"""Make labels that can be learnt from out of a finished segmentation, as other programs and people draw it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_upaint.core.labels import from_masks
from napari_upaint.errors import UserError
from napari_upaint.settings import Kind
from napari_upaint.widgets._background import Work
from napari_upaint.widgets._choosing import Choosing
from napari_upaint.widgets._layers import Layers
from napari_upaint.widgets._memory import zeros_for
from napari_upaint.widgets._open_layers import ClosedError
from napari_upaint.widgets._sections import Sections
from napari_upaint.widgets._sources import AnnotationSource, ImageSource


class Masks(QObject):
    """Connects the button *From masks* with the layers."""

    failed = Signal(str, str)
    _read = Signal(int, int)  # planes, out of how many: crosses from the thread

    def __init__(self, layers: Layers, choosing: Choosing, sections: Sections, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers, self._choosing, self._line = layers, choosing, sections.labels.masks_line
        self._stopped = threading.Event()
        self._converting = Work(self, self._add, self._fail)
        self._read.connect(self._tell)
        sections.labels.masks_button.clicked.connect(self.take)
        sections.labels.masks_stop_button.clicked.connect(self.close)

    def close(self) -> None:
        """Stop converting."""
        self._stopped.set()
        self._converting.forget()
        self._line.hide()

    def take(self) -> None:
        """Make labels from the chosen ones, in which 0 is background; the chosen ones stay as they are."""
        image, masks = self._choosing.image(), self._choosing.annotation()
        if image is None or masks is None or image.shape != masks.shape or self._converting.busy:
            return
        self._stopped = threading.Event()
        self._line.show_fraction(None, f"From {masks.name}…")
        self._line.show()
        self._converting.start(_converted, image, masks, self._choosing.kind(), self._stopped, self._read.emit)

    def _tell(self, planes: int, total: int) -> None:
        words = f"Read plane {planes} of {total}" if planes < total else "Making labels…"
        self._line.show_fraction(planes / total if planes < total else None, words)

    def _fail(self, sentence: str, details: str = "") -> None:
        self._line.hide()
        self.failed.emit(sentence, details)

    def _add(self, made: tuple[ImageSource, AnnotationSource, Kind, np.ndarray]) -> None:
        image, masks, kind, painted = made  # another kind may be chosen by now
        self._line.hide()
        try:
            new = self._layers.new_annotation(image.key, kind, painted)
        except ClosedError:
            self._fail(f"{image.name} is not open any more; no labels were made from {masks.name}.")
            return
        except UserError as error:
            self._fail(str(error))
            return
        with suppress(ClosedError):
            self._layers.hide(masks.key)
        self._choosing.choose_annotation(new)


def _converted(
    image: ImageSource, masks: AnnotationSource, kind: Kind, stopped: threading.Event, tell: Callable[[int, int], None]
) -> tuple[ImageSource, AnnotationSource, Kind, np.ndarray]:
    """Read masks plane by plane (nobody hears of them once it is `stopped`), and make labels from all of them.

    Not plane by plane: if numbers are too large, each object gets the same smaller one in all planes.
    """
    read = masks.data
    if not isinstance(read, np.ndarray):
        read = zeros_for(image, masks.shape, masks.data.dtype, "masks", "open a part of them")
        planes = list(image.indices())
        for number, index in enumerate(planes, 1):
            if stopped.is_set():
                break
            read[index] = masks.painted(index)
            tell(number, len(planes))
    return image, masks, kind, read if stopped.is_set() else from_masks(read, kind)
