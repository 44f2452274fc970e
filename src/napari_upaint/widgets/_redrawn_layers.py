"""Draw planes that changed where the viewer shows them, along whatever axes. Main thread only."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer

from napari_upaint.widgets._drawn import axes_in_view
from napari_upaint.widgets._open_layers import index_in_view

_PAUSE = 300  # milliseconds without another plane


class RedrawnLayers(QObject):
    """Draws as little as possible: napari reads what is out of view when somebody goes there."""

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._crossed: set[Hashable] = set()  # layers with planes that are to be drawn
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE)
        self._pause.timeout.connect(self._draw)

    def ask(self, layer: Any, image: Any, index: tuple[int, ...]) -> None:
        """Draw a plane (or volume) of a layer that was made from an image layer.

        Planes that the view crosses (in 3D, or with the axes in another order) are drawn once no more of them come:
        each of them is seen, and a volume takes long to draw.
        """
        crossed = [axis for axis in axes_in_view(self._viewer, image) if axis < len(index)]
        in_view = index_in_view(self._viewer, image)
        if not layer.visible or any(at != in_view[axis] for axis, at in enumerate(index) if axis not in crossed):
            return
        if crossed:
            self._crossed.add(layer.unique_id)
            self._pause.start()
        else:
            layer.refresh()

    def _draw(self) -> None:
        for layer in list(self._viewer.layers):
            if layer.unique_id in self._crossed:
                layer.refresh()
        self._crossed.clear()
