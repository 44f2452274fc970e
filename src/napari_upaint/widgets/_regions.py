"""Connects the buttons for regions with their layer."""

from __future__ import annotations

from qtpy.QtCore import QObject, Signal

from napari_upaint.errors import UserError
from napari_upaint.widgets._choosing import Choosing
from napari_upaint.widgets._layers import Layers
from napari_upaint.widgets._sections import Sections

_NONE = "There is no region yet; press 'Annotated region' and drag a rectangle."


class Regions(QObject):
    """Draws regions on the chosen image and switches their purpose."""

    failed = Signal(str, str)

    def __init__(self, layers: Layers, choosing: Choosing, sections: Sections, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._regions, self._choosing, self._row = layers.regions, choosing, sections.labels.regions
        self._message = sections.message
        self._row.draw_button.clicked.connect(self.draw)
        self._row.turn_button.clicked.connect(self.turn)
        choosing.changed.connect(self._allow)
        layers.regions.changed.connect(self._allow)
        self._allow()

    def draw(self) -> None:
        """Pick up the tool for a fully annotated region."""
        image = self._choosing.image_key()
        if image is None or not self._row.draw_button.isEnabled():
            self._message.refuse(self._row.draw_button)
            return
        try:
            self._regions.draw(image)
        except UserError as error:  # the image was closed meanwhile
            self.failed.emit(str(error), "")

    def turn(self) -> None:
        """Turn the selected region into one for validation only, or back."""
        image = self._choosing.image_key()
        if image is None or not self._row.turn_button.isEnabled():
            self._message.refuse(self._row.turn_button)
            return
        self._regions.turn(image)

    def _allow(self) -> None:
        image, annotation = self._choosing.image_key(), self._choosing.annotation()
        why = "Open an image first." if image is None else "Press 'New labels' first." if annotation is None else ""
        none = why or ("" if annotation is not None and annotation.regions else _NONE)
        self._row.allow(why, none)
