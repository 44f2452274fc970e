"""What the dock does with volumes: samples of what is painted in them, and sources for 3D models."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path

import numpy as np

from napari_upaint.core.normalize import Normalization
from napari_upaint.core.regions import learnt
from napari_upaint.core.sample import Sample
from napari_upaint.core.tiling import halo
from napari_upaint.engine.progress import PlaneResult
from napari_upaint.errors import AnnotationError, ImageError, UserError
from napari_upaint.io.models import read_header
from napari_upaint.session.batch import Source
from napari_upaint.session.volumes import boxes_around_paint, read_box
from napari_upaint.settings import Kind, TrainSettings
from napari_upaint.widgets._memory import physical_memory
from napari_upaint.widgets._sources import (
    AnnotationSource,
    ImageSource,
    PaintedRegion,
    gather,
    learnt_of,
    same_shape,
    two_classes_painted,
)

Index = tuple[int, ...]
# A volume is in the memory of two processes: gray values, normalised ones, scores, labels.
_BYTES_PER_VOXEL = 80
_MOST = 0.7


def misfit(ndim: int, image: ImageSource | None, start: str) -> str:
    """Return why an image does not suit a model of so many dimensions, one sentence; empty if it does.

    Parameters
    ----------
    start : str
        Name of the chosen model; empty: from scratch.
    """
    if ndim == 2 or image is None or is_volume(image):
        return ""
    if start:
        return f"{start} is a 3D model and {image.name} is a plane; choose a 2D model."
    return f"{image.name} is a plane; set Dimensions to 2 (Settings > Training), or open a volume."


def is_volume(image: ImageSource) -> bool:
    """Return whether an image has slices: its third axis from the end counts as Z."""
    return len(image.shape) > 2 and image.shape[-3] > 1


def spacing(image: ImageSource) -> tuple[float, ...] | None:
    """Return the size of a voxel, (Z, Y, X); without a unit only where a voxel is known to be no cube."""
    edges = image.placement.scale[-3:]
    return edges if image.spacing is not None or len(set(edges)) > 1 else None


def volumes_fit(images: Iterable[ImageSource]) -> None:
    """Raise a UserError if a volume is too large to be segmented at once."""
    memory = physical_memory()
    for image in images:
        needed = float(np.prod(image.shape[-3:], dtype=float)) * _BYTES_PER_VOXEL
        if memory is not None and needed > _MOST * memory:
            raise UserError(
                f"A volume of {image.name} would need {needed / 2**30:.0f} GB of the {memory / 2**30:.0f} GB of memory"
                " at once; press 'This view' for single slices, or cut the image into parts."
            )


# -- training --------------------------------------------------------------------------------------------------------


def gather_for(
    start: Path | None,
    settings: TrainSettings,
    image: ImageSource,
    annotation: AnnotationSource,
    kind: Kind,
    measure_it: Callable[[ImageSource], Normalization],
) -> list[PaintedRegion]:
    """Make samples as the network that is to be trained takes them: planes or volumes.

    Raises
    ------
    UserError
        As `gather`, or if a plane is to teach a network of volumes.
    """
    header = read_header(start) if start is not None else None
    if (header.architecture.ndim if header is not None else settings.ndim) == 2:
        return gather(image, annotation, kind, measure_it)
    problem = misfit(3, image, header.name if header is not None else "")
    if problem:
        raise ImageError(problem)
    return gather_volumes(image, annotation, kind, measure_it)


def gather_volumes(
    image: ImageSource,
    annotation: AnnotationSource,
    kind: Kind,
    measure_it: Callable[[ImageSource], Normalization],
) -> list[PaintedRegion]:
    """Make samples (C, Z, Y, X) of what is painted in volumes, with its surroundings; nothing else is read.

    Raises
    ------
    AnnotationError
        If the shapes differ, nothing is painted, or only one class is.
    ImageError
        If the image is constant, or has NaN or infinite pixels.
    """
    same_shape(image, annotation)
    places = list(_painted_places(image, annotation))
    if not places:
        raise AnnotationError(
            f"Nothing is painted on {annotation.name}; paint some background (1) and some objects (2 and up)."
        )
    painted = [_painted(annotation, index, box) for index, box in places]
    labels = [np.unique(learnt(cut, judging)) for cut, judging in painted]
    two_classes_painted(np.unique(np.concatenate(labels)), learnt_of(annotation), kind)
    normalization, voxel = measure_it(image), spacing(image)
    gathered = []
    for (index, box), (cut, judging) in zip(places, painted, strict=True):
        pixels = np.ascontiguousarray(image.plane(index, box))
        if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
            wrong = int(pixels.size - np.isfinite(pixels).sum())
            raise ImageError(f"{image.name} has {wrong} pixels that are NaN or infinite; replace them by numbers.")
        sample = Sample(pixels, cut.astype(np.int32, copy=False), normalization, voxel, image.name, judging)
        gathered.append(PaintedRegion(sample, index, box))
    return gathered


def _painted_places(
    image: ImageSource, annotation: AnnotationSource
) -> Iterable[tuple[Index, tuple[slice, slice, slice]]]:
    for index in product(*(range(n) for n in image.shape[:-3])):
        boxes = boxes_around_paint(lambda z, index=index: annotation.part((*index, z)), image.shape[-3:])  # type: ignore[misc]
        for along, rows, columns in boxes:
            yield index, (along, rows, columns)


def _painted(
    annotation: AnnotationSource, index: Index, box: tuple[slice, ...]
) -> tuple[np.ndarray, np.ndarray | None]:
    """Read what is painted in a box of a volume, and where paint judges only (None: nowhere)."""
    cut = read_box(lambda z: annotation.part((*index, z)), box)
    judging = annotation.validation(index) if annotation.regions else None
    return cut, judging[box] if judging is not None else None


# -- segmenting ------------------------------------------------------------------------------------------------------


def volume_source(
    image: ImageSource, index: Index | None, model: Path, normalization: Normalization | None
) -> tuple[Source, int | None]:
    """Return the volumes of a layer as the session's batch wants them.

    With the index of a slice: the slices that the network sees when it looks at that one, and which one it is among
    them. A source of an image without volumes fails when it is read: others need not suffer from it.
    """
    header = read_header(model)
    problem = misfit(3, image, header.name)
    if problem:
        return Source(image.name, (), lambda _: _refuse(problem), normalization or Normalization((0.0,), (1.0,))), None
    everything = slice(None)
    if index is None:
        leading = image.shape[:-3]
        return Source(image.name, leading, lambda at: image.plane(at, (everything,) * 3), normalization), None
    reach, z = halo(header.architecture.depth), index[-1]
    part = (slice(max(0, z - reach), z + reach + 1), everything, everything)
    return Source(image.name, (), lambda _: image.plane(index[:-1], part), normalization), min(z, reach)


def _refuse(problem: str) -> np.ndarray:
    raise ImageError(problem)


def one_slice(result: PlaneResult, z: int) -> PlaneResult:
    """Return a slice of the result of a volume."""
    spread = result.spread[z] if result.spread is not None else None
    return PlaneResult(result.labels[z], np.ascontiguousarray(result.scores[:, z]), result.names, spread)
