"""Segmentation of planes and volumes: choose how the model sees them, turn scores into labels, keep within memory."""

from __future__ import annotations

import math
from collections.abc import Generator
from functools import partial

import numpy as np
import torch

from napari_upaint.core.finite import check_finite
from napari_upaint.core.normalize import Normalization
from napari_upaint.core.objects import label_scores
from napari_upaint.core.resize import drawn_out, scaled_shape, slices_apart
from napari_upaint.core.telling_windows import windows_of
from napari_upaint.core.usual_object import Usual, in_volumes, of_volumes
from napari_upaint.engine.along_axes import predict_along_axes
from napari_upaint.engine.device import choose
from napari_upaint.engine.memory import available, give_back
from napari_upaint.engine.predict import Averaged, automatic_rotations, cached_network, predict_averaged, predict_mean
from napari_upaint.engine.progress import PlaneResult, PredictProgress, Sight, Stop
from napari_upaint.engine.sight import look
from napari_upaint.errors import ImageError, ModelError
from napari_upaint.io.models import ModelFile, ModelHeader
from napari_upaint.settings import ObjectSettings, PredictSettings

# From so many pixels up, of the image or as the network sees it, the memory of tiles is given back to the system:
# getting it again takes 1 % of the time.
_LARGE = 2**25


def segment_plane(
    image: np.ndarray,
    normalization: Normalization,
    model: ModelFile,
    *,
    settings: PredictSettings = PredictSettings(),  # noqa: B008 (frozen)
    objects: ObjectSettings = ObjectSettings(),  # noqa: B008 (frozen)
    device: str = "auto",
    spacing: tuple[float, ...] | None = None,
    sight: Sight | None = None,
) -> Generator[PredictProgress | PlaneResult, Stop | None, None]:
    """Segment a plane or a volume; send `Stop` to end early, without a result.

    A 3D model sees a volume as a whole, a 2D model plane by plane along three axes, if the settings say so.

    Parameters
    ----------
    image : numpy.ndarray
        Raw gray values, (C, Y, X) or (C, Z, Y, X).
    normalization : Normalization
        Of the whole image or stack that the plane belongs to.
    model : ModelFile
    settings : PredictSettings
    objects : ObjectSettings
        How scores become labels.
    device : str
        "auto", "cpu", "cuda", ...
    spacing : tuple of float or None
        Size of a voxel, (Z, Y, X). None: a 2D model assumes cubes, a 3D model voxels like those that it has learnt
        from; if these are not known either, it sees the slices as they are.
    sight : Sight or None
        How the model sees the image that the plane belongs to. None: as it has learnt from paint; a model that has not
        learnt from paint finds it from this plane or volume.

    Yields
    ------
    PredictProgress
        After each tile.
    PlaneResult
        Last, unless stopped.

    Raises
    ------
    ModelError
        If a plane is given to a 3D model, or the model is damaged or takes another number of channels.
    ImageError
        If the image is empty, holds NaN or infinite pixels, has other axes than the model takes or other channels than
        were normalised, or is a volume or a large plane that does not fit into memory.
    EngineError
        If memory runs out even for the smallest tile, or torch cannot compute on the device.
    """
    header = model.header
    ndim = header.architecture.ndim
    along_axes = ndim == 2 and image.ndim == 4 and settings.volumes
    _check(image, header, 3 if along_axes else ndim)
    if ndim == 3:
        spacing = spacing or header.spacing
    if sight is None:
        sight = yield from _look_at(image, normalization, model, settings, device, spacing)
        if sight is None:
            return
    shape = scaled_shape(image.shape[1:], sight.scale, spacing)  # what the network sees, unless along axes
    rotations = settings.rotations or automatic_rotations(shape)
    large = max(image[0].size, math.prod(shape)) >= _LARGE
    if image.ndim == 4 or large:
        larger = sight.scale**2 if along_axes else math.prod(shape) / image[0].size
        _check_room(image[0].size, _bytes_per_pixel(len(image), header, rotations, objects, larger))
    network = cached_network(model, image.shape[0], str(choose(device, ndim)))
    found: Averaged | None
    if along_axes:
        predict = partial(predict_mean, network, tile=settings.tile, rotations=rotations)
        found = yield from predict_along_axes(normalization.apply(image), sight.scale, spacing, predict)
    else:
        found = yield from predict_averaged(
            network, normalization.apply(image), shape, tile=settings.tile, rotations=rotations
        )
    if found is None:
        return
    result = _labelled(*found, header, objects, _usual(header, sight.usual, spacing, along_axes))
    del found
    if large:  # a result is sent as a copy, which needs room
        give_back()
    yield result
    del result
    if large:  # and the receiver makes another copy
        give_back()


def _look_at(
    image: np.ndarray,
    normalization: Normalization,
    model: ModelFile,
    settings: PredictSettings,
    device: str,
    spacing: tuple[float, ...] | None,
) -> Generator[PredictProgress, Stop | None, Sight | None]:
    """Find how a model sees a plane or a volume; a 2D model looks at some slices of a volume."""
    header = model.header
    windows = windows_of(1, lambda _: image, header.architecture.ndim) if header.sees_any_size else []
    return (yield from look([normalization.apply(one) for one in windows], model, settings, device, spacing))


def _usual(header: ModelHeader, usual: Usual, spacing: tuple[float, ...] | None, along_axes: bool) -> Usual:
    """Return what usual objects are like, with their size in pixels (voxels) of the image."""
    if along_axes:
        return of_volumes(usual, slices_apart(spacing))
    return in_volumes(usual, drawn_out(spacing)) if header.architecture.ndim == 3 else usual


def _labelled(
    scores: np.ndarray, spread: np.ndarray | None, header: ModelHeader, objects: ObjectSettings, usual: Usual
) -> PlaneResult:
    labels = label_scores(scores, kind=header.kind, border=header.border, settings=objects, usual=usual)
    half = torch.from_numpy(scores).to(torch.float16).numpy()  # NumPy takes ten times as long
    return PlaneResult(labels, half, header.output_names, spread, usual)


def _check(image: np.ndarray, header: ModelHeader, ndim: int) -> None:
    if ndim == 3 and image.ndim == 3:
        raise ModelError(f"{header.name} is a 3D model; choose one for planes.")
    if image.ndim != ndim + 1:
        axes = "plane has three axes (C, Y, X)" if ndim == 2 else "volume has four axes (C, Z, Y, X)"
        raise ImageError(f"A {axes}; this one has shape {image.shape}.")
    if not image.size:
        raise ImageError(f"The image has no pixels (its shape is {image.shape}); choose another image.")
    check_finite(image)


def _bytes_per_pixel(
    channels: int, header: ModelHeader, rotations: int, objects: ObjectSettings, larger: float
) -> float:
    """Return how many bytes a pixel (voxel) takes besides its gray values, as measured; tiles come on top.

    `larger` is how many pixels the network sees per pixel of the image.
    """
    outputs = header.architecture.n_outputs
    # Gray values and scores at the scale of the network (with several rotations also their mean and spread), scores at
    # the scale of the image, and the labels.
    numbers = channels + outputs * (2 if rotations == 1 else 4)
    return 4 * max(1.0, larger) * numbers + (24 if objects.split else 8)


def _check_room(pixels: int, each: float) -> None:
    """Refuse an image that would fill the memory: the system would kill the program without a word."""
    needed, free = pixels * each, available()
    if free is not None and needed > free:
        give_back()
        free = available()
    if free is not None and needed > free:
        raise ImageError(
            f"The image has {pixels / 1e6:.0f} million pixels. They need {needed / 2**30:.1f} GB of memory at once, and"
            f" {free / 2**30:.1f} GB are free; close other programs, or cut it into parts."
        )
