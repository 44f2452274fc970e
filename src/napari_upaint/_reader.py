"""Reader for napari: TIFF, OME-TIFF and ImageJ stacks with axes, scale, units and channel names; PNG, JPEG, BMP."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_upaint.io.image import Image

LayerTuple = tuple[Any, dict[str, Any], str]
PathOrPaths = str | Path | Sequence[str | Path]

# Files with these endings of their names hold labels, even if they look like any other image.
_LABELS = re.compile(r"_(labels|strokes|annotation|truth|masks?)$", re.IGNORECASE)

# Percentiles that are shown as black and white, and about how many pixels they are measured on.
_SHOWN = (0.1, 99.8)
_LOOKED_AT = 200_000


def get_reader(path: PathOrPaths) -> Callable[[PathOrPaths], list[LayerTuple]] | None:
    """Return the function that reads a file, None if it is not an image file.

    Several files at once (File > Open Files as Stack) are left to napari.
    """
    from napari_upaint.io.images import SUFFIXES

    if not isinstance(path, str | Path) or Path(path).suffix.lower() not in SUFFIXES or os.path.isdir(path):
        return None
    return read


def read(path: PathOrPaths) -> list[LayerTuple]:
    """Read one file into layers.

    Raises
    ------
    FileError
        If the file is missing, damaged or not an image.
    ImageError
        If a plane of labels cannot be read.
    """
    from napari_upaint.io.file_names import plain_name
    from napari_upaint.io.images import read_image

    if not isinstance(path, str | Path):
        return [layer for one in path for layer in read(one)]
    named = bool(_LABELS.search(plain_name(Path(path))))
    image = read_image(path, labels=named)
    if named and image.data.dtype.kind in "bui" and not {"C", "S"} & set(image.axes):
        image = _planes_last(_sliceable(image))
        return [(_loaded(image), {"name": image.name, **place(image)}, "labels")]
    return [image_layer(image)]


def _loaded(image: Image) -> Any:
    """Return labels in memory, so that they can be painted on, unless memory is short; empty planes take none.

    napari shows labels in another byte order, such as Fiji's, in wrong colours, and cannot fill them. Masks of 1 bit
    are always loaded, with one byte per pixel, so that they can hold other labels.
    """
    import numpy as np

    from napari_upaint.engine.memory import available
    from napari_upaint.io.images import planes

    labels = image.data
    if labels.dtype != bool and type(labels) is np.ndarray:
        return labels
    dtype = np.dtype(np.uint8) if labels.dtype == bool else labels.dtype.newbyteorder("=")
    free = available()
    if labels.dtype != bool and free is not None and labels.nbytes > free / 2:
        return labels.astype(dtype)  # of each plane when it is shown
    loaded = np.zeros(labels.shape, dtype)
    for index, plane in planes(image):
        if plane.any():
            loaded[index] = plane[0]
    return loaded


def image_layer(image: Image) -> LayerTuple:
    """Return an image as a layer tuple: colour samples last (RGB), each channel as a layer."""
    image = _planes_last(_sliceable(image))
    data, axes, options = image.data, image.axes, place(image)
    options["name"] = image.name
    if "S" in axes:  # samples that are not colours are channels
        options["rgb"] = image.length("S") in (3, 4)
    channels = "C" if "C" in axes else "S" if "S" in axes and not options["rgb"] else ""
    axis = axes.index(channels) if channels else None
    if axis is not None:
        options["channel_axis"] = axis
        names = image.channel_names or tuple(f"channel {at}" for at in range(image.length(channels)))
        options["name"] = [f"{image.name} {name}" for name in names]
    if limits := _contrast(data, axis, bool(options.get("rgb"))):
        options["contrast_limits"] = limits
    return data, options, "image"


def _contrast(data: Any, channel_axis: int | None, rgb: bool) -> Any:
    """Return the gray values to show as black and white, for each channel; None: napari's own choice.

    One bright cell must not darken all others. Only for images in memory: a lazy one would have to be read.
    """
    import numpy as np

    if type(data) is not np.ndarray or rgb or data.dtype.kind not in "uif":
        return None
    if channel_axis is None:
        return _limits(data)
    limits = [_limits(channel) for channel in np.moveaxis(data, channel_axis, 0)]
    return None if None in limits else limits


def _limits(data: Any) -> tuple[float, float] | None:
    import numpy as np

    step = max(1, round((data.size / _LOOKED_AT) ** (1 / max(1, data.ndim))))
    some = data[(slice(None, None, step),) * data.ndim]
    some = some[np.isfinite(some)]
    if not some.size:
        return None
    low, high = (float(value) for value in np.percentile(some, _SHOWN))
    return (low, high) if low < high else None


def place(image: Image) -> dict[str, Any]:
    """Return scale, units and axis labels of a layer with the axes of an image, without channels and colours."""
    axes = [letter for letter in image.axes if letter not in "CS"]
    physical = {"T": "second"} | dict.fromkeys("ZYX", image.unit)
    return {
        "scale": tuple(image.spacing.get(letter, 1.0) for letter in axes),
        # A step that is not in the file is one pixel, whatever the unit of the others.
        "units": tuple(physical.get(letter, "pixel") if letter in image.spacing else "pixel" for letter in axes),
        "axis_labels": tuple(letter.lower() for letter in axes),
    }


def _sliceable(image: Image) -> Image:
    """Return an image whose data, if lazy, are a dask array, which slices channels without reading them."""
    import numpy as np

    data = image.data
    if type(data) is np.ndarray:
        return image
    import dask.array

    # A memory map has no chunks: take a plane of one channel, which is what the window asks for.
    by_plane = tuple(n if letter in "SYX" else 1 for letter, n in zip(image.axes, data.shape, strict=True))
    chunks = getattr(data, "chunks", by_plane)
    data = dask.array.from_array(data, chunks=chunks, name=False)  # type: ignore[no-untyped-call]
    return replace(image, data=data)


def _planes_last(image: Image) -> Image:
    """Return an image with Y, X and colour samples last: these planes are what napari shows and U-Paint segments."""
    import numpy as np

    # The other axes come first, in their present order.
    order = sorted(range(len(image.axes)), key=lambda at: "YXS".find(image.axes[at]))
    if order == sorted(order):
        return image
    return replace(image, data=np.transpose(image.data, order), axes="".join(image.axes[at] for at in order))
