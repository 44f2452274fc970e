"""Read TIFF: the image in a file, its pixels (in memory or lazily) and its axes; truncated files are refused."""

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
from napari_upaint.io.mapped import Mapped
from napari_upaint.io.tiff_scale import Scale, ome_pixels, ome_root, read_scale

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage, TiffPageSeries

# Larger pages (bytes) are read by the tiles or strips in which they are stored.
_WHOLE_PAGE = 64 * 2**20
# Photometric interpretations whose samples are not colours on a screen: gray values (0, 1) and inks (5).
_NO_COLOURS = (0, 1, 5)
# No file holds as many; for a header that says so, tifffile would fill the memory with the list of them.
_MOST_PLANES = 10**7
# Kinds of series that are known only from the chain of pages.
_CHAINED = ("generic", "uniform")
# Extra samples that are transparency: with colours multiplied by it (1) or not (2).
_ALPHA = {1, 2}


def read_tiff(path: Path, lazy_from: int, *, labels: bool = False) -> tuple[Any, str, Scale]:
    """Read the largest image of a TIFF: array (NumPy, memory map or Zarr), letters of its axes, scale.

    Warns if the file holds other images, too.

    Parameters
    ----------
    lazy_from : int
        Images of so many bytes and more are opened lazily: as a memory map if stored plainly, else as a Zarr array that
        decodes only the requested part. From a pyramid, the full resolution is taken.
    labels : bool
        Whether the file holds labels: tifffile, and by it napari and scikit-image, write 3 or 4 planes as red, green,
        blue and transparency.

    Raises
    ------
    FileError
        If planes are missing that the file claims to have.
    """
    import tifffile

    tiff = tifffile.TiffFile(path)
    try:
        _check_number(tiff, path)
        if _written_in_a_loop(tiff):
            tiff.close()
            tiff = tifffile.TiffFile(path, is_shaped=False)
        chosen = _choose(tiff, path)
        _check_complete(tiff, chosen, path)
        series = chosen.levels[0]
        stored = series.axes.replace("SYX", "QYX") if labels else series.axes
        axes = _name_channels(known_axes(stored), series.keyframe)
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


def _check_number(tiff: TiffFile, path: Path) -> None:
    """Raise a FileError if the header of an OME-TIFF lists more planes than there can be."""
    root = ome_root(tiff) if tiff.is_ome else None
    for pixels in () if root is None else root.iterfind("{*}Image/{*}Pixels"):
        sizes = (pixels.get(f"Size{letter}", "") for letter in "ZCT")
        said = math.prod(int(size) for size in sizes if size.isdecimal())
        if said > _MOST_PLANES:
            raise FileError(f"{path} claims to hold {said} planes; it is damaged, copy it again.")


def _written_in_a_loop(tiff: TiffFile) -> bool:
    """Return whether tifffile wrote each plane as a separate image, one at a time: together they are a stack."""
    kinds = {(series.shape, series.dtype) for series in tiff.series} if tiff.is_shaped else set()
    return len(kinds) == 1 and len(tiff.series) > 1 and _plane_count(tiff.series[0]) == 1


def _choose(tiff: TiffFile, path: Path) -> TiffPageSeries:
    """Return the largest image stored in this file (the first, if several are equal); warn if there are others."""
    # The header of an OME-TIFF also lists images of the files beside it.
    own = [series for series in tiff.series if series.keyframe.parent is tiff] or list(tiff.series)
    # Thumbnails and lower levels of pyramids are not worth a warning.
    own = [series for series in own if not series.keyframe.is_reduced] or own
    if not own:  # many programs write the list of its images at the end of a file
        raise ValueError("the list of its images is missing, as if it was cut short")
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
    """Raise a FileError if the file does not hold the planes that its header lists."""
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
    """Raise a FileError if the last page refers to another one beyond the end of the file."""
    words, file = tiff.tiff, tiff.filehandle
    at = tiff.pages[-1].offset
    file.seek(at)
    (tags,) = struct.unpack(words.tagnoformat, file.read(words.tagnosize))
    file.seek(at + words.tagnosize + tags * words.tagsize)
    (following,) = struct.unpack(words.offsetformat, file.read(words.offsetsize))
    if following >= file.size:
        raise FileError(f"{path} refers to a page beyond its end; it was cut short, copy it again.")


def _check_parts(tiff: TiffFile, series: TiffPageSeries, path: Path) -> None:
    """Raise a FileError if files with parts of the image are missing; warn if planes are, as after a stopped scan."""
    absent, root = sum(page is None for page in series), ome_root(tiff)
    pixels = ome_pixels(root, tiff, series) if absent and root is not None else None
    if root is None or pixels is None:
        return
    # This file itself may have been renamed.
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
    """Name the axes that a plain TIFF leaves unnamed (Q, or I for pages): Z first, as ImageJ does, T, then others."""
    unnamed = [at for at, letter in enumerate(axes) if letter in "QI" or letter in axes[:at]]
    free = (letter for letter in "ZTPRVHAEFGJKLMN" if letter not in axes)
    letters = list(axes)
    for at in reversed(unnamed):
        letters[at] = next(free)
    return "".join(letters)


def _name_channels(axes: str, page: TiffPage) -> str:
    """Call samples channels if the file says that they are neither colours nor transparency."""
    colours = page.photometric not in _NO_COLOURS or _ALPHA.intersection(page.extrasamples)
    return axes if colours or "C" in axes else axes.replace("S", "C")


def _mapped(tiff: TiffFile, series: TiffPageSeries, path: Path) -> Mapped | None:
    """Map a plainly stored image into memory; return None for others, and if the drive (a network's) cannot do that."""
    if series.dataoffset is None or series.is_multifile:
        return None
    dtype = np.dtype(tiff.byteorder + series.dtype.char)
    with contextlib.suppress(OSError):
        return Mapped(np.memmap(path, dtype, "r", series.dataoffset, series.shape))
    return None


def _open_lazily(tiff: TiffFile, series: TiffPageSeries) -> Any:
    import zarr

    page = series.keyframe
    by_tile = page.nbytes > _WHOLE_PAGE or page.is_tiled
    store = series.aszarr(level=0, chunkmode=None if by_tile else "page")
    array = zarr.open_array(store, mode="r")
    # The file stays open exactly as long as the array is in use.
    weakref.finalize(store, tiff.close)
    return array
