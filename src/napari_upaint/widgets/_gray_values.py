"""Gray values of layers, each measured once."""

from __future__ import annotations

from functools import partial

from napari_upaint.core.normalize import Normalization
from napari_upaint.widgets._per_image import PerImage
from napari_upaint.widgets._sources import ImageSource, measure_image


class GrayValues:
    """Remembers the normalisation of each image for as long as its pixels are the same; safe in threads."""

    def __init__(self) -> None:
        self._known = PerImage[Normalization]()

    def of(self, image: ImageSource) -> Normalization:
        """Return the normalisation of a layer, measured now if it has not been before. Not for the GUI thread."""
        return self._known.of(image, partial(measure_image, image))
