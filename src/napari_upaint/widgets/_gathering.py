"""Make samples from layers: what is painted on one or more images, with its surroundings; nothing else is read."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from napari_upaint.core.boxes import box_of, grown
from napari_upaint.core.finite import check_finite
from napari_upaint.core.ids import to_int32
from napari_upaint.core.normalize import Normalization
from napari_upaint.core.regions import learnt
from napari_upaint.core.sample import Sample
from napari_upaint.errors import AnnotationError, ImageError
from napari_upaint.io.models import read_header
from napari_upaint.session.volumes import boxes_around_paint, read_box
from napari_upaint.settings import Kind, TrainSettings
from napari_upaint.widgets._listed import listed
from napari_upaint.widgets._sources import AnnotationSource, ImageSource, same_shape
from napari_upaint.widgets._volumes import misfit, spacing

# Context around the paint that a sample keeps: more than half of the largest network input.
MARGIN = 400
_MOST_NAMES = 3
Index = tuple[int, ...]
Measure = Callable[[ImageSource], Normalization]


@dataclass(frozen=True, slots=True, eq=False)
class PaintedImage:
    """An image, and the labels that are painted on it."""

    image: ImageSource
    annotation: AnnotationSource


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """A painted region without the image in it. `judging`: where paint is for validation only, None: nowhere."""

    painted: PaintedImage
    index: Index
    region: tuple[slice, ...]
    annotation: np.ndarray
    judging: np.ndarray | None


def gather_for(
    start: Path | None, settings: TrainSettings, painted: Sequence[PaintedImage], kind: Kind, measure_it: Measure
) -> list[Sample]:
    """Make samples of the kind that the network to be trained takes: planes or volumes.

    Raises
    ------
    UserError
        As `gather`, or if a 3D network is to learn from a plane.
    """
    header = read_header(start) if start is not None else None
    ndim = header.architecture.ndim if header is not None else settings.ndim
    for one in painted:
        problem = misfit(ndim, one.image, header.name if header is not None else "")
        if problem:
            raise ImageError(problem)
    return gather(painted, kind, measure_it, ndim)


def gather(painted: Sequence[PaintedImage], kind: Kind, measure_it: Measure, ndim: int = 2) -> list[Sample]:
    """Make samples (C, [Z,] Y, X) from what is painted.

    Parameters
    ----------
    painted : sequence of PaintedImage
        What is required of the paint holds for all of them together: one may have background alone.
    measure_it : callable
        Returns the gray values of an image.
    ndim : int
        2: planes; 3: volumes.

    Raises
    ------
    AnnotationError
        If the shapes of an image and its labels differ, nothing is painted, only one class is, or a class has a number
        beyond 32 bits.
    ImageError
        If an image is constant, or has NaN or infinite pixels.
    """
    for one in painted:
        same_shape(one.image, one.annotation)
    cut = _planes if ndim == 2 else _volumes
    cuts = [found for one in painted for found in cut(one)]
    if not cuts:
        names = listed([one.annotation.name for one in painted], _MOST_NAMES)
        raise AnnotationError(f"Nothing is painted on {names}; paint some background (1) and some objects (2 and up).")
    labels = np.concatenate([np.unique(learnt(one.annotation, one.judging)) for one in cuts])
    with_paint = {one.painted.annotation.key: one.painted for one in cuts}.values()
    _two_classes_painted(labels, listed([_learnt_of(one.annotation) for one in with_paint], _MOST_NAMES), kind)
    gray, samples = dict[Hashable, Normalization](), []
    for painted_image in with_paint:
        with _done_without(painted_image is not painted[0]):
            gray[painted_image.image.key] = measure_it(painted_image.image)
    for cut_out in cuts:
        with _done_without(cut_out.painted is not painted[0]):
            samples.append(_sample(cut_out, gray[cut_out.painted.image.key], ndim, kind))
    return samples


@contextmanager
def _done_without(other: bool) -> Iterator[None]:
    """Say of an image that cannot be learnt from how to do without it, if it is not the chosen one (`other`)."""
    try:
        yield
    except ImageError as error:
        if not other:
            raise
        raise ImageError(f"{error} Or learn the chosen image alone: untick 'Learn … too' below Train.") from error


def _sample(cut: _Cut, normalization: Normalization, ndim: int, kind: Kind) -> Sample:
    image = cut.painted.image
    pixels = np.ascontiguousarray(image.plane(cut.index, cut.region))
    check_finite(pixels, image.name)
    edges = image.spacing if ndim == 2 else spacing(image)
    return Sample(pixels, to_int32(cut.annotation, kind), normalization, edges, image.name, cut.judging)


def _planes(painted: PaintedImage) -> Iterator[_Cut]:
    """Find the planes with paint and, in each, the painted rectangle with its context."""
    annotation = painted.annotation
    for index in painted.image.indices():
        plane = annotation.part(index)
        box = box_of(plane != 0)
        if box is not None:
            region, judging = grown(box, (MARGIN, MARGIN), plane.shape), annotation.validation(index)
            yield _Cut(
                painted, index, region, np.array(plane[region]), judging[region] if judging is not None else None
            )


def _volumes(painted: PaintedImage) -> Iterator[_Cut]:
    """Find the volumes with paint and, in each, the boxes around it."""
    annotation, shape = painted.annotation, painted.image.shape
    for index in product(*(range(n) for n in shape[:-3])):

        def read(z: int, index: Index = index) -> np.ndarray:
            return annotation.part((*index, z))

        for box in boxes_around_paint(read, shape[-3:]):
            judging = annotation.validation(index) if annotation.regions else None
            yield _Cut(painted, index, box, read_box(read, box), judging[box] if judging is not None else None)


def _learnt_of(annotation: AnnotationSource) -> str:
    """Return what a message calls the paint that is learnt from."""
    judging = any(region.purpose == "validation" for region in annotation.regions)
    return f"{annotation.name} outside validation regions" if judging else annotation.name


def _two_classes_painted(labels: np.ndarray, name: str, kind: Kind) -> None:
    """Raise an AnnotationError if there is nothing to tell apart."""
    painted = {int(label) for label in labels if label > 0}
    if painted == {1}:
        raise AnnotationError(
            f"Only background (label 1) is painted on {name}; paint some objects with label 2 and up."
        )
    if 1 not in painted and (kind == "objects" or len(painted) < 2):
        raise AnnotationError(f"No background is painted on {name}; choose label 1 and paint some background.")
