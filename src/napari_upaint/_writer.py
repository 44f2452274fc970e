"""Writers for napari: labels and images as TIFFs that keep scale, units and axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_upaint.io.image import Image

# Common labels of axes; other axes get a letter by position.
_LETTERS = {"time": "T", "depth": "Z", "channel": "C", "plane": "Z", "row": "Y", "column": "X"}
_BY_PLACE = "TCZYX"


def write_labels(path: str, data: Any, meta: Mapping[str, Any]) -> list[str]:
    """Write a labels layer with the smallest integer dtype that holds its labels.

    Raises
    ------
    FileError
        If the file cannot be written; an older one is left as it was.
    """
    from napari_upaint.io.images import write_labels as write

    data = _full_resolution(data)
    return [str(write(path, data, as_image(data, meta)))]


def write_image(path: str, data: Any, meta: Mapping[str, Any]) -> list[str]:
    """Write an image layer; a lazy one is written plane by plane.

    Raises
    ------
    FileError
        If the file cannot be written; an older one is left as it was.
    """
    from napari_upaint.io.images import write_image as write

    return [str(write(path, as_image(_full_resolution(data), meta)))]


def as_image(data: Any, meta: Mapping[str, Any]) -> Image:
    """Return a layer as an `Image`: axes from its labels, spacing and unit from its scale and units.

    Parameters
    ----------
    data : array
        Of the layer.
    meta : mapping
        What napari tells writers about a layer: name, scale, units, axis_labels, rgb.
    """
    from napari_upaint.io.image import Image
    from napari_upaint.io.tiff_scale import micrometers, seconds

    rgb = bool(meta.get("rgb"))
    axes = axis_letters(meta.get("axis_labels"), data.ndim - rgb)
    scale = meta.get("scale")
    # A mirrored layer has negative steps, but its pixels have the same size.
    scale = [1.0] * len(axes) if scale is None else [abs(float(step)) for step in scale][-len(axes) :]
    units = [str(unit) for unit in meta.get("units") or ["pixel"] * len(axes)][-len(axes) :]
    physical = all(micrometers(unit) for letter, unit in zip(axes, units, strict=True) if letter in "YX")
    spacing: dict[str, float] = {}
    for letter, step, unit in zip(axes, scale, units, strict=True):
        factor = seconds(unit) if letter == "T" else micrometers(unit) if physical else 1.0
        # Pixels of size 1 say nothing.
        if letter in "TZYX" and factor and (physical or letter == "T" or step != 1):
            spacing[letter] = step * factor
    return Image(data, axes + "S" * rgb, spacing, "micrometer" if physical else "pixel", name=str(meta.get("name", "")))


def axis_letters(labels: Any, ndim: int) -> str:
    """Return a letter per axis of a layer: from its labels if all are usable and include Y and X, else by position."""
    letters = [_LETTERS.get(str(label).lower(), str(label).upper()) for label in labels or ()]
    plain = all(len(letter) == 1 and letter.isalpha() and letter != "S" for letter in letters)
    if len(letters) == ndim and plain and len(set(letters)) == ndim and {"Y", "X"} <= set(letters):
        return "".join(letters)
    if ndim <= len(_BY_PLACE):
        return {2: "YX", 3: "ZYX", 4: "TZYX"}.get(ndim, _BY_PLACE)
    return "PQRVHA"[: ndim - len(_BY_PLACE)] + _BY_PLACE


def _full_resolution(data: Any) -> Any:
    """Return the finest level of a pyramid; return any other data as they are."""
    return data[0] if isinstance(data, Sequence) else data  # napari's own pyramids have a shape, too
