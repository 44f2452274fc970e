"""Images and labels as planes, their normalisation, and samples: what the commands start with."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_upaint.commands._files import listed
from napari_upaint.errors import AnnotationError
from napari_upaint.io.file_names import from_home

if TYPE_CHECKING:
    import numpy as np

    from napari_upaint.core.normalize import Normalization
    from napari_upaint.core.sample import Sample
    from napari_upaint.io.images import Image
    from napari_upaint.settings import Kind


def measure_image(image: Image, name: str) -> Normalization:
    """Measure the normalisation of a file once, as the window does: slice by slice, empty ones would turn to noise."""
    from napari_upaint.session.batch import Source, measure_source

    return measure_source(Source(name, image.leading_shape, image.plane))


def load_labels(path: Path, kind: Kind = "objects", *, paint: bool = False) -> tuple[Image, np.ndarray]:
    """Read a file of labels: the image, and its planes as int32, axes (N, Y, X).

    Objects get other ids if theirs do not fit. Only `paint` may be in the colours of RootPainter.

    Raises
    ------
    AnnotationError
        If it holds colours or fractions instead of one whole number per pixel, or the number of a class does not fit.
    """
    import numpy as np

    from napari_upaint.core.ids import to_int32
    from napari_upaint.core.labels import like_gray_values
    from napari_upaint.io.images import planes, read_image
    from napari_upaint.io.rootpainter import as_numbers

    image = read_image(path, labels=True)
    image = as_numbers(image) if paint else image
    if image.channel_count != 1:
        raise AnnotationError(
            f"{path.name} has {image.channel_count} channels; labels are one whole number per pixel, not colours or"
            " probabilities."
        )
    # Small integers become int32 at once. Planes without paint take no memory: most of a stack may be empty.
    given = np.dtype(image.data.dtype)
    dtype = np.dtype(np.int32) if given.kind in "bui" and given.itemsize <= 2 else given
    values = np.zeros((image.plane_count, *image.plane_shape), dtype)
    for into, (_, plane) in zip(values, planes(image), strict=True):
        if plane.any():
            into[...] = plane[0]
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and (values == np.round(values)).all()):
        raise AnnotationError(f"{path.name} holds fractions; labels are one whole number per pixel.")
    if values.min() < 0:
        raise AnnotationError(f"{path.name} holds negative numbers (down to {values.min():g}); labels are 0, 1, 2, ...")
    if values.dtype.kind == "f":
        if values.max() >= 2**63:
            raise AnnotationError(f"{path.name} holds {values.max():g}; labels are whole numbers below 2^63.")
        values = values.astype(np.int64)
    if like_gray_values(values[0]):
        warnings.warn(
            f"{path.name} looks like an image: its pixels differ from their neighbours; were images and labels"
            " exchanged?",
            stacklevel=2,
        )
    return image, to_int32(values, kind)


def load_objects(path: Path) -> tuple[Image, np.ndarray]:
    """Read labels whose objects are counted, as `load_labels` does; warn if they are a mask without numbers."""
    from napari_upaint.core.labels import is_binary

    image, labels = load_labels(path)
    if labels.max() > 1 and is_binary(labels):  # results of a single class hold 1
        warnings.warn(
            f"{path.name} holds only 0 and {labels.max()}, so everything in it counts as one object; give each object"
            " its own number, in Fiji with Analyze Particles (Show: Count Masks).",
            stacklevel=2,
        )
    return image, labels


def load_painted(path: Path, kind: Kind = "objects") -> tuple[Image, np.ndarray]:
    """Read an annotation as `load_labels` does; `AnnotationError` if nothing is painted."""
    image, labels = load_labels(path, kind, paint=True)
    if not labels.any():
        raise nothing_painted([path])
    return image, labels


def load_samples(
    pairs: Sequence[tuple[str | Path, str | Path]],
    ndim: int = 2,
    *,
    masks: bool = False,
    kind: Kind = "objects",
    channel: str = "",
) -> list[Sample]:
    """Return one sample for each painted plane of all files, or for each painted part of a volume.

    Parameters
    ----------
    pairs : sequence of (str or Path, str or Path)
        Files of an image and of its labels, which have the same shape.
    ndim : int
        Of the network: 2 for planes, 3 for volumes.
    masks : bool
        Whether the labels are finished masks, in which 0 is background, instead of paint.
    kind : {"objects", "classes"}
        What the values of the labels mean.
    channel : str
        The only channel of the images that is looked at, by name or by number from 1 up; "": all.

    Raises
    ------
    AnnotationError
        If labels have another shape than their image or are no labels, or nothing is painted in any of them.
    ImageError
        If an image is constant, or not a volume for `ndim` 3.
    FileError
        If a file cannot be read, or an image has no such channel.
    """
    files = [(from_home(image), from_home(labels)) for image, labels in pairs]
    found = [one for image, labels in files for one in samples_of(image, labels, ndim, masks, kind, channel)]
    if not found:
        raise nothing_painted([labels for _, labels in files])
    return found


def nothing_painted(files: Sequence[Path]) -> AnnotationError:
    """Return the error to raise if all files of labels are empty."""
    return AnnotationError(f"Nothing is painted in {listed(files)}; paint background as 1 and objects from 2 up.")


def samples_of(
    image_path: Path, label_path: Path, ndim: int, masks: bool, kind: Kind, channel: str
) -> Iterator[Sample]:
    """Yield the samples of one image, as `load_samples` returns them; none if nothing is painted."""
    from napari_upaint.commands._volumes import Stacks, painted_volumes
    from napari_upaint.core.labels import from_masks
    from napari_upaint.core.sample import Sample
    from napari_upaint.io.images import read_image

    image = read_image(image_path).with_channel(channel)
    label_image, labels = load_labels(label_path, kind, paint=not masks)
    expected = check_fits(label_path, label_image, image_path, image)
    if not labels.any():  # the gray values of such an image need not be fit to learn from
        return
    if masks:
        labels = from_masks(labels, kind)
    stacks = Stacks(image, image_path.name) if ndim == 3 else None
    normalization = measure_image(image, image_path.name)
    if stacks is not None:
        yield from painted_volumes(stacks, labels.reshape(expected), normalization)
        return
    for index, painted in zip(image.indices(), labels, strict=True):
        if painted.any():  # of a long stack, the other planes are not even read
            name = f"{image_path.name} {index}" if index else image_path.name
            yield Sample(image.plane(index), painted, normalization, image.plane_spacing, name)


def check_fits(label_path: Path, labels: Image, image_path: Path, image: Image) -> tuple[int, ...]:
    """Make sure that labels lie on an image; return its shape, (leading axes ..., Y, X).

    Raises
    ------
    AnnotationError
        If they have another shape, or their planes another order.
    """
    expected, found = ((*one.leading_shape, *one.plane_shape) for one in (image, labels))
    # Axes of length 1 say nothing: a single slice of a stack is a plane.
    if [n for n in expected if n > 1] != [n for n in found if n > 1]:
        raise AnnotationError(
            f"{label_path.name} is {shape(found)} pixels, {image_path.name} {shape(expected)};"
            " labels need the shape of their image."
        )
    check_order(label_path, labels, image_path, image)
    return expected


def write_planes(path: Path, arrays: np.ndarray, like: Image) -> None:
    """Write single-channel planes, axes (N, Y, X), with the leading axes and the scale of an image."""
    from napari_upaint.io.images import write_image

    data = arrays.reshape(*like.leading_shape, *like.plane_shape)
    write_image(path, replace(like, data=data, axes=f"{like.leading_axes}YX", channel_names=()))


def shape(lengths: Sequence[int]) -> str:
    """Return "3 x 256 x 256"."""
    return " x ".join(map(str, lengths))


def check_shapes(path: Path, found: Sequence[int], other: Path, expected: Sequence[int], advice: str) -> None:
    """Make sure that two files have the same shape.

    Raises
    ------
    AnnotationError
        If they do not; `advice` ends the sentence.
    """
    if tuple(found) != tuple(expected):
        raise AnnotationError(f"{path.name} is {shape(found)} pixels, {other.name} {shape(expected)}{advice}")


def check_order(path: Path, image: Image, other: Path, expected: Image) -> None:
    """Make sure that the planes of two files of the same shape have the same order: Z within T in both, or in neither.

    Raises
    ------
    AnnotationError
        If they are not. Axes that only one file has a name for are ignored.
    """
    axes, wanted = ([a for a in one.leading_axes if one.length(a) > 1] for one in (image, expected))
    if axes != wanted and sorted(axes) == sorted(wanted):
        raise AnnotationError(
            f"{path.name} has axes {image.axes}, {other.name} {expected.axes}; save both in one order of axes."
        )
