"""The layers that this program adds, as napari's layer data tuples: data, options, type. No layer is touched here."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.colormaps import Colormap, CyclicLabelColormap, ensure_colormap

from napari_upaint.core.colours import found_rgba, label_rgba
from napari_upaint.core.labels import label_names
from napari_upaint.core.uncertainty import Method
from napari_upaint.settings import Kind
from napari_upaint.widgets._memory import zeros_for
from napari_upaint.widgets._score_cache import ScoreCache
from napari_upaint.widgets._sources import ImageSource

NewLayer = tuple[Any, dict[str, Any], str]
# Layers made here carry this in their metadata: results are replaced in place, and never taken for a user's layer.
MARK = "napari-upaint"
# The scores layer has all outputs of the network in its metadata, so they are gone with the layer.
CACHE = "napari-upaint scores"
_PAINT_A_PART = "open a part of it and paint there, then segment the file with 'upaint segment'"


def annotation_name(image: str) -> str:
    """Return the name of the labels that are painted on an image."""
    return f"{image} annotation"


def new_annotation(image: ImageSource, kind: Kind, painted: np.ndarray | None = None) -> NewLayer:
    """Return an annotation on an image, empty unless something is painted already."""
    options = {
        "name": annotation_name(image.name),
        "features": label_names(kind),
        "colormap": CyclicLabelColormap(colors=label_rgba(), background_value=0),
        "opacity": 0.6,
    }
    data = zeros_for(image, image.shape, np.uint16, "labels", _PAINT_A_PART) if painted is None else painted
    return data, options | image.placement.options(), "labels"


def new_labels(image: ImageSource, names: tuple[str, ...], kind: Kind, data: np.ndarray) -> NewLayer:
    """Return a map of objects or classes."""
    data, options, what = old_result(image, data, kind)
    options["metadata"] = mark(image, "labels", kind)
    if kind == "classes":  # the names that the classes were painted with
        options["features"] = {"index": np.arange(len(names)), "label": list(names)}
    return data, options, what


def old_result(image: ImageSource, labels: np.ndarray, kind: Kind) -> NewLayer:
    """Return a map of objects or classes that was corrected by hand and saved: background is 0, not 1."""
    colours = label_rgba(2) if kind == "classes" else found_rgba()  # classes keep the colours they were painted with
    options: dict[str, Any] = {
        "name": f"{image.name} labels",
        "opacity": 0.5,
        "colormap": CyclicLabelColormap(colors=colours, background_value=0),
    }
    return labels, options | image.placement.options(), "labels"


def new_scores(image: ImageSource, cache: ScoreCache) -> NewLayer:
    """Return the scores of the classes; hidden, since they would hide the image.

    Scores of one class have the axes of the image: a channel axis would only add a slider.
    """
    options = {
        "name": f"{image.name} scores",
        "metadata": {**scores_mark(image, cache.names), "channels": cache.classes, CACHE: cache},
        "contrast_limits": (0, 1),
        "colormap": "viridis",
        "rgb": False,
        "visible": False,
    }
    return cache.shown(), options | cache.place(image.placement).options(), "image"


def new_weight_map(image: ImageSource, data: np.ndarray) -> NewLayer:
    """Return a map of the weights of the loss; transparent where nothing is painted."""
    options = {"name": f"{image.name} weight map", "metadata": mark(image, "weight map"), "colormap": _weight_colours()}
    return _overlay(image, data, options)


def new_uncertainty(image: ImageSource, method: Method, data: np.ndarray) -> NewLayer:
    """Return a map of uncertainty, float32; transparent where the network is sure."""
    options = {
        "name": f"{image.name} uncertainty ({method})",
        "metadata": mark(image, "uncertainty", method),
        "colormap": _uncertainty_colours(),
    }
    return _overlay(image, data, options)


def _overlay(image: ImageSource, data: np.ndarray, options: dict[str, Any]) -> NewLayer:
    shown = {"blending": "translucent", "rgb": False, "contrast_limits": (0, 1)}
    return data, options | shown | image.placement.options(), "image"


def new_ring(image: ImageSource, at: tuple[int, ...], radius: int, what: str) -> NewLayer:
    """Return a ring around a place: a point that is transparent inside."""
    options = {
        "name": f"{image.name} {what}",
        "metadata": mark(image, what),
        "size": 2 * radius + 1,
        "symbol": "disc",
        "face_color": "transparent",
        "border_color": "magenta",  # seen on black, on white and on inferno
        "border_width": 0.05,
        "antialiasing": 1,
    }
    return np.array([at], float), options | image.placement.options(), "points"


def read_units() -> None:
    """Let napari read its table of units, which takes a quarter of a second.

    Call it on the main thread before `warm_up`: a layer opened while another thread reads the table finds half of it.
    """
    Image(np.zeros((2, 2)))


def warm_up() -> None:
    """Let napari compile what draws int32 labels: otherwise, the first result would freeze the window for a second.

    Safe in a thread: the layer never gets into a viewer.
    """
    Labels(np.zeros((2, 2), np.int32))


def mark(image: ImageSource, what: str, kind: str = "") -> dict[str, Any]:
    """Return the metadata of a result: the image that it is of and what it shows."""
    return {MARK: {"of": image.key, "what": what, "kind": kind}}


def scores_mark(image: ImageSource, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the metadata of scores: those of a model with other outputs are another result."""
    return mark(image, "scores", "/".join(names))


def _weight_colours() -> Colormap:
    """Return colours that are clear at 0; small weights hide little of the paint below."""
    known = ensure_colormap("magma")
    colours = np.array(known.colors)
    colours[:, 3] = np.linspace(0.2, 1, len(colours))
    colours[0, 3] = 0
    return Colormap(colours, name="magma, clear at 0", controls=known.controls)


def _uncertainty_colours() -> Colormap:
    """Return colours that are clear at 0 and opaque at 1: the image stays visible where there is no doubt."""
    steps = np.linspace(0, 1, 256)
    colours = np.array(ensure_colormap("inferno").map(0.35 + 0.65 * steps))  # its dark end would blacken bright images
    colours[:, 3] = 0.9 * steps**0.7
    return Colormap(colours, name="inferno, clear at 0, opaque at 1")
