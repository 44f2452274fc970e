"""Find an open layer, read it as a frozen value, or lay it in place; no pixel is read or changed. Main thread only."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.viewer import Viewer

from napari_upaint.errors import ImageError
from napari_upaint.io.file_names import absolute
from napari_upaint.widgets._drawn import seen_at
from napari_upaint.widgets._new_layers import MARK
from napari_upaint.widgets._sources import AnnotationSource, Form, ImageSource, Placement, form_of


class ClosedError(ImageError):
    """A layer that was closed."""


def is_open(viewer: Viewer, key: Hashable) -> bool:
    """Return whether a layer is still in the viewer."""
    return any(layer.unique_id == key for layer in viewer.layers)


def find(viewer: Viewer, key: Hashable, name: str = "The layer") -> Any:
    """Return the layer with this key; `ClosedError` if it was closed, with its `name` where that is known."""
    for layer in viewer.layers:
        if layer.unique_id == key:
            return layer
    raise ClosedError(f"{name} is not open any more; choose another one.")


def find_marked(viewer: Viewer, image: Hashable, what: str, kind: str = "") -> Any:
    """Return the layer that this program made to show something of an image, None if there is none."""
    about = {"of": image, "what": what, "kind": kind}
    return next((layer for layer in viewer.layers if layer.metadata.get(MARK) == about), None)


def place_above(viewer: Viewer, image: Hashable, below: Callable[[Any], bool]) -> int:
    """Return the place in the list of layers for one that shows something of an image, with nothing opaque above it.

    Parameters
    ----------
    below : callable
        Whether a layer must stay above: the place is below the first such layer over the image, else on top.
    """
    layers = list(viewer.layers)
    over = range(layers.index(find(viewer, image)) + 1, len(layers))
    return next((i for i in over if below(layers[i])), len(layers))


def image_source(layer: Any) -> ImageSource:
    """Return an image layer as a frozen value."""
    file = absolute(str(layer.source.path or ""))
    return ImageSource(layer.unique_id, layer.name, level_0(layer), bool(layer.rgb), placement(layer), file)


def other_channels(viewer: Viewer, image: Hashable) -> tuple[ImageSource, ...]:
    """Return the other gray images of the same file and size: channels of one scene, which the network does not see."""
    mine = find(viewer, image)
    return tuple(
        image_source(one)
        for one in (viewer.layers if mine.source.path else ())
        if isinstance(one, Image)
        and one.source.path == mine.source.path
        and MARK not in one.metadata
        and not one.rgb
        and one is not mine
        and form(one).shape == form(mine).shape
    )


def annotation_source(layer: Any) -> AnnotationSource:
    """Return a labels layer as a frozen value."""
    return AnnotationSource(layer.unique_id, layer.name, level_0(layer))


def index_in_view(viewer: Viewer, layer: Any) -> tuple[int, ...]:
    """Return the index of the plane in view along the leading axes, clipped to the layer."""
    leading = layer.ndim - 2
    if not leading:
        return ()
    position = seen_at(viewer, layer, viewer.dims.point, range(leading, layer.ndim))[:leading]
    shape = level_0(layer).shape
    return tuple(int(np.clip(round(float(p)), 0, n - 1)) for p, n in zip(position, shape, strict=False))


def level_0(layer: Any) -> Any:
    """Return the array of a layer, the finest one of a pyramid."""
    return layer.data[0] if layer.multiscale else layer.data


def form(layer: Any) -> Form:
    """Return the form of an image or labels: an `ImageSource` takes much longer, as it also has the placement."""
    return form_of(level_0(layer), getattr(layer, "rgb", False))


def forms(viewer: Viewer) -> dict[Hashable, Form]:
    """Return the forms of all images and labels."""
    return {layer.unique_id: form(layer) for layer in viewer.layers if isinstance(layer, (Image, Labels))}


def undo_steps(labels: Any) -> tuple[int, int]:
    """Return how many steps of labels can be undone and redone: napari has no event for that."""
    return len(getattr(labels, "_undo_history", ())), len(getattr(labels, "_redo_history", ()))


def placement(layer: Any) -> Placement:
    """Return where a layer lies in the world."""
    shear = np.asarray(layer.shear, float)
    if shear.ndim == 1:  # napari gives the upper triangle as a vector
        matrix = np.eye(layer.ndim)
        if shear.any():
            matrix[np.triu_indices(layer.ndim, 1)] = shear
        shear = matrix
    return Placement(
        tuple(float(s) for s in layer.scale),
        tuple(float(t) for t in layer.translate),
        np.array(layer.rotate, float),
        shear,
        np.array(layer.affine.affine_matrix, float),
        tuple(str(unit) for unit in layer.units),
        tuple(layer.axis_labels),
    )


def lay(layer: Any, place: Placement) -> None:
    """Put a layer where its image lies: the image's pixel size may have been set since."""
    now = placement(layer)
    for name in Placement.__dataclass_fields__:
        if not np.array_equal(getattr(now, name), getattr(place, name)):
            setattr(layer, name, getattr(place, name))
