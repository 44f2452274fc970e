"""Prediction of planes and volumes: resized for the network, rotations averaged, memory minded (paper, sec. 4)."""

from __future__ import annotations

import math
from collections.abc import Generator
from functools import lru_cache, partial

import numpy as np
import torch

from napari_upaint.core.normalize import Normalization
from napari_upaint.core.objects import label_scores
from napari_upaint.core.resize import drawn_out, resize_image, scaled_shape, slices_apart
from napari_upaint.core.uncertainty import Spread
from napari_upaint.core.usual_object import Usual, in_volumes, of_volumes
from napari_upaint.engine.along_axes import predict_along_axes
from napari_upaint.engine.blocks import moved_to
from napari_upaint.engine.checkpoint import to_network
from napari_upaint.engine.device import choose
from napari_upaint.engine.memory import available, give_back
from napari_upaint.engine.progress import PlaneResult, PredictProgress, Stop
from napari_upaint.engine.telling import returned
from napari_upaint.engine.tiled import predict_tiled
from napari_upaint.engine.unet import UNet
from napari_upaint.errors import ImageError, ModelError
from napari_upaint.io.models import ModelFile, ModelHeader
from napari_upaint.settings import ObjectSettings, PredictSettings

# From so many pixels on the memory of tiles is worth giving back: fetching it anew takes a hundredth of the time.
_LARGE = 2**25
_Commands = Stop | None
# Mean scores, and how far those that were averaged are apart, if there were several.
_Averaged = tuple[np.ndarray, np.ndarray | None]


def segment_plane(
    image: np.ndarray,
    normalization: Normalization,
    model: ModelFile,
    *,
    settings: PredictSettings = PredictSettings(),  # noqa: B008 (frozen)
    objects: ObjectSettings = ObjectSettings(),  # noqa: B008 (frozen)
    device: str = "auto",
    spacing: tuple[float, ...] | None = None,
) -> Generator[PredictProgress | PlaneResult, _Commands, None]:
    """Segment a plane, or a volume; yields the `PlaneResult` last, unless it was stopped.

    A 3D model sees a volume in space, a 2D model along its three axes, if the settings say so.

    Parameters
    ----------
    image : numpy.ndarray
        Raw gray values, (C, Y, X) or (C, Z, Y, X).
    normalization : Normalization
        Of the whole image or stack that the plane belongs to.
    model : ModelFile
    settings, objects
    device : str
        "auto", "cpu", "cuda", ...
    spacing : tuple of float or None
        Size of a voxel, (Z, Y, X). None: a 2D model takes it for a cube, a 3D model for one of those that it has
        learnt from; if these were not known either, it sees the slices as they are.

    Raises
    ------
    ModelError
        If a plane is given to a 3D model.
    ImageError
        If the image is empty, holds NaN or infinite pixels, has other axes than the model takes, or is a volume or a
        large plane that memory does not suffice for.
    EngineError
        If memory runs out even for the smallest tile.
    """
    header = model.header
    ndim = header.architecture.ndim
    along_axes = ndim == 2 and image.ndim == 4 and settings.volumes
    _check(image, header, 3 if along_axes else ndim)
    if ndim == 3:
        spacing = spacing or header.spacing
    shape = scaled_shape(image.shape[1:], header.scale, spacing)  # that the network sees, but along axes
    if image.ndim == 4 or image[0].size >= _LARGE:
        larger = header.scale**2 if along_axes else math.prod(shape) / image[0].size
        _check_room(image[0].size, _bytes_per_pixel(len(image), header, settings, objects, larger))
    network = cached_network(model, image.shape[0], str(choose(device, ndim)))
    found: _Averaged | None
    if along_axes:
        predict = partial(_predict_mean, network, settings)
        found = yield from predict_along_axes(normalization.apply(image), header.scale, spacing, predict)
    else:
        found = yield from _predict_averaged(network, normalization.apply(image), shape, settings)
    if found is None:
        return
    result = _labelled(*found, header, objects, _usual(header, spacing, along_axes))
    del found
    large = image[0].size >= _LARGE
    if large:  # a result is sent as a copy, which needs room
        give_back()
    yield result
    del result
    if large:  # and is copied once more where it arrives
        give_back()


def _usual(header: ModelHeader, spacing: tuple[float, ...] | None, along_axes: bool) -> Usual:
    """Return an object as usual, its size in pixels (voxels) of the image."""
    if along_axes:
        return of_volumes(header.usual_object, slices_apart(spacing))
    return in_volumes(header.usual_object, drawn_out(spacing)) if header.architecture.ndim == 3 else header.usual_object


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
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise ImageError("The image has pixels that are NaN or infinite; export it again, or replace them.")


def _bytes_per_pixel(
    channels: int, header: ModelHeader, settings: PredictSettings, objects: ObjectSettings, larger: float
) -> float:
    """Return what a pixel (voxel) takes beside its gray values, as measured: tiles come on top.

    `larger` is how many pixels the network sees for one of the image.
    """
    outputs = header.architecture.n_outputs
    # Gray values and scores at the scale of the network, with several rotations also their mean and spread; then scores
    # at the scale of the image, and the labels.
    numbers = channels + outputs * (2 if settings.rotations == 1 else 4)
    return 4 * max(1.0, larger) * numbers + (24 if objects.split else 8)


def _check_room(pixels: int, each: float) -> None:
    """Refuse an image that would fill the memory: the system ends a program then, and says nothing."""
    needed, free = pixels * each, available()
    if free is not None and needed > free:
        give_back()
        free = available()
    if free is not None and needed > free:
        raise ImageError(
            f"The image has {pixels / 1e6:.0f} million pixels. They need {needed / 2**30:.1f} GB of memory at once, and"
            f" {free / 2**30:.1f} GB are free; close other programs, or cut it into parts."
        )


@lru_cache(maxsize=2)
def cached_network(model: ModelFile, in_channels: int, device: str) -> UNet:
    """Return a model's network on a device, ready to predict; the last two stay in memory."""
    return moved_to(torch.device(device), to_network(model, in_channels)).eval()


def predict_scores(
    network: UNet,
    image: np.ndarray,
    scale: float,
    settings: PredictSettings = PredictSettings(),  # noqa: B008 (frozen)
) -> Generator[PredictProgress, _Commands, np.ndarray | None]:
    """Predict the scores of a normalised image (C, [Z,] Y, X) at its own size; None where stopped.

    The image is resized by `scale` for the network and the scores are resized back.
    """
    return (yield from _predict_mean(network, settings, image, scaled_shape(image.shape[1:], scale)))


def _predict_mean(
    network: UNet, settings: PredictSettings, image: np.ndarray, shape: tuple[int, ...]
) -> Generator[PredictProgress, _Commands, np.ndarray | None]:
    found = yield from _predict_averaged(network, image, shape, settings)
    return found[0] if found is not None else None


def _predict_averaged(
    network: UNet, image: np.ndarray, shape: tuple[int, ...], settings: PredictSettings
) -> Generator[PredictProgress, _Commands, _Averaged | None]:
    """Predict mean scores and, float16, how far the rotations are apart (None: there is only one).

    The network sees the image resized to `shape`.
    """
    own = image.shape[1:]
    small = resize_image(image, shape)
    del image  # the last reference to it, unless the caller keeps one
    apart: Spread | None = None
    for turn in range(settings.rotations):
        scores = yield from predict_tiled(network, _turn(small, turn), settings.tile, (turn, settings.rotations))
        if scores is None:
            return None
        if settings.rotations == 1:
            del small
            return resize_image(scores, own), None
        scores = _turn_back(scores, turn)
        apart = apart or Spread(scores.shape)
        apart.add(scores, turn + 1)
        del scores  # not needed while the next ones are made
    assert apart is not None
    spread = resize_image(apart.value(settings.rotations)[None], own)[0]
    return resize_image(apart.mean, own), spread.astype(np.float16)


def _turn(image: np.ndarray, turn: int) -> np.ndarray:
    """Return version `turn` (0..7) of an image: quarter turns in the plane, from 4 on mirrored as well."""
    return np.rot90(image[..., ::-1] if turn >= 4 else image, turn % 4, axes=(-2, -1))


def _turn_back(image: np.ndarray, turn: int) -> np.ndarray:
    back = np.rot90(image, -(turn % 4), axes=(-2, -1))
    return back[..., ::-1] if turn >= 4 else back


def whole(network: UNet, image: np.ndarray) -> np.ndarray:
    """Predict the scores of a normalised image (C, [Z,] Y, X) without reporting progress."""
    return np.asarray(returned(predict_scores(network, image, 1.0)))
