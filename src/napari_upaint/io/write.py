"""Write TIFFs that keep axes, scale, unit and channel names and open in Fiji; as a whole or not at all.

The format is ImageJ's if it can hold the data, else OME-TIFF, else (for axes that neither knows) a plain TIFF with its
axes in JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_upaint.errors import FileError
from napari_upaint.io.atomic import replacing
from napari_upaint.io.file_names import from_home
from napari_upaint.io.image import Image, reading

# ImageJ's format counts bytes with 32 bits; a part is reserved for the header.
_LARGEST_IMAGEJ = 4 * 10**9
_OME_DTYPES = "int8 int16 int32 uint8 uint16 uint32 float32 float64".split()
# Steps beyond these lose digits in the fractions of TIFF, which are two 32-bit numbers.
_FRACTION = (1e-4, 1e4)
_DEFAULT_LABELS = {2: "YX", 3: "ZYX", 4: "TZYX"}
_DEFAULT_SCORES = {3: "CYX", 4: "ZCYX", 5: "TZCYX"}

Format = Literal["imagej", "ome", "shaped"]


def write_labels(path: str | Path, labels: Any, like: Image | None = None, *, software: str | None = None) -> Path:
    """Write labels as TIFF, with the scale of the image they belong to.

    Parameters
    ----------
    path : str or Path
        The file; replaced if it exists.
    labels : array
        Integers, axes: the leading axes of `like`, then Y and X. Without `like` ([[T,] Z,] Y, X).
    like : Image or None
        The image that was segmented: axes, spacing and unit are taken from it. Or the labels themselves (`like.data` is
        `labels`), with any axes.
    software : str or None
        Name in the file of the program that made it; None: as tifffile sets it.

    Returns
    -------
    Path
        The file. Its dtype is the smallest of uint8, uint16 and int32 that holds the labels.

    Raises
    ------
    FileError
        If the file cannot be written, or ids do not fit into 32 bits; an older one is left as it was.
    ImageError
        If the labels are lazy and cannot be read.
    ValueError
        If labels are not integers, or do not fit `like`.
    """
    if labels.dtype.kind not in "bui":
        raise ValueError(f"labels are integers, not {labels.dtype}")
    axes = _DEFAULT_LABELS.get(labels.ndim)
    if like:
        axes = like.axes if labels is like.data else like.leading_axes + "YX"
    with reading("The labels"):
        labels = np.asarray(labels)
    low, high = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    return _write(path, _alike(labels, like, axes), _smallest(low, high), software, brightest=high)


def write_scores(
    path: str | Path,
    scores: Any,
    like: Image | None = None,
    names: Sequence[str] = (),
    *,
    software: str | None = None,
) -> Path:
    """Write scores as TIFF, one channel per output of the network.

    Parameters
    ----------
    scores : array
        Axes: the leading axes of `like`, then C, Y and X. Without `like` ([[T,] Z,] C, Y, X).
    like : Image or None
        The image that was segmented: axes, spacing and unit are taken from it.
    names : sequence of str
        Names of the outputs, stored as names of the channels.
    software : str or None
        Name in the file of the program that made it; None: as tifffile sets it.

    Returns
    -------
    Path
        The file; float32.

    Raises
    ------
    FileError
        If the file cannot be written; an older one is left as it was.
    ValueError
        If scores do not fit `like`.
    """
    if scores.dtype != np.float16:  # `write_image` converts float16 page by page, without a copy of everything
        scores = np.asarray(scores, np.float32)
    axes = like.leading_axes + "CYX" if like else _DEFAULT_SCORES.get(scores.ndim)
    return write_image(path, replace(_alike(scores, like, axes), channel_names=tuple(names)), software=software)


def _alike(data: np.ndarray, like: Image | None, axes: str | None) -> Image:
    if axes is None or data.ndim != len(axes):
        raise ValueError(f"an array of shape {data.shape} does not have the axes {axes}")
    image = Image(data, axes)
    if like is None:
        return image
    if (image.leading_shape, image.plane_shape) != (like.leading_shape, like.plane_shape):
        raise ValueError(
            f"an array of shape {data.shape} does not fit an image of shape {like.data.shape} ({like.axes})"
        )
    return replace(image, spacing=like.spacing, unit=like.unit)


def _smallest(low: int, high: int) -> np.dtype[Any]:
    for dtype in (np.uint8, np.uint16, np.int32):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return np.dtype(dtype)
    raise FileError(f"Labels from {low} to {high} do not fit a TIFF; renumber the objects.")


def write_image(path: str | Path, image: Image, *, software: str | None = None) -> Path:
    """Write an image as TIFF with its axes, scale, unit and channel names; a lazy one is written plane by plane.

    Channels are moved before Y and X, colour samples after them: the only order that other programs read. `software` is
    the TIFF field with that name; None: as tifffile sets it.

    Raises
    ------
    FileError
        If the file cannot be written, or the image's numbers are complex; an older file is left as it was.
    ImageError
        If a lazy image cannot be read; an older file is left as it was.
    """
    if np.dtype(image.data.dtype).kind == "c":
        raise FileError(f"{image.name} has complex numbers ({image.data.dtype}); save its magnitude or phase.")
    return _write(path, image, _stored_dtype(np.dtype(image.data.dtype)), software)


def _write(path: str | Path, image: Image, dtype: np.dtype[Any], software: str | None, *, brightest: int = 0) -> Path:
    """Write an image with a dtype that can hold its pixels, converting one page at a time.

    `brightest`: what Fiji shows as white; 0: as it likes, which makes labels of a few objects all black.
    """
    import tifffile

    path = from_home(path)
    axes = image.leading_axes + ("C" if "C" in image.axes else "") + "YX" + ("S" if "S" in image.axes else "")
    shape = tuple(image.length(letter) for letter in axes)
    kind = _choose(path, image, axes, shape, dtype)
    with (
        replacing(path) as new,
        tifffile.TiffWriter(
            new,
            imagej=kind == "imagej",
            ome=kind == "ome",
            bigtiff=kind != "imagej" and prod(shape) * dtype.itemsize > _LARGEST_IMAGEJ,
        ) as out,
    ):
        out.write(
            _pages(image, axes, dtype),
            shape=shape,
            dtype=dtype,
            photometric="rgb" if image.length("S") in (3, 4) else "minisblack",
            planarconfig="contig" if "S" in axes else None,
            # If the file does not call it transparency, it is read back as channels.
            extrasamples=["unassalpha"] if image.length("S") == 2 else None,
            compression="zlib",
            software=software,
            metadata=_metadata(kind, image, axes, brightest),
            **_resolution(kind, image),
        )
    return path


def _pages(image: Image, axes: str, dtype: np.dtype[Any]) -> Iterator[np.ndarray]:
    """Yield the pages of the file: axes (Y, X) or (Y, X, S)."""
    counted = [letter for letter in axes if letter not in "YXS"]
    for index in product(*(range(image.length(letter)) for letter in counted)):
        at = dict(zip(counted, index, strict=True))
        with reading(image.name):  # or the output would be blamed for a lazy image
            page = np.asarray(image.data[tuple(at.get(letter, slice(None)) for letter in image.axes)])
        left = [letter for letter in image.axes if letter not in at]
        yield page.transpose([left.index(letter) for letter in axes if letter in left]).astype(dtype, copy=False)


def _stored_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return a dtype that a file can hold, without loss except for integers beyond 2**53."""
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    if dtype == np.float16:
        return np.dtype(np.float32)
    return dtype.newbyteorder("=") if dtype.name in _OME_DTYPES else np.dtype(np.float64)


def _choose(path: Path, image: Image, axes: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Format:
    """Choose the format: ImageJ's, which all programs open, if it can hold the image."""
    colour = "S" in axes
    known = set(axes) <= set("TZCYXS") and (not colour or shape[-1] in (3, 4))
    steps = [step for letter, step in image.spacing.items() if letter in "YX"]
    fits = (
        axes == "".join(letter for letter in "TZCYXS" if letter in axes)
        and dtype in (np.uint8, np.uint16, np.float32)
        and (not colour or dtype == np.uint8)
        and prod(shape) * dtype.itemsize < _LARGEST_IMAGEJ
        and all(_FRACTION[0] <= step <= _FRACTION[1] for step in steps)
        and len(steps) in (0, 2)
    )
    if known and fits and not re.search(r"\.ome$", path.stem, re.IGNORECASE):
        return "imagej"
    return "ome" if known else "shaped"


def _metadata(kind: Format, image: Image, axes: str, brightest: int) -> dict[str, Any]:
    """Return the metadata for the header of the file, as its format names them."""
    named = "C" in axes and len(image.channel_names) == image.length("C")
    # Characters of other kinds would make the header of an OME-TIFF unreadable.
    names = ["".join(c if c.isprintable() else " " for c in str(name)) for name in image.channel_names if named]
    if kind == "imagej":
        shown = {"min": 0.0, "max": float(brightest)} if brightest else {}
        return {"axes": axes} | shown | _imagej(image, names)
    if kind == "ome":
        return {"axes": axes} | _ome(image, names)
    return {"axes": axes, "unit": image.unit, "spacing": dict(image.spacing), "channel_names": names}


def _imagej(image: Image, names: list[str]) -> dict[str, Any]:
    told: dict[str, Any] = {"unit": "um"} if image.unit == "micrometer" else {}
    for letter, key in (("Z", "spacing"), ("T", "finterval")):
        if letter in image.spacing:
            told[key] = image.spacing[letter]
    if names:  # one label per slice; channels change fastest
        told["Labels"] = names * int(np.prod(image.leading_shape, dtype=int))
    return told


def _ome(image: Image, names: list[str]) -> dict[str, Any]:
    unit = "\u00b5m" if image.unit == "micrometer" else "pixel"
    told: dict[str, Any] = {}
    for letter in "ZYX":
        if letter in image.spacing:
            told |= {f"PhysicalSize{letter}": image.spacing[letter], f"PhysicalSize{letter}Unit": unit}
    if "T" in image.spacing:
        told |= {"TimeIncrement": image.spacing["T"], "TimeIncrementUnit": "s"}
    return told | ({"Channel": {"Name": names}} if names else {})


def _resolution(kind: Format, image: Image) -> dict[str, Any]:
    """Return the tags with the size of a pixel, for programs that read nothing else."""
    if image.plane_spacing is None:
        return {}
    y, x = image.plane_spacing
    if not all(_FRACTION[0] <= step <= _FRACTION[1] for step in (y, x)):
        return {}
    if kind == "imagej":
        return {"resolution": (1 / x, 1 / y), "resolutionunit": "NONE"}
    return {"resolution": (1e4 / x, 1e4 / y), "resolutionunit": "CENTIMETER"} if image.unit == "micrometer" else {}
