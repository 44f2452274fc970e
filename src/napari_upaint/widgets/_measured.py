"""Gray values of layers, measured once each."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Any

from napari_upaint.core.normalize import Normalization
from napari_upaint.widgets._sources import ImageSource, measure_image


class MeasuredImages:
    """Remembers the normalisation of each image for as long as its array is the same; fit for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Hashable, tuple[Callable[[], Any], Normalization]] = {}

    def of(self, image: ImageSource) -> Normalization:
        """Return the normalisation of a layer, measured now if it was not yet. Never on the GUI thread."""
        with self._lock:
            array, known = self._known.get(image.key, (None, None))
        if known is not None and array is not None and array() is image.data:
            return known
        measured = measure_image(image)
        with self._lock:
            self._known[image.key] = (_weakly(image.data), measured)
        return measured


def _weakly(array: Any) -> Callable[[], Any]:
    """Return what gives the array as long as somebody else holds it: a closed layer must give its memory back."""
    try:
        return weakref.ref(array)
    except TypeError:  # some lazy arrays cannot be referred to weakly; they are small
        return lambda: array
