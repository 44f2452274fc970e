"""TIFF in: the image that a file holds, its pixels (in memory or lazy) and its axes; nothing that is cut short."""

from __future__ import annotations

import contextlib
import math
import struct
import warnings
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_upaint.errors import FileError
from napari_upaint.io.tiff_scale import Scale, ome_pixels, ome_root, read_scale

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage, TiffPageSeries

# Pages of more bytes than this are read by the tiles or strips that they are stored in.
_WHOLE_PAGE = 64 * 2**20
# What TIFF calls the meaning of samples that are no colours on a screen: gray values (0, 1) and inks (5).
_NO_COLOURS = (0, 1, 5)
# Kinds of images that are known by their pages alone.
_CHAINED = ("generic", "uniform")
# What TIFF calls transparency, with colours multiplied by it (1) or not (2).
_ALPHA = {1, 2}


def read_tiff(path: Path, lazy_from: int) -> tuple[Any, str, Scale]:
    """Read the largest image of a TIFF: array (NumPy, memory map or Zarr), letters of its axes, scale.

    Warns where the file holds other images too.

    Parameters
    ----------
    lazy_from : int
        Images of so many bytes and more are opened lazily: as a memory map if stored plainly, else as a Zarr
        array that decodes what is asked for. Of a pyramid the full resolution is taken.

    Raises
    ------
    FileError
        If planes are missing that the file says it has.
    """
    import tifffile

    tiff = tifffile.TiffFile(path)
    try:
        if _written_in_a_loop(tiff):
            tiff.close()
            tiff = tifffile.TiffFile(path, is_shaped=False)
        chosen = _choose(tiff, path)
        _check_complete(tiff, chosen, path)
        series = chosen.levels[0]
        axes = _name_channels(known_axes(series.axes), series.keyframe)
        scale = read_scale(tiff, chosen, axes)
        if series.nbytes < lazy_from:
            data: Any = series.asarray()
        elif (data := _mapped(tiff, series, path)) is None:
            return _open_lazily(tiff, series), axes, scale
    except BaseException:
        tiff.close()
        raise
    tiff.close()
    return data, axes, scale


def _written_in_a_loop(tiff: TiffFile) -> bool:
    """Whether tifffile wrote a plane at a time and noted each as an image of its own: together they are a stack."""
    kinds = {(series.shape, series.dtype) for series in tiff.series} if tiff.is_shaped else set()
    return len(kinds) == 1 and len(tiff.series) > 1 and _plane_count(tiff.series[0]) == 1


def _choose(tiff: TiffFile, path: Path) -> TiffPageSeries:
    """Return the largest image (the first of equals) that is stored in this file; warn if there are others."""
    # The header of an OME-TIFF also lists the images of the files beside it.
    own = [series for series in tiff.series if series.keyframe.parent is tiff] or list(tiff.series)
    # Thumbnails and the lower levels of pyramids are not worth a word.
    own = [series for series in own if not series.keyframe.is_reduced] or own
    chosen = max(own, key=lambda series: series.size)
    if len(own) > 1:
        size = " x ".join(map(str, chosen.shape))
        warnings.warn(
            f"{path.name} holds {len(own)} images; the largest, number {own.index(chosen) + 1} ({size}), was opened;"
            " save the others as files of their own.",
            stacklevel=2,
        )
    return chosen


def _plane_count(series: TiffPageSeries) -> int:
    return math.prod(n for n, letter in zip(series.shape, series.axes, strict=True) if letter not in "YXS")


def _check_complete(tiff: TiffFile, series: TiffPageSeries, path: Path) -> None:
    """Raise a FileError if the file does not hold the planes that its header tells of."""
    if series.kind == "ome":
        _check_chain(tiff, path)
        _check_parts(tiff, series, path)
        return
    found = said = _plane_count(series)
    if tiff.is_imagej:
        said = int((tiff.imagej_metadata or {}).get("images", 1))
    elif tiff.is_shaped:
        notes = tiff.shaped_metadata or ()
        at = tiff.series.index(series)
        said = math.prod(notes[at]["shape"]) * found // series.size if at < len(notes) else found
    if found < said:
        raise FileError(f"{path} holds {found} of {said} planes; it was cut short, copy it again.")
    if series.kind in _CHAINED:
        _check_chain(tiff, path)


def _check_chain(tiff: TiffFile, path: Path) -> None:
    """Raise a FileError if the last page that is there names one behind the end of the file."""
    words, file = tiff.tiff, tiff.filehandle
    at = tiff.pages[-1].offset
    file.seek(at)
    (tags,) = struct.unpack(words.tagnoformat, file.read(words.tagnosize))
    file.seek(at + words.tagnosize + tags * words.tagsize)
    (following,) = struct.unpack(words.offsetformat, file.read(words.offsetsize))
    if following >= file.size:
        raise FileError(f"{path} refers to a page beyond its end; it was cut short, copy it again.")


def _check_parts(tiff: TiffFile, series: TiffPageSeries, path: Path) -> None:
    """Raise a FileError if files that hold parts of the image are missing; warn if planes are, as of a stopped scan."""
    absent, root = sum(page is None for page in series), ome_root(tiff)
    pixels = ome_pixels(root, tiff, series) if absent and root is not None else None
    if root is None or pixels is None:
        return
    # This file itself may have got another name.
    others = {
        part.get("FileName", "") for part in pixels.iterfind("{*}TiffData/{*}UUID") if part.text != root.get("UUID")
    }
    missing = sorted(name for name in others if not (path.parent / name).is_file())
    if missing:
        raise FileError(
            f"{path} is a part of an image, and {missing[0]} is not beside it ({len(missing)} of {len(others)} other"
            " parts are missing); copy the parts there."
        )
    warnings.warn(f"{path.name} lacks {absent} of {len(series)} planes; they are black.", stacklevel=2)


def known_axes(axes: str) -> str:
    """Name the axes that a plain TIFF leaves unnamed (Q, or I for pages): Z as ImageJ does, then T, then others."""
    unnamed = [at for at, letter in enumerate(axes) if letter in "QI" or letter in axes[:at]]
    free = (letter for letter in "ZTPRVHAEFGJKLMN" if letter not in axes)
    letters = list(axes)
    for at in reversed(unnamed):
        letters[at] = next(free)
    return "".join(letters)


def _name_channels(axes: str, page: TiffPage) -> str:
    """Call samples channels where the file says that they are neither colours nor transparency."""
    colours = page.photometric not in _NO_COLOURS or _ALPHA.intersection(page.extrasamples)
    return axes if colours or "C" in axes else axes.replace("S", "C")


def _mapped(tiff: TiffFile, series: TiffPageSeries, path: Path) -> np.memmap | None:
    """Map what is stored plainly into memory; None for others, and on drives that cannot do that, as some networks'."""
    if series.dataoffset is None or series.is_multifile:
        return None
    dtype = np.dtype(tiff.byteorder + series.dtype.char)
    with contextlib.suppress(OSError):
        return np.memmap(path, dtype, "r", series.dataoffset, series.shape)
    return None


def _open_lazily(tiff: TiffFile, series: TiffPageSeries) -> Any:
    import zarr

    page = series.keyframe
    by_tile = page.nbytes > _WHOLE_PAGE or page.is_tiled
    store = series.aszarr(level=0, chunkmode=None if by_tile else "page")
    array = zarr.open_array(store, mode="r")
    # The file is open as long as somebody holds the array, and not a moment longer.
    weakref.finalize(store, tiff.close)
    return array
