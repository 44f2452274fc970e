"""Images in: any common microscopy file becomes an `Image`, small ones in memory, large ones lazy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from napari_upaint.errors import FileError

TIFF_SUFFIXES = (".tif", ".tiff", ".lsm", ".stk", ".btf", ".tf8")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
SUFFIXES = TIFF_SUFFIXES + PICTURE_SUFFIXES
# Images beyond this many bytes stay on disk until a part of them is needed.
LAZY_FROM = 256 * 2**20
# Samples per pixel beyond these are transparency: nothing to learn from.
_WITHOUT_ALPHA = {2: 1, 4: 3}


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """An image of any number of axes.

    Attributes
    ----------
    data : array
        A NumPy array, or a lazy one (NumPy memory map, dask) that slices like one.
    axes : str
        A letter per axis: T time, Z, C channel, Y, X, S samples of a colour; any other letter is a series.
    spacing : mapping of str to float
        Step along an axis, by letter: in `unit` for Z, Y and X, in seconds for T. Unknown ones are left out.
    unit : str
        "micrometer", or "pixel" where the file says nothing (or nothing known).
    channel_names : tuple of str
        One per channel, or empty.
    name : str
        What the user calls it: the name of the file without its ending.
    path : Path or None
        Where it was read from.
    """

    data: Any
    axes: str
    spacing: Mapping[str, float] = field(default_factory=dict)
    unit: str = "pixel"
    channel_names: tuple[str, ...] = ()
    name: str = "image"
    path: Path | None = None

    def __post_init__(self) -> None:
        if len(self.axes) != self.data.ndim or len(set(self.axes)) != len(self.axes) or not {"Y", "X"} <= set(self.axes):
            raise FileError(f"{self.name} has axes {self.axes!r} for shape {self.data.shape}; it needs Y and X, each once.")

    @property
    def leading_axes(self) -> str:
        """Letters of the axes that are neither channels nor Y and X."""
        return "".join(letter for letter in self.axes if letter not in "CSYX")

    @property
    def leading_shape(self) -> tuple[int, ...]:
        """Length of each leading axis."""
        return tuple(self.length(letter) for letter in self.leading_axes)

    @property
    def plane_shape(self) -> tuple[int, int]:
        """Number of pixels along Y and X."""
        return self.length("Y"), self.length("X")

    @property
    def plane_count(self) -> int:
        """Number of planes."""
        return int(np.prod(self.leading_shape, dtype=int))

    @property
    def channel_count(self) -> int:
        """Number of channels of a plane, transparency not counted."""
        samples = self.length("S")
        return self.length("C") * _WITHOUT_ALPHA.get(samples, samples)

    @property
    def plane_spacing(self) -> tuple[float, float] | None:
        """Physical size of a pixel along Y and X, or None where unknown."""
        return (self.spacing["Y"], self.spacing["X"]) if {"Y", "X"} <= set(self.spacing) else None

    def length(self, letter: str) -> int:
        """Return the length of an axis, 1 for one that the image does not have."""
        return int(self.data.shape[self.axes.index(letter)]) if letter in self.axes else 1

    def plane(self, index: tuple[int, ...] = ()) -> np.ndarray:
        """Return one plane, axes (C, Y, X), read now; transparency is left out.

        Parameters
        ----------
        index : tuple of int
            Position along each of the leading axes.
        """
        if len(index) != len(self.leading_axes):
            raise ValueError(f"an index of {len(self.leading_axes)} numbers is needed, not {index}")
        at = dict(zip(self.leading_axes, index, strict=True))
        array = np.asarray(self.data[tuple(at.get(letter, slice(None)) for letter in self.axes)])
        left = [letter for letter in self.axes if letter not in at]
        array = array.transpose([left.index(letter) for letter in "CSYX" if letter in left])
        if "S" in left:
            samples = self.length("S")
            array = array[..., : _WITHOUT_ALPHA.get(samples, samples), :, :]
        return array.reshape(-1, *array.shape[-2:])


def planes(image: Image) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Iterate over (index, plane): positions along the leading axes, array with axes (C, Y, X), read one by one."""
    for index in product(*(range(n) for n in image.leading_shape)):
        yield index, image.plane(index)


def read_image(path: str | Path, *, lazy_from: int = LAZY_FROM) -> Image:
    """Read an image: TIFF (OME, ImageJ, LSM, plain; compressed or not), PNG, JPEG or BMP.

    Parameters
    ----------
    path : str or Path
        A file.
    lazy_from : int
        Images of so many bytes and more are not loaded but opened lazily.

    Raises
    ------
    FileError
        If there is no such file, it is empty or damaged, or no image.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        raise FileError(f"{path} is a folder, not an image; choose a file in it.")
    if not path.is_file():
        raise FileError(f"There is no file {path}; check its name.")
    try:
        if path.stat().st_size == 0:
            raise FileError(f"{path} is empty (0 bytes); choose another file.")
        image = _read_picture(path) if path.suffix.lower() in PICTURE_SUFFIXES else _read_tiff(path, lazy_from)
    except FileError:
        raise
    # A damaged file makes the decoders raise anything at all: struct.error, IndexError, MemoryError, their own ones.
    except Exception as error:
        reason = getattr(error, "strerror", None) or str(error).split("\n")[0].rstrip(".") or type(error).__name__
        raise FileError(f"{path} cannot be read as an image ({reason}); choose another file.") from error
    if 0 in image.data.shape or image.data.dtype.kind not in "uif":
        raise FileError(f"{path} holds no gray values ({image.data.dtype}, shape {image.data.shape}); choose another file.")
    return image


def _read_picture(path: Path) -> Image:
    from skimage.io import imread

    data = _real(imread(path))
    return Image(data, "YX" if data.ndim == 2 else "YXS", name=plain_name(path), path=path)


def _read_tiff(path: Path, lazy_from: int) -> Image:
    from napari_upaint.io.tiff import read_tiff

    data, axes, metadata = read_tiff(path, lazy_from)
    return Image(_real(data), axes, name=plain_name(path), path=path, **metadata)


def _real(data: Any) -> Any:
    """Return 1-bit images as numbers."""
    return data.astype(np.uint8) if data.dtype.kind == "b" else data


def plain_name(path: Path) -> str:
    """Return the name of a file without its ending, also without the one of `.ome.tif`."""
    return re.sub(r"\.ome$", "", path.stem, flags=re.IGNORECASE)


def list_images(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """Return the image files of files and folders: files as given, those of a folder by name, 2 before 10.

    Raises
    ------
    FileError
        If a path does not exist, or a folder holds no image.
    """
    found: list[Path] = []
    for path in [paths] if isinstance(paths, str | Path) else paths:
        path = Path(path).expanduser()
        if not path.exists():
            raise FileError(f"There is no file or folder {path}; check its name.")
        found += _in_folder(path) if path.is_dir() else [path]
    if not found:
        raise FileError("No image was given; name at least one file or folder.")
    return list(dict.fromkeys(found))


def _in_folder(folder: Path) -> list[Path]:
    try:
        inside = [p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file() and p.name[0] != "."]
    except OSError as error:
        raise FileError(f"The folder {folder} cannot be read ({error.strerror}); choose another one.") from error
    if not inside:
        raise FileError(f"The folder {folder} holds no images ({', '.join(SUFFIXES)}); choose another one.")
    return sorted(inside, key=_natural)


def _natural(path: Path) -> tuple[list[str | int], str]:
    parts = re.split(r"(\d+)", path.name.lower())
    return [int(part) if at % 2 else part for at, part in enumerate(parts)], path.name
