"""Segmenting whole images from a shell: plane by plane or volume by volume, with a progress bar."""

from __future__ import annotations

import contextlib
import math
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from napari_upaint.commands._planes import measure_image
from napari_upaint.commands._running import Interrupt, Stopped, bar, drive
from napari_upaint.commands._volumes import Index, Stacks
from napari_upaint.engine.progress import PlaneResult, PredictProgress
from napari_upaint.errors import FileError, ImageError, with_name
from napari_upaint.io.images import Image
from napari_upaint.io.models import ModelFile, ModelHeader, load_model
from napari_upaint.settings import ObjectSettings, PredictSettings

# Results of so many bytes and more are kept in a file: memory that fills after hours would cost all of them.
_IN_FILE_FROM = 2**30


@dataclass(frozen=True, slots=True)
class How:
    """How to segment: everything but the image.

    In `folder` results are kept until they are written, where they are too large for memory; None: always in memory.
    `channel`, by name or by number from 1 on, is the only one that is looked at; "": all. With `partly` planes that
    cannot be segmented, or that a stop leaves out, stay empty, as long as there are others; else the image is given up.
    """

    model: ModelFile
    predict: PredictSettings
    objects: ObjectSettings
    device: str = "auto"
    scores: bool = True
    folder: Path | None = None
    channel: str = ""
    partly: bool = False

    def takes_volumes(self, image: Image) -> bool:
        """Return whether the stacks of an image are segmented as volumes, not plane by plane."""
        return self.model.header.architecture.ndim == 3 or (self.predict.volumes and image.length("Z") > 1)


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
    """

    labels: np.ndarray
    scores: np.ndarray | None
    names: tuple[str, ...]
    failed: tuple[ImageError, ...] = ()
    left: int = 0


Segment = Callable[[Image, str], Segmentation]  # an image and what to call it


def load_checked(name_or_path: str) -> ModelFile:
    """Load a model whose network can be built: what is wrong with it is said once, not once for every image.

    Raises
    ------
    ModelError
        If there is no such model, or it is damaged.
    """
    from napari_upaint.engine.checkpoint import to_network

    model = load_model(name_or_path)
    to_network(model)
    return model


def segment_image(image: Image, name: str, how: How, interrupt: Interrupt) -> Segmentation:
    """Segment all planes or volumes of an image, with a progress bar on standard error.

    Raises
    ------
    Stopped
        On Ctrl-C, unless there is something to keep and `partly` says so.
    """
    image = image.with_channel(how.channel)
    _tell_of_channels(image, name, how.model.header)
    stacks = Stacks(image, name) if how.takes_volumes(image) else None
    spacing = stacks.spacing if stacks else None
    normalization = measure_image(image, name)
    indices = list(stacks.indices() if stacks else product(*(range(n) for n in image.leading_shape)))
    labels = _zeros(how.folder, (*image.leading_shape, *image.plane_shape), np.int32)
    scores: np.ndarray | None = None
    names: tuple[str, ...] = ()
    failed: list[ImageError] = []
    left = 0
    with bar(len(indices), name) as progress:
        from napari_upaint.engine.predict import segment_plane  # takes a while: it brings torch

        def show(done: int, state: PredictProgress) -> None:
            progress.update(max(0.0, done + state.done / max(1, state.total) - progress.n))

        for done, index in enumerate(indices):
            pixels = stacks.volume(index) if stacks else image.plane(index)
            running = segment_plane(
                pixels,
                normalization,
                how.model,
                settings=how.predict,
                objects=how.objects,
                device=how.device,
                spacing=spacing,
            )
            # No result is kept: its scores need as much memory as the labels several times over.
            try:
                result = drive(running, PlaneResult, partial(show, done), interrupt)
            except Stopped:
                if not how.partly or done == len(failed):
                    raise
                left = len(indices) - done
                break
            except ImageError as error:
                failed.append(_about(image, index, name, error))
                if not how.partly or len(failed) == len(indices):
                    raise failed[0] from error
                continue
            labels[index], names = result.labels, result.names
            if how.scores:
                if scores is None:
                    scores = _zeros(how.folder, (*image.leading_shape, len(names), *image.plane_shape), np.float16)
                scores[index] = np.moveaxis(result.scores, 0, -3)  # channels go right before Y and X
    return Segmentation(labels, scores, names, tuple(failed), left)


def _about(image: Image, index: Index, name: str, error: ImageError) -> ImageError:
    """Return the error with the name of the image, and which of its planes (volumes) it is."""
    at = [f"{letter}={n}" for letter, n in zip(image.leading_axes, index, strict=True) if isinstance(n, int)]
    what = "Plane" if len(at) == len(index) else "Volume"
    which = f"{what} {', '.join(at)} of {name} (the first is 0)" if at else name
    return ImageError(with_name(str(error), which))


def _tell_of_channels(image: Image, name: str, model: ModelHeader) -> None:
    """Say that dyes are mixed which somebody's training has not seen mixed: in the window each is an image."""
    learnt, here = model.architecture.in_channels, image.channel_count
    if "gray" in model.training and image.length("C") > 1 and here > 1 and here != learnt:
        names = f" ({', '.join(image.channel_names)})" if image.channel_names else ""
        many = "one channel" if learnt == 1 else f"{learnt} channels"
        print(
            f"{name} has {here} channels{names}, but {model.name} has learnt from {many}: it is shown a mixture of them"
            " all, and may find little. Say with --channel which one it shall look at, by name or number.",
            file=sys.stderr,
        )


def _zeros(folder: Path | None, shape: tuple[int, ...], dtype: type[np.number[Any]]) -> np.ndarray:
    """Return an array of zeros: a large one in a file without a name, which goes with it."""
    needed = math.prod(shape) * np.dtype(dtype).itemsize
    if folder is None or needed < _IN_FILE_FROM:
        return np.zeros(shape, dtype)
    free = shutil.disk_usage(folder).free
    if needed > free:  # what is mapped and finds no room ends the program
        raise FileError(
            f"The results need {needed / 2**30:.0f} GB in {folder} while they are made, and {free / 2**30:.0f} GB are"
            " free; choose a folder on a larger disk."
        )
    with tempfile.TemporaryFile(dir=folder) as file, contextlib.suppress(OSError):
        return np.memmap(file, dtype, "w+", shape=shape)
    return np.zeros(shape, dtype)  # a drive whose files cannot be mapped, as some of a network
