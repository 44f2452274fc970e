"""The layers that compare two models: the outlines of what each of them finds, on one image. Main thread only."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Layer
from napari.utils.colormaps import CyclicLabelColormap
from napari.viewer import Viewer

from napari_upaint.core.colours import CLASS_COLOURS, rgb
from napari_upaint.engine.progress import PlaneResult
from napari_upaint.settings import Kind
from napari_upaint.widgets._memory import holding
from napari_upaint.widgets._new_layers import mark
from napari_upaint.widgets._open_layers import find
from napari_upaint.widgets._result_layers import ResultLayers
from napari_upaint.widgets._sources import ImageSource

# Orange and blue: the two that differ most, also in brightness.
_COLOURS = (CLASS_COLOURS[0], CLASS_COLOURS[5])
_THICK = (3, 1)  # px on the image: where both agree, both are seen


class ComparedLayers:
    """A part of `Layers`, through which the dock reaches it."""

    def __init__(self, viewer: Viewer, results: ResultLayers) -> None:
        self._viewer, self._results = viewer, results

    def put(
        self, image: ImageSource, index: tuple[int, ...], result: PlaneResult, kind: Kind, number: int, name: str
    ) -> None:
        """Show what model `number` (0 or 1) finds on a plane, in the layer '<image>: <name>'."""
        find(self._viewer, image.key)
        about = mark(image, f"comparison {number}", f"{kind} {name}")
        layer = self._results.result(about, image)
        if layer is None:
            data = holding(image, index, np.asarray(result.labels, np.int32))
            layer = Layer.create(data, self._options(image, about, number, name), "labels")
            layer.contour = _THICK[number]
            self._results.add_below_annotations(image, layer)
        else:
            layer.data[index] = result.labels
            layer.visible = True
            layer.refresh()

    def _options(self, image: ImageSource, about: dict[str, Any], number: int, name: str) -> dict[str, Any]:
        # Cyclic with one colour: other kinds of colormaps take seconds to compile when they are first drawn.
        colour = (*(part / 255 for part in rgb(_COLOURS[number])), 1.0)
        colormap = CyclicLabelColormap(colors=np.array([(0, 0, 0, 0), colour], np.float32), background_value=0)
        options = {"name": f"{image.name}: {name}", "metadata": about, "colormap": colormap, "opacity": 1.0}
        return options | image.placement.options()
