"""What the dock does with volumes: whether they suit a model, and their sources for batches."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np

from napari_upaint.core.normalize import Normalization
from napari_upaint.core.resize import scale_factors
from napari_upaint.core.tiling import halo
from napari_upaint.engine.progress import PlaneResult
from napari_upaint.errors import ImageError, UserError
from napari_upaint.io.models import read_header
from napari_upaint.io.tiff_scale import seconds
from napari_upaint.session.batch import Source
from napari_upaint.widgets._memory import too_large
from napari_upaint.widgets._sources import ImageSource

Index = tuple[int, ...]


def misfit(ndim: int, image: ImageSource | None, start: str) -> str:
    """Return why an image does not suit a model with this many dimensions, as one sentence; empty if it does.

    Parameters
    ----------
    start : str
        Name of the chosen model; empty: from scratch.
    """
    if ndim == 2 or image is None or is_volume(image):
        return ""
    what = "a time series of planes" if _is_time_series(image) else "a plane"
    if _has_slices_in_time(image):
        axes = ", ".join(image.placement.axis_labels)
        return (
            f"The slices of {image.name} are time series (axes {axes}), not volumes; save it with time before"
            " z, or segment it with 'upaint segment'."
        )
    if start:
        return f"{start} is a 3D model and {image.name} is {what}; choose a 2D model."
    return f"{image.name} is {what}; set Dimensions to 2 (Settings > Training), or open a volume."


def is_volume(image: ImageSource) -> bool:
    """Return whether an image has slices: its third axis from the end counts as Z unless it says that it is time."""
    return len(image.shape) > 2 and image.shape[-3] > 1 and not _is_time_series(image)


def why_no_choice(image: ImageSource | None, ndim: int) -> str:
    """Return why one cannot choose whether a model with this many dimensions sees volumes; empty if one can."""
    if image is None:
        return "Open an image first."
    if ndim == 3:
        return "The chosen model is a 3D one: it segments volumes anyway."
    if may_be_volumes(image):
        return ""
    frames = " If its frames are slices, say so in Fiji (Image > Properties) and save it." * _is_time_series(image)
    return f"The image has no slices (z).{frames}"


def may_be_volumes(image: ImageSource) -> bool:
    """Return whether an image has slices, even in an order of axes in which they are not volumes: see `misfit`."""
    return is_volume(image) or _has_slices_in_time(image)


def _has_slices_in_time(image: ImageSource) -> bool:
    return "z" in image.placement.axis_labels[:-3]


def _is_time_series(image: ImageSource) -> bool:
    if len(image.shape) < 3 or image.shape[-3] < 2:
        return False
    label, unit = image.placement.axis_labels[-3], image.placement.units[-3]
    return label.lower() in ("t", "time") or seconds(unit) is not None


def spacing(image: ImageSource) -> tuple[float, ...] | None:
    """Return the size of a voxel, (Z, Y, X); without a unit only if a voxel is known not to be a cube."""
    edges, units = tuple(map(abs, image.placement.scale[-3:])), image.placement.units[-3:]
    # Micrometers on one axis and no unit on another tell nothing.
    return image.edges(3) or (edges if len(set(units)) == 1 and len(set(edges)) > 1 else None)


def volumes_fit(images: Iterable[ImageSource], slice_by: Path | None = None, scale: float = 0.0) -> None:
    """Raise a UserError if a volume is too large to be segmented at once.

    Parameters
    ----------
    slice_by : Path or None
        The model that segments a single slice: it sees those around it, too. None: all slices are segmented.
    scale : float
        Scale at which it sees the images; 0: the one that it has learnt, 1 if it has learnt none.
    """
    for image in images:
        slices, height, width = image.shape[-3:]
        seen = slices if slice_by is None else min(slices, 2 * _reach(image, slice_by, scale) + 1)
        if share := too_large((seen, height, width)):
            raise UserError(
                f"A volume of {image.name} would need {share} at once; press 'This view' for single slices, or cut the"
                " image into parts."
                if slice_by is None
                else f"A slice of {image.name} with the {seen - 1} around it would need {share}; cut the image into"
                " parts, or choose a 2D model."
            )


def index_to_segment(image: ImageSource, index: Index, model: Path, scale: float = 0.0) -> Index:
    """Return the index of what to segment if a slice is wanted: of its volume, if all its slices are seen anyway.

    Objects of a volume have one number in all slices; a slice that is segmented alone has its own numbers.
    For `scale` see `volumes_fit`.
    """
    return index[:-1] if is_volume(image) and image.shape[-3] <= 2 * _reach(image, model, scale) + 1 else index


def _reach(image: ImageSource, model: Path, scale: float) -> int:
    """Return how many slices on either side of one a model sees."""
    header = read_header(model)
    voxel = spacing(image) or header.spacing
    along, *_ = scale_factors(3, scale or header.scale, voxel)
    return math.ceil(halo(header.architecture.depth) / along)


def volume_source(
    image: ImageSource, index: Index | None, model: Path, normalization: Normalization | None, scale: float = 0.0
) -> tuple[Source, int | None]:
    """Return the volumes of a layer as a source for the session's batch.

    Without an index: all of them. With the index of a volume: that one. With the index of a slice: the slices that the
    network sees when it looks at it, and which of them it is. The source of an image without volumes fails only when it
    is read, so that others do not suffer from it. For `scale` see `volumes_fit`.
    """
    header = read_header(model)
    problem = misfit(3, image, header.name)
    if problem:
        return Source(image.name, (), lambda _: _refuse(problem), normalization or Normalization((0.0,), (1.0,))), None
    everything, voxel = slice(None), spacing(image)
    if index is None:
        leading = image.shape[:-3]
        read = partial(image.plane, region=(everything,) * 3)
        return Source(image.name, leading, read, normalization, voxel), None
    if len(index) == len(image.shape) - 3:
        return Source(image.name, (), lambda _: image.plane(index, (everything,) * 3), normalization, voxel), None
    reach, z = _reach(image, model, scale), index[-1]
    part = (slice(max(0, z - reach), z + reach + 1), everything, everything)
    return Source(image.name, (), lambda _: image.plane(index[:-1], part), normalization, voxel), min(z, reach)


def _refuse(problem: str) -> np.ndarray:
    raise ImageError(problem)


def one_slice(result: PlaneResult, z: int) -> PlaneResult:
    """Return a slice of the result of a volume."""
    spread = result.spread[z] if result.spread is not None else None
    return PlaneResult(result.labels[z], np.ascontiguousarray(result.scores[:, z]), result.names, spread)
