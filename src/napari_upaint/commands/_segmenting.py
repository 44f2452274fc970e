"""Segment whole images from a shell: plane by plane or volume by volume, with a progress bar."""

from __future__ import annotations

import contextlib
import math
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from napari_upaint.commands._how import How
from napari_upaint.commands._planes import measure_image
from napari_upaint.commands._running import Interrupt, Stopped, bar, drive
from napari_upaint.commands._volumes import Index, Stacks
from napari_upaint.core.fingerprint import fingerprint
from napari_upaint.engine.progress import PlaneResult, PredictProgress, Sight
from napari_upaint.errors import FileError, ImageError, with_name
from napari_upaint.io.images import Image
from napari_upaint.io.models import ModelFile, ModelHeader, load_model

# Results of this many bytes or more are kept in a file: if memory ran out after hours, all would be lost.
_IN_FILE_FROM = 2**30


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """A segmented image.

    Attributes
    ----------
    labels : numpy.ndarray
        int32, axes (leading axes of the image ..., Y, X).
    scores : numpy.ndarray or None
        float16, axes (leading axes ..., C, Y, X), channels as `names`; None if not wanted.
    names : tuple of str
        Names of the channels of `scores`.
    failed : tuple of ImageError
        What is wrong with planes (volumes) that could not be segmented, one each.
    left : int
        Planes (volumes) at the end that a stop left out.
    kept : int
        Planes (volumes) that were taken over from an earlier run.
    made : str
        How many planes (volumes) were dealt with, and what they were made from; "" if that is not noted.
    scale : float
        Scale at which the model was found to see the image; 0 if it has learnt that from paint, or all was kept.
    """

    labels: np.ndarray
    scores: np.ndarray | None
    names: tuple[str, ...]
    failed: tuple[ImageError, ...] = ()
    left: int = 0
    kept: int = 0
    made: str = ""
    scale: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
    """What an earlier run has left of an image: labels, and what the first `count` planes (volumes) were made from."""

    labels: Image
    count: int
    made: str


Segment = Callable[[Image, str], Segmentation]  # an image and what to call it


def load_checked(name_or_path: str) -> ModelFile:
    """Load a model whose network can be built: what is wrong with it is reported once, not for every image.

    Raises
    ------
    ModelError
        If there is no such model, or it is damaged.
    """
    model = load_model(name_or_path)
    from napari_upaint.engine.checkpoint import to_network  # brings torch, which takes a while

    to_network(model)
    return model


def segment_image(image: Image, name: str, how: How, interrupt: Interrupt, begun: Iterable[Begun] = ()) -> Segmentation:
    """Segment all planes or volumes of an image, with a progress bar on standard error.

    Continues from the first one in `begun` that was made from the same pixels, by the same model and settings. Planes
    without any labels are segmented again: they may have failed.

    Raises
    ------
    Stopped
        On Ctrl-C, unless there is something to keep and `partly` says so.
    """
    image = image.with_channel(how.channel)
    _tell_of_channels(image, name, how.model.header)
    work = _Work(image, name, how, interrupt)
    for earlier in begun:
        if work.take_over(earlier):
            break
    return work.finish()


class _Work:
    """An image that is being segmented: its planes (volumes), and what there is of its results."""

    def __init__(self, image: Image, name: str, how: How, interrupt: Interrupt) -> None:
        self._image, self._name, self._how, self._interrupt = image, name, how, interrupt
        self._indices, self._read, self._spacing = _planes(image, name, how)
        self._normalization = measure_image(image, name)
        self._labels, self._scores = _empty_results(image, how)
        self._fingerprints: list[str] = []  # of the first planes (volumes)
        self._failed: list[ImageError] = []

    @cached_property
    def _sight(self) -> Sight | None:
        """How the model sees the image, see `How.sight`."""
        indices, read = _looked_at(self._image, self._how, self._indices, self._read)
        return self._how.sight(indices, read, self._normalization, self._spacing, self._interrupt)

    def _start(self, count: int) -> str:
        """Return a fingerprint of what the first `count` planes (volumes) are made from, apart from themselves."""
        # How the image is seen follows from all of its planes: with their fingerprints, it need not be found again.
        sight = self._sight if count < len(self._indices) else None
        return fingerprint(self._how.made, self._normalization, self._spacing, sight)

    def take_over(self, begun: Begun) -> bool:
        """Take over labels that an earlier run has left, unless they were made from something else; return whether."""
        start, found = self._start(begun.count), list[str]()
        for index in self._indices[: begun.count]:
            if self._interrupt.asked:  # the earlier run's file stays as it is
                raise Stopped
            found.append(_fingerprint(self._read, index))
        if not found or fingerprint(start, *found) != begun.made:
            return False
        for at in product(*(range(n) for n in self._labels.shape[:-2])):
            self._labels[at] = begun.labels.plane(at)[0]
        self._fingerprints = found
        return True

    def finish(self) -> Segmentation:
        """Segment the planes (volumes) that were not taken over, or have no labels."""
        how, total, taken = self._how, len(self._indices), len(self._fingerprints)
        self._fingerprints += [""] * (total - taken)
        todo = [(at, index) for at, index in enumerate(self._indices) if at >= taken or not self._labels[index].any()]
        sight, dealt = self._sight if todo else None, total
        with bar(total, self._name) as progress:
            begin = how.segmenting(self._normalization, self._spacing, sight)

            def show(at: int, state: PredictProgress) -> None:
                progress.update(max(0.0, at + state.done / max(1, state.total) - progress.n))

            for at, index in todo:
                try:
                    pixels = self._read(index)
                    self._fingerprints[at] = fingerprint(pixels) if how.made else ""
                    self._put(index, drive(begin(pixels), PlaneResult, partial(show, at), self._interrupt))
                except Stopped:
                    dealt = max(at, taken)
                    if not how.partly or dealt == len(self._failed):
                        raise
                    break
                except ImageError as error:
                    self._failed.append(_about(self._image, index, self._name, error))
                    if not how.partly or len(self._failed) == total:
                        raise self._failed[0] from error
        made = f"{dealt} {fingerprint(self._start(dealt), *self._fingerprints[:dealt])}" if how.made else ""
        left, kept, scale = total - dealt, total - len(todo), sight.scale if sight else 0.0
        names, failed = how.model.header.output_names, tuple(self._failed)
        return Segmentation(self._labels, self._scores, names, failed, left, kept, made, scale)

    def _put(self, index: Index, result: PlaneResult) -> None:
        """Put a plane (volume) into the results; none is kept: its scores take several times as much as its labels."""
        self._labels[index] = result.labels
        if self._scores is not None:
            self._scores[index] = np.moveaxis(result.scores, 0, -3)  # channels go right before Y and X


def _planes(
    image: Image, name: str, how: How
) -> tuple[list[Index], Callable[[Index], np.ndarray], tuple[float, ...] | None]:
    """Return the indices of an image's planes or volumes, a function that reads one, and the size of a voxel."""
    if not how.takes_volumes(image):
        if how.predict.volumes and image.plane_count > 1:  # many stacks are movies by mistake
            print(
                f"{name} has no slices along Z (axes {image.axes}), so --volumes has no effect. If its frames are"
                " slices, say so in Fiji (Image > Properties) and save it.",
                file=sys.stderr,
            )
        return list(image.indices()), image.plane, None
    stacks = Stacks(image, name)
    return list(stacks.indices()), stacks.volume, stacks.spacing


def _looked_at(
    image: Image, how: How, indices: list[Index], read: Callable[[Index], np.ndarray]
) -> tuple[list[Index], Callable[[Index], np.ndarray]]:
    """Return what tells how the model sees an image: for a 2D model planes, even if it segments volumes.

    They are those of all time points, as in the window.
    """
    return (indices, read) if how.model.header.architecture.ndim == 3 else (list(image.indices()), image.plane)


def _fingerprint(read: Callable[[Index], np.ndarray], index: Index) -> str:
    """Return the fingerprint of a plane (volume), "" if it cannot be read."""
    try:
        return fingerprint(read(index))
    except ImageError:
        return ""


def _about(image: Image, index: Index, name: str, error: ImageError) -> ImageError:
    """Return the error with the name of the image, and which of its planes (volumes) it is about."""
    at = [f"{letter}={n}" for letter, n in zip(image.leading_axes, index, strict=True) if isinstance(n, int)]
    what = "Plane" if len(at) == len(index) else "Volume"
    which = f"{what} {', '.join(at)} of {name} (the first is 0)" if at else name
    return ImageError(with_name(str(error), which))


def _tell_of_channels(image: Image, name: str, model: ModelHeader) -> None:
    """Say that channels are mixed that the training has not seen mixed: in the window, each is an image."""
    learnt, here = model.architecture.in_channels, image.channel_count
    if "gray" in model.training and image.length("C") > 1 and here > 1 and here != learnt:
        names = f" ({', '.join(image.channel_names)})" if image.channel_names else ""
        many = "one channel" if learnt == 1 else f"{learnt} channels"
        print(
            f"{name} has {here} channels{names}, but {model.name} has learnt from {many}: it sees a mixture of them all"
            " and may find little. Name the one to look at with --channel, by name or number.",
            file=sys.stderr,
        )


def _empty_results(image: Image, how: How) -> tuple[np.ndarray, np.ndarray | None]:
    """Return zeros for labels and scores, see `Segmentation`; `FileError` if the disk has no room for both."""
    leading, plane, outputs = image.leading_shape, image.plane_shape, len(how.model.header.output_names)
    wanted: list[tuple[tuple[int, ...], Any]] = [((*leading, *plane), np.int32)]
    wanted += [((*leading, outputs, *plane), np.float16)] if how.scores else []
    sizes = [math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype in wanted]
    if how.folder is not None:
        # Asked for both at once: such a file takes its room bit by bit, and one that finds none ends the program.
        needed, free = sum(size for size in sizes if size >= _IN_FILE_FROM), shutil.disk_usage(how.folder).free
        if needed > free:
            raise FileError(
                f"The results need {needed / 2**30:.0f} GB in {how.folder} while they are made, and"
                f" {free / 2**30:.0f} GB are free; choose a folder on a larger disk."
            )
    folders = [how.folder if size >= _IN_FILE_FROM else None for size in sizes]
    labels, *scores = [_zeros(folder, *one) for folder, one in zip(folders, wanted, strict=True)]
    return labels, scores[0] if scores else None


def _zeros(folder: Path | None, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return an array of zeros: with a folder in a file there, which has no name and vanishes with the array."""
    if folder is not None:
        with tempfile.TemporaryFile(dir=folder) as file, contextlib.suppress(OSError):
            return np.memmap(file, dtype, "w+", shape=shape)
    return np.zeros(shape, dtype)  # also on a drive whose files cannot be mapped, such as some network drives
