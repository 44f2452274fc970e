"""The image: pixels along any number of axes, in memory or on disk, cut into planes for a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from napari_upaint.errors import FileError, ImageError, reason

# Samples per pixel -> how many of them are not transparency, which cannot be learnt from.
_WITHOUT_ALPHA = {2: 1, 4: 3}


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """An image of any number of axes.

    Attributes
    ----------
    data : array
        A NumPy array, or a lazy one (memory map, Zarr) that can be sliced in the same way.
    axes : str
        A letter per axis: T time, Z, C channel, Y, X, S samples of a colour; any other letter is a series.
    spacing : mapping of str to float
        Step along an axis, by letter: in `unit` for Z, Y and X, in seconds for T. Unknown steps are left out.
    unit : str
        "micrometer", or "pixel" if the file names no unit or an unknown one.
    channel_names : tuple of str
        One per channel, or empty.
    name : str
        The user's name of the image: that of the file without its ending.
    path : Path or None
        File from which it was read.
    only : int or None
        The only channel in planes, counted from 0; None: all channels.

    Raises
    ------
    FileError
        If the axes do not fit the data, or Y or X is not among them.
    """

    data: Any
    axes: str
    spacing: Mapping[str, float] = field(default_factory=dict)
    unit: str = "pixel"
    channel_names: tuple[str, ...] = ()
    name: str = "image"
    path: Path | None = None
    only: int | None = None

    def __post_init__(self) -> None:
        if (
            len(self.axes) != self.data.ndim
            or len(set(self.axes)) != len(self.axes)
            or not {"Y", "X"} <= set(self.axes)
        ):
            raise FileError(
                f"{self.name} has axes {self.axes!r} for shape {self.data.shape}; it needs Y and X, each once."
            )

    @property
    def leading_axes(self) -> str:
        """Letters of all axes except channels, colour samples, Y and X."""
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

    def indices(self) -> Iterator[tuple[int, ...]]:
        """Iterate over the planes: indices of the leading axes."""
        return product(*(range(n) for n in self.leading_shape))

    @property
    def channel_count(self) -> int:
        """Number of channels of a plane, without transparency."""
        if self.only is not None:
            return 1
        samples = self.length("S")
        return self.length("C") * _WITHOUT_ALPHA.get(samples, samples)

    @property
    def plane_spacing(self) -> tuple[float, float] | None:
        """Physical size of a pixel along Y and X, or None if unknown."""
        return (self.spacing["Y"], self.spacing["X"]) if {"Y", "X"} <= set(self.spacing) else None

    def length(self, letter: str) -> int:
        """Return the length of an axis, 1 if the image does not have it."""
        return int(self.data.shape[self.axes.index(letter)]) if letter in self.axes else 1

    def with_channel(self, channel: str) -> Image:
        """Return the image with one of its channels, by name or by number from 1 up; "": with all channels.

        Raises
        ------
        FileError
            If the image has no such channel.
        """
        if not channel:
            return self
        names = [name.casefold() for name in self.channel_names]
        if names.count(channel.casefold()) == 1:
            only = names.index(channel.casefold())
        elif channel.isdecimal() and 1 <= int(channel) <= self.channel_count:
            only = int(channel) - 1
        else:
            named = f" ({', '.join(self.channel_names)})" if names else ""
            raise FileError(f"{self.name} has no channel {channel}; choose one of 1 to {self.channel_count}{named}.")
        return replace(self, only=only)

    def plane(self, index: tuple[int, ...] = ()) -> np.ndarray:
        """Read and return one plane, axes (C, Y, X), without transparency.

        Parameters
        ----------
        index : tuple of int
            Position along each of the leading axes.

        Raises
        ------
        ValueError
            If there are more or fewer positions than leading axes.
        ImageError
            If the plane cannot be read: its file was damaged, cut short or taken away.
        """
        if len(index) != len(self.leading_axes):
            raise ValueError(f"an index of {len(self.leading_axes)} numbers is needed, not {index}")
        at = dict(zip(self.leading_axes, index, strict=True))
        places = ", ".join(f"{letter}={n}" for letter, n in at.items())
        with reading(f"Plane {places} of {self.name} (the first is 0)" if places else self.name):
            array = np.asarray(self.data[tuple(at.get(letter, slice(None)) for letter in self.axes)])
        left = [letter for letter in self.axes if letter not in at]
        array = array.transpose([left.index(letter) for letter in "CSYX" if letter in left])
        if "S" in left:
            samples = self.length("S")
            array = array[..., : _WITHOUT_ALPHA.get(samples, samples), :, :]
        array = array.reshape(-1, *array.shape[-2:])
        if self.only is not None:
            array = array[self.only : self.only + 1]
        return array.astype(np.uint8) if array.dtype.kind == "b" else array


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Raise one ImageError for whatever a library raises if pixels, perhaps lazy ones, cannot be read."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:  # each library raises its own for damaged files
        raise unreadable(what, error) from error


def unreadable(what: str, error: Exception) -> ImageError:
    """Return the error to raise if pixels cannot be read, from the one that a library has raised."""
    return ImageError(f"{what} cannot be read ({reason(error)}); check where its file lies, or copy it again.")


def planes(image: Image) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Iterate over (index along the leading axes, plane with axes (C, Y, X)); planes are read one by one."""
    for index in image.indices():
        yield index, image.plane(index)
