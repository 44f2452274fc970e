"""Whether labels hold objects or classes: their names tell, which napari shows in its status bar. Main thread only."""

from __future__ import annotations

from collections.abc import Hashable
from typing import get_args

from napari.viewer import Viewer

from napari_upaint.core.labels import label_names
from napari_upaint.settings import Kind
from napari_upaint.widgets._open_layers import find

# Made once: every stroke asks what the labels of all other images hold.
_NAMES = {kind: label_names(kind)["label"] for kind in get_args(Kind)}


class KindLayers:
    """A part of `Layers`, through which the dock reaches it."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer

    def of(self, annotation: Hashable) -> Kind | None:
        """Return what labels hold that were made here, or come with a sample; None for all others: nobody knows."""
        named = find(self._viewer, annotation).features.get("label")
        names = named.tolist() if named is not None else []
        return next((kind for kind, those in _NAMES.items() if names == those), None)

    def note(self, annotation: Hashable, kind: Kind) -> None:
        """Name the labels of an annotation that was made here after its kind."""
        if self.of(annotation) is not None:
            find(self._viewer, annotation).features = label_names(kind)
