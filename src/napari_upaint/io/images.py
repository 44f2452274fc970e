"""Images in and out: common microscopy files become an `Image`, small ones in memory, large ones lazily."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_upaint.errors import FileError, reason
from napari_upaint.io.file_names import from_home, is_there, plain_name
from napari_upaint.io.image import Image, planes
from napari_upaint.io.write import write_image, write_labels, write_scores

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "LAZY_FROM",
    "SUFFIXES",
    "Image",
    "list_images",
    "planes",
    "read_image",
    "write_image",
    "write_labels",
    "write_scores",
]

TIFF_SUFFIXES = (".tif", ".tiff", ".lsm", ".stk", ".btf", ".tf8")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
SUFFIXES = TIFF_SUFFIXES + PICTURE_SUFFIXES
_JPEG_END = b"\xff\xd9"
_PNG = b"\x89PNG"
# The byte of a PNG that says whether its pixels are numbers of colours in a palette.
_PNG_KIND, _PALETTE = 25, 3
# Images of this many bytes and more stay on disk until a part of them is needed.
LAZY_FROM = 256 * 2**20
# Most microscopes write formats of their own, and Fiji reads nearly all of them.
_AS_TIFF = "save it as TIFF, for example in Fiji, or open it in napari with a plug-in that reads such files"

# Programs keep labels in formats of their own, too.
_EXPORTED = {
    ".npy": "in Cellpose with File > Save masks as PNG/tif",
    ".h5": "in ilastik under Export Settings",
    ".zip": "in Fiji",
    ".geojson": "in QuPath as a labelled image",
}


def read_image(path: str | Path, *, lazy_from: int | None = None, labels: bool = False) -> Image:
    """Read an image: TIFF (OME, ImageJ, LSM, plain; compressed or not), PNG, JPEG or BMP.

    Parameters
    ----------
    path : str or Path
        A file.
    lazy_from : int or None
        Images of so many bytes and more are opened lazily, not loaded; None: `LAZY_FROM`.
    labels : bool
        Whether the file holds labels: then pixels of a PNG with a palette are their numbers, not their colours, and
        planes of a TIFF are not taken for colours.

    Raises
    ------
    FileError
        If there is no such file, or it is empty, damaged or not an image, or labels are in a JPEG.
    """
    path = from_home(path)
    if _is_zarr(path):
        raise FileError(f"{path} is a Zarr store, which cannot be read; {_AS_TIFF}.")
    try:
        if path.is_dir():
            raise FileError(f"{path} is a folder, not an image; choose a file in it.")
        if not is_there(path) or not path.is_file():
            raise FileError(f"There is no file {path}; check its name.")
        if path.stat().st_size == 0:
            raise FileError(f"{path} is empty (0 bytes); choose another file.")
        image = _read_picture(path, labels) or _read_tiff(path, LAZY_FROM if lazy_from is None else lazy_from, labels)
    except FileError:
        raise
    # With a damaged file, decoders may raise anything: struct.error, IndexError, MemoryError, their own errors.
    except Exception as error:
        if not isinstance(error, OSError) and path.suffix and path.suffix.lower() not in SUFFIXES:
            how = _EXPORTED.get(path.suffix.lower())
            advice = f"export it as TIFF or PNG, {how}" if how else _AS_TIFF
            raise FileError(f"{path} is not a TIFF, PNG, JPEG or BMP; {advice}.") from error
        raise FileError(
            f"{path} cannot be read as an image ({reason(error)}); copy it again, or choose another file."
        ) from error
    if 0 in image.data.shape or image.data.dtype.kind not in "buif":
        raise FileError(
            f"{path} holds no gray values ({image.data.dtype}, shape {image.data.shape}); choose another file."
        )
    return image


def _is_zarr(path: Path) -> bool:
    """Return whether a folder is a Zarr store, which is a single image."""
    return path.suffix.lower() == ".zarr"


def _read_picture(path: Path, labels: bool) -> Image | None:
    """Read a PNG, JPEG or BMP, recognised by its first bytes, since file endings can be wrong; None for others."""
    import imagecodecs

    decoders: dict[bytes, Any] = {
        _PNG: imagecodecs.png_decode,
        b"\xff\xd8\xff": _decode_jpeg,
        b"BM": _decode_bmp,
    }
    with path.open("rb") as opened:
        start = opened.read(4)
        decode = next((decoder for magic, decoder in decoders.items() if start.startswith(magic)), None)
        if decode is None:
            return None
        if labels and decode is _decode_jpeg:
            raise FileError(f"{path} is a JPEG, which alters the numbers of labels; save them again as PNG or TIFF.")
        content = start + opened.read()
    # The decoder fills a missing part with gray. The end mark occurs nowhere else, except in a thumbnail at the start.
    if decode is _decode_jpeg and _JPEG_END not in content[len(content) // 2 :]:
        raise ValueError("its end is missing")
    numbers = labels and decode is imagecodecs.png_decode and content[_PNG_KIND] == _PALETTE
    data = _numbers(content) if numbers else decode(content)
    return Image(data, "YX" if data.ndim == 2 else "YXS", name=plain_name(path), path=path)


def _decode_jpeg(content: bytes) -> np.ndarray:
    """Return gray values or colours of a JPEG; those for printing (CMYK) as Pillow converts them."""
    import imagecodecs
    import numpy as np
    from PIL.JpegImagePlugin import JpegImageFile

    decoded: np.ndarray = imagecodecs.jpeg_decode(content)
    if decoded.shape[2:] != (4,):
        return decoded
    with JpegImageFile(io.BytesIO(content)) as opened:
        return np.asarray(opened.convert("RGB"))


def _decode_bmp(content: bytes) -> np.ndarray:
    """Return gray values or colours of a BMP, read by Pillow: a damaged one makes imagecodecs end the program."""
    import numpy as np
    from PIL.BmpImagePlugin import BmpImageFile

    with BmpImageFile(io.BytesIO(content)) as opened:
        return np.asarray(opened.convert("L" if opened.mode in ("1", "L") else "RGB"))


def _numbers(content: bytes) -> np.ndarray:
    """Return the numbers behind the colours of a PNG with a palette, as annotation programs write labels."""
    import numpy as np
    from PIL.PngImagePlugin import PngImageFile

    with PngImageFile(io.BytesIO(content)) as opened:
        return np.asarray(opened)


def _read_tiff(path: Path, lazy_from: int, labels: bool) -> Image:
    from napari_upaint.io.tiff import read_tiff

    data, axes, scale = read_tiff(path, lazy_from, labels=labels)
    return Image(data, axes, scale.spacing, scale.unit, scale.channel_names, plain_name(path), path)


def list_images(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """Return the image files among files and in folders: files as given, those of a folder by name, 2 before 10.

    Raises
    ------
    FileError
        If a path does not exist, or a folder holds no image.
    """
    found: list[Path] = []
    for given in [paths] if isinstance(paths, str | Path) else paths:
        path = from_home(given)
        if not os.path.exists(path):
            raise FileError(f"There is no file or folder {path}; check its name.")
        found += _in_folder(path) if path.is_dir() and not _is_zarr(path) else [path]
    if not found:
        raise FileError("No image was given; name at least one file or folder.")
    return list(dict.fromkeys(found))


def _in_folder(folder: Path) -> list[Path]:
    try:
        entries = list(folder.iterdir())
        inside = [p for p in entries if p.suffix.lower() in SUFFIXES and p.is_file() and p.name[0] != "."]
    except OSError as error:
        raise FileError(f"The folder {folder} cannot be read ({reason(error)}); choose another one.") from error
    if not inside:
        if any(p.is_dir() for p in entries):
            raise FileError(f"The folder {folder} holds folders, but no images of its own; name those folders instead.")
        raise FileError(
            f"The folder {folder} holds no images ({', '.join(SUFFIXES)}); choose another one, or save other files as"
            " TIFF, for example in Fiji."
        )
    return sorted(inside, key=_natural)


def _natural(path: Path) -> tuple[list[str | int], str]:
    parts = re.split(r"(\d+)", path.name.lower())
    return [int(part) if at % 2 else part for at, part in enumerate(parts)], path.name
