"""How models that have not learnt from paint see layers: found once for each, so that all planes are seen alike."""

from __future__ import annotations

from functools import partial

from napari_upaint.core.telling_windows import middle
from napari_upaint.engine.progress import Sight
from napari_upaint.session.looking import Looking
from napari_upaint.widgets._per_image import GrayValues, PerImage
from napari_upaint.widgets._sources import ImageSource
from napari_upaint.widgets._volumes import is_volume, spacing


class Sights:
    """Remembers how each model sees each image, for as long as its pixels are the same; safe in threads."""

    def __init__(self, gray_values: GrayValues) -> None:
        self.gray_values = gray_values
        self._known = PerImage[Sight | None]()

    def of(self, image: ImageSource, looking: Looking) -> Sight | None:
        """Return how a model sees a layer, found out now if it is not known yet; see `Looking.at`.

        Not for the GUI thread: it reads planes and waits for the engine.
        """
        apart = spacing(image) if looking.ndim == 3 else None  # the user may set another pixel size
        kind = str(looking.model), looking.settings.scale, apart
        return self._known.of(image, partial(self._find, image, looking), kind)

    def _find(self, image: ImageSource, looking: Looking) -> Sight | None:
        ndim = looking.ndim
        if ndim == 3 and not is_volume(image):  # reported when it is segmented
            return None
        leading, shape = image.shape[:-ndim], image.shape[-ndim:]
        read = partial(image.plane, region=middle(shape))
        return looking.at(leading, read, self.gray_values.of(image), spacing(image) if ndim == 3 else None)
