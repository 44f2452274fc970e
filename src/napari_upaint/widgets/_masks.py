"""Make labels that can be learnt from out of a finished segmentation, as other programs and people draw it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_upaint.core.labels import from_masks
from napari_upaint.errors import UserError
from napari_upaint.settings import Kind
from napari_upaint.widgets._background import Work
from napari_upaint.widgets._choosing import Choosing
from napari_upaint.widgets._layers import Layers
from napari_upaint.widgets._sections import Sections


class Masks(QObject):
    """Connects the button *From masks* with the layers."""

    failed = Signal(str, str)

    def __init__(self, layers: Layers, choosing: Choosing, sections: Sections, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._layers, self._choosing = layers, choosing
        self._converting = Work(self, self._add, self.failed)
        sections.labels.masks_button.clicked.connect(self.take)

    def close(self) -> None:
        """Stop converting."""
        self._converting.forget()

    def take(self) -> None:
        """Make labels from the chosen ones, in which 0 is background; the chosen ones stay as they are."""
        image, masks = self._choosing.image(), self._choosing.annotation()
        if image is None or masks is None or image.shape != masks.shape or self._converting.busy:
            return
        self._converting.start(_converted, image.key, masks.key, masks.data, self._choosing.kind())

    def _add(self, made: tuple[Hashable, Hashable, np.ndarray]) -> None:
        image, masks, painted = made
        try:
            new = self._layers.new_annotation(image, self._choosing.kind(), painted)
            self._layers.hide(masks)
        except UserError as error:  # closed meanwhile
            self.failed.emit(str(error), "")
            return
        self._choosing.choose_annotation(new)


def _converted(image: Hashable, masks: Hashable, data: Any, kind: Kind) -> tuple[Hashable, Hashable, np.ndarray]:
    return image, masks, from_masks(np.asarray(data), kind)
