"""What the window knows about its layers, as frozen values: safe in threads, since they hold no layer."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from napari_upaint.core.labels import painted_pixels
from napari_upaint.core.normalize import Normalization
from napari_upaint.core.regions import Region, fill_background, learnt, region_mask
from napari_upaint.errors import AnnotationError, ImageError
from napari_upaint.io.image import unreadable
from napari_upaint.io.tiff_scale import micrometers
from napari_upaint.session.batch import Source
from napari_upaint.session.gray_values import measure_gray_values, thinned
from napari_upaint.widgets._memory import fit_at_once


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where a layer lies in the world; one entry per axis of the data, without the axis of RGB."""

    scale: tuple[float, ...]
    translate: tuple[float, ...]
    rotate: np.ndarray
    shear: np.ndarray
    affine: np.ndarray
    units: tuple[str, ...]
    axis_labels: tuple[str, ...]

    def options(self) -> dict[str, Any]:
        """Return the keyword arguments that make a layer of napari in this place."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def with_channel(self) -> Placement:
        """Return the place of data with a channel axis in front."""
        return Placement(
            (1.0, *self.scale),
            (0.0, *self.translate),
            _framed(self.rotate),
            _framed(self.shear),
            _framed(self.affine),
            ("pixel", *self.units),
            ("channel", *self.axis_labels),
        )


def _framed(matrix: np.ndarray) -> np.ndarray:
    larger = np.eye(len(matrix) + 1)
    larger[1:, 1:] = matrix
    return larger


def _factor(unit: str, other: str) -> float:
    """Return how many of another unit of length a unit is, 0 if one of them is not a length."""
    if unit == other:
        return 0.0 if unit in ("pixel", "dimensionless") else 1.0
    mine, theirs = micrometers(unit), micrometers(other)
    return mine / theirs if mine and theirs else 0.0


class Form(NamedTuple):
    """Shape of an image or labels, without the axis of RGB, and whether it is in colour."""

    shape: tuple[int, ...]
    rgb: bool


def form_of(data: Any, rgb: bool) -> Form:
    """Return the form of an array; no pixel is read."""
    shape = tuple(int(n) for n in data.shape)
    return Form(shape[:-1] if rgb else shape, rgb)


@dataclass(frozen=True, slots=True, eq=False)
class ImageSource:
    """An image layer. `data` may be lazy (dask, zarr); axes (..., Y, X), with RGB (..., Y, X, S).

    `file` is where it was opened from, "" if napari does not know: a name may be changed.
    """

    key: Hashable
    name: str
    data: Any
    rgb: bool
    placement: Placement
    file: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape without the axis of RGB."""
        return form_of(self.data, self.rgb).shape

    @property
    def unit(self) -> str:
        """Unit of the size of pixels."""
        return self.placement.units[-1]

    @property
    def spacing(self) -> tuple[float, float] | None:
        """Physical size of a pixel (Y, X) in `unit`; None if the image has none."""
        return self.edges(2)  # type: ignore[return-value]

    def edges(self, ndim: int) -> tuple[float, ...] | None:
        """Return the physical size of a pixel or voxel ([Z,] Y, X) in `unit`, None if an axis is not a known length."""
        units = self.placement.units[-ndim:]
        factors = [_factor(unit, self.unit) for unit in units]
        # The scale of a mirrored layer is negative.
        edges = [abs(scale) * factor for scale, factor in zip(self.placement.scale[-ndim:], factors, strict=True)]
        return tuple(edges) if all(factors) else None

    def indices(self) -> Iterator[tuple[int, ...]]:
        """Iterate over the planes: indices of the leading axes."""
        return product(*(range(n) for n in self.shape[:-2]))

    def plane(self, index: tuple[int, ...], region: tuple[slice, ...] = (slice(None), slice(None))) -> np.ndarray:
        """Read a plane, a region of it, or a box of a volume, axes (C, [Z,] Y, X).

        Not for the GUI thread: the file may be far away.

        Raises
        ------
        ImageError
            If it has complex numbers, cannot be read, is gone, or does not fit into memory with what is made from it.
        """
        within = self.shape[len(index) :]
        fit_at_once(self.name, tuple(len(range(*side.indices(n))) for side, n in zip(region, within, strict=True)))
        read = _read(self.name, self.data, index, region)
        if _is_gone(self.file):
            raise ImageError(f"{self.name} cannot be read (there is no {self.file} any more); check where it lies.")
        if np.iscomplexobj(read):
            raise ImageError(f"{self.name} has complex numbers ({read.dtype}); use its magnitude or phase.")
        read = read.astype(np.uint8) if read.dtype == bool else read
        # A fourth channel is transparency; there is nothing to be learnt from it.
        return np.moveaxis(read, -1, 0)[:3] if self.rgb else read[None]


def _read(name: str, data: Any, index: tuple[int, ...], region: tuple[slice, ...] = ()) -> np.ndarray:
    """Read a part of a layer with this name, lazy or not; `ImageError` if that fails."""
    try:
        return np.asarray(data[(*index, *region)])
    except Exception as error:  # of a lazy layer; each library raises its own for damaged files
        if isinstance(data, np.ndarray) or isinstance(error, MemoryError):
            raise
        what = f"Plane {', '.join(map(str, index))} of {name}" if index else name
        raise unreadable(what, error) from error


def _is_gone(file: str) -> bool:
    """Return whether a Zarr folder is gone: what is missing in it would be read as zeros."""
    path = Path(file)
    addressed = "://" in file  # on a server, which reports that itself
    return any(part.endswith(".zarr") for part in path.parts) and not addressed and not path.exists()


@dataclass(frozen=True, slots=True, eq=False)
class AnnotationSource:
    """A labels layer that the user paints on, axes (..., Y, X)."""

    key: Hashable
    name: str
    data: Any
    regions: tuple[Region, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the data."""
        return tuple(int(n) for n in self.data.shape)

    @property
    def highest(self) -> int:
        """The highest label that the data can hold."""
        return int(np.iinfo(self.data.dtype).max)

    def painted(self, index: tuple[int, ...] = ()) -> np.ndarray:
        """Read what is painted on a plane (Y, X), or several; `ImageError` if it cannot be read."""
        return _read(self.name, self.data, index)

    def part(self, index: tuple[int, ...] = ()) -> np.ndarray:
        """Read what is known about a plane (Y, X), or several: what is painted, background where all is annotated."""
        read = self.painted(index)
        return fill_background(read, region_mask(self.regions, "annotated", read.shape, index=index))

    def validation(self, index: tuple[int, ...] = ()) -> np.ndarray | None:
        """Return where paint is for validation only, bool, shape of `part`; None if nowhere."""
        return region_mask(self.regions, "validation", self.shape[len(index) :], index=index)

    def learnt(self, index: tuple[int, ...] = ()) -> np.ndarray:
        """Read what is learnt from, shape of `part`."""
        return learnt(self.part(index), self.validation(index))


def same_shape(image: ImageSource, annotation: AnnotationSource) -> None:
    """Raise an AnnotationError unless the labels lie on the image pixel by pixel."""
    if image.shape != annotation.shape:
        raise AnnotationError(
            f"The labels {annotation.name} are {_size(annotation.shape)} but the image {image.name} is"
            f" {_size(image.shape)}; press 'New labels' to make some that fit."
        )


def _size(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) + " pixels"


def batch_source(image: ImageSource, index: tuple[int, ...] | None, normalization: Normalization | None) -> Source:
    """Return a layer, or one plane of it, as a source for the session's batch."""
    if index is not None:
        return Source(image.name, (), lambda _: image.plane(index), normalization)
    return Source(image.name, image.shape[:-2], image.plane, normalization)


def measure_image(image: ImageSource) -> Normalization:
    """Measure the gray values of a whole layer on a few planes spread over it."""
    # Most rows and columns are not even read: a whole slide would fill the window's memory.
    some = thinned(math.prod(image.shape[-2:]))
    return measure_gray_values(image.name, image.shape[:-2], lambda at: image.plane(at, (some, some)))


def count_painted(annotation: AnnotationSource) -> dict[int, int]:
    """Count the painted pixels of each label, plane by plane: a stack need not fit into memory."""
    return painted_pixels(annotation.part(index) for index in product(*(range(n) for n in annotation.shape[:-2])))
