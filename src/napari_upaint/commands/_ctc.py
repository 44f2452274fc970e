"""Folders as the Cell Tracking Challenge lays them out: 01_GT/SEG/man_segTTT.tif next to 01_RES/maskTTT.tif."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from napari_upaint.commands._planes import load_labels, shape
from napari_upaint.commands._segmenting import Segment
from napari_upaint.core.metrics import seg_overlaps
from napari_upaint.errors import AnnotationError, FileError
from napari_upaint.io.images import read_image

# man_seg012.tif, and man_seg_012_003.tif: only slice 3 of the volume of frame 12 was annotated.
_REFERENCE = re.compile(r"man_seg_?(\d{3,4})(?:_(\d{3,4}))?\.tif", re.IGNORECASE)
_SEQUENCE = re.compile(r"(\d{2})_GT")


@dataclass(frozen=True, slots=True)
class Reference:
    """An annotated frame.

    Attributes
    ----------
    path : Path
        Its file.
    frame : str
        The digits of its number, as in the names of image and result.
    z : int or None
        The slice that was annotated; None: the whole frame.
    """

    path: Path
    frame: str
    z: int | None


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence of a data set: its name ("01") and what was annotated, in order."""

    name: str
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class SegScore:
    """SEG of a sequence: objects in the reference, how many of them were found, and their mean IoU."""

    objects: int
    found: int
    seg: float


def sequences(folder: Path) -> list[Sequence]:
    """Return the sequences of a data set that have a reference segmentation.

    Raises
    ------
    FileError
        If there is none.
    """
    if not folder.is_dir():
        raise FileError(f"There is no folder {folder}; name the one that holds 01_GT.")
    truth = sorted(one for one in folder.iterdir() if _SEQUENCE.fullmatch(one.name) and (one / "SEG").is_dir())
    if not truth:
        raise FileError(f"{folder} holds no folder 01_GT/SEG; name the folder of a Cell Tracking Challenge data set.")
    return [Sequence(one.name[:2], _references(one / "SEG")) for one in truth]


def _references(folder: Path) -> tuple[Reference, ...]:
    matches = [(path, _REFERENCE.fullmatch(path.name)) for path in sorted(folder.iterdir())]
    found = tuple(
        Reference(path, match[1], None if match[2] is None else int(match[2])) for path, match in matches if match
    )
    if not found:
        raise FileError(f"{folder} holds no man_seg000.tif or man_seg_000_000.tif; there is nothing to compare with.")
    return found


def result_path(folder: Path, sequence: str, frame: str) -> Path:
    """Return the file with the result of a frame; `FileError` if it is missing."""
    results = folder / f"{sequence}_RES"
    if not results.is_dir():
        raise FileError(f"{folder} holds no folder {sequence}_RES; put the results there or give a --model.")
    return _frame(results, "mask", frame)


def image_path(folder: Path, sequence: str, frame: str) -> Path:
    """Return the file with the image of a frame; `FileError` if it is missing."""
    images = folder / sequence
    if not images.is_dir():
        raise FileError(f"{folder} holds no folder {sequence} with images t000.tif, ...; there is nothing to segment.")
    return _frame(images, "t", frame)


def _frame(folder: Path, prefix: str, frame: str) -> Path:
    # Some programs write four digits where the reference has three.
    for path in folder.glob(f"{prefix}*.tif"):
        digits = path.stem[len(prefix) :]
        if digits.isdigit() and int(digits) == int(frame):
            return path
    raise FileError(f"{folder} holds no {prefix}{frame}.tif, though frame {int(frame)} is annotated; add it.")


def score(sequence: Sequence, labels_of: Callable[[str], np.ndarray]) -> SegScore:
    """Compute SEG: the mean IoU over all objects of all annotated frames of a sequence.

    Parameters
    ----------
    sequence : Sequence
    labels_of : callable
        Returns the result of a frame, given its digits: integers, ([Z,] Y, X).

    Raises
    ------
    AnnotationError
        If a result has another shape than its reference, or the reference holds no object at all.
    """
    overlaps = np.concatenate([*_overlaps(sequence, labels_of)])
    if not len(overlaps):
        raise AnnotationError(
            f"The reference of sequence {sequence.name} holds no object; check its files man_seg*.tif."
        )
    return SegScore(len(overlaps), int(np.count_nonzero(overlaps)), float(overlaps.mean()))


def _overlaps(sequence: Sequence, labels_of: Callable[[str], np.ndarray]) -> Iterator[np.ndarray]:
    frame, labels = None, np.zeros(0)
    for reference in sequence.references:
        if reference.frame != frame:  # a volume is read once for all its slices
            frame, labels = reference.frame, labels_of(reference.frame)
        truth = read_labels(reference.path)
        found = _slice(labels, reference) if reference.z is not None else labels
        if found.shape != truth.shape:
            raise AnnotationError(
                f"The result of frame {reference.frame} is {shape(found.shape)} pixels, {reference.path.name}"
                f" {shape(truth.shape)}; results need the shape of their reference."
            )
        yield seg_overlaps(found, truth)


def _slice(labels: np.ndarray, reference: Reference) -> np.ndarray:
    assert reference.z is not None
    if labels.ndim != 3 or reference.z >= len(labels):
        raise AnnotationError(
            f"{reference.path.name} is slice {reference.z} of frame {reference.frame}, whose result is"
            f" {shape(labels.shape)} pixels; results need the shape of their image."
        )
    return np.asarray(labels[reference.z])


def read_labels(path: Path) -> np.ndarray:
    """Read a label image, ([Z,] Y, X)."""
    _, labels = load_labels(path)
    return labels[0] if len(labels) == 1 else labels


def rows(folder: Path, results: Path, segment: Segment | None) -> list[tuple[str, ...]]:
    """Compute SEG of every sequence, and their mean, as rows of a table.

    Parameters
    ----------
    folder, results : Path
        Folder that holds 01_GT, ...; folder that holds 01_RES, ...
    segment : callable or None
        Segments an image with a model: then the images 01/t000.tif, ... are used, not the results.

    Raises
    ------
    FileError, AnnotationError
        If a file is missing, or a result does not fit its reference.
    """

    def path_of(sequence: str, frame: str) -> Path:
        return image_path(folder, sequence, frame) if segment else result_path(results, sequence, frame)

    def labels_of(sequence: str, frame: str) -> np.ndarray:
        path = path_of(sequence, frame)
        return segment(read_image(path), f"{sequence}/{path.name}").labels if segment else read_labels(path)

    known = sequences(folder)
    for one in known:  # a missing file is noticed now, not after the others have been segmented
        for reference in one.references:
            path_of(one.name, reference.frame)
    found = {one: score(one, partial(labels_of, one.name)) for one in known}
    lines = [
        (one.name, str(len(one.references)), str(seg.objects), str(seg.found), f"{seg.seg:.4f}")
        for one, seg in found.items()
    ]
    if len(found) > 1:
        lines.append(("mean", "", "", "", f"{sum(seg.seg for seg in found.values()) / len(found):.4f}"))
    return [("sequence", "annotated", "objects", "found", "SEG"), *lines]
