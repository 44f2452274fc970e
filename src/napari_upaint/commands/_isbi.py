"""Stacks as the ISBI 2012 challenge lays them out: scores of cells or membranes, and labels, slice by slice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_upaint.commands._planes import check_shapes, load_labels, shape
from napari_upaint.commands._segmenting import Segment
from napari_upaint.core.isbi import isbi_scores
from napari_upaint.errors import AnnotationError, FileError
from napari_upaint.io.images import Image, list_images, planes, read_image

_ADVICE = " (slices x height x width); give a label for every slice."
# Outputs of a model that are not cells.
_NO_CELL = ("background", "border")


def _named(folder: Path, name: str) -> Path:
    """Return a file or folder of the challenge; `FileError` if it is missing."""
    for path in (folder / f"{name}.tif", folder / f"{name}.tiff", folder / name):
        if path.exists():
            return path
    raise FileError(f"{folder} holds no {name}.tif and no folder {name}; give images and labels as two arguments.")


def read_stack(path: Path) -> list[Image]:
    """Read a stack: one file, or the slices of a folder in the order of their names."""
    return [read_image(one) for one in list_images(path)]


def read_truth(path: Path, *, membranes: bool = False) -> np.ndarray:
    """Read the labels of a stack.

    Parameters
    ----------
    membranes : bool
        Whether values above 0 are membranes instead of cells.

    Returns
    -------
    numpy.ndarray
        bool, (N, Y, X), True inside cells.
    """
    labels = _stacked(path, [load_labels(one)[1] for one in list_images(path)])
    return np.asarray((labels > 0) != membranes)


def read_scores(path: Path) -> np.ndarray:
    """Read scores: one channel, 0 to 1 (integers: 0 to the highest value of their type), or this program's own.

    Returns
    -------
    numpy.ndarray
        float32, (N, Y, X).
    """
    parts = [np.stack([_cells(image, plane) for _, plane in planes(image)]) for image in read_stack(path)]
    return _stacked(path, parts)


def _stacked(path: Path, parts: Sequence[np.ndarray]) -> np.ndarray:
    shapes = sorted({part.shape[1:] for part in parts})
    if len(shapes) > 1:
        raise AnnotationError(
            f"Slices of {path} are {shape(shapes[0])} and {shape(shapes[1])} pixels; give slices of one size."
        )
    return np.concatenate(parts)


def _cells(image: Image, plane: np.ndarray) -> np.ndarray:
    if len(plane) > 1:
        if len(image.channel_names) != len(plane) or "background" not in image.channel_names:
            raise AnnotationError(
                f"{image.name} has {len(plane)} channels; scores are one channel, or a file NAME_scores.tif of upaint."
            )
        return cell_scores(plane, image.channel_names)
    values = plane[0]
    if values.dtype.kind in "ui":
        # A binary map is often stored as 0 and 1.
        top = 1 if values.max(initial=0) <= 1 else np.iinfo(values.dtype).max
        return np.asarray(values / np.float32(top), np.float32)
    if not (values.min() >= 0 and values.max() <= 1):  # nor is NaN
        raise AnnotationError(
            f"{image.name} holds values from {values.min():g} to {values.max():g}; scores are 0 to 1."
        )
    return np.asarray(values, np.float32)


def cell_scores(scores: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Return the score of any class but background and border; channels first, (C, Y, X) to (Y, X)."""
    kept = [at for at, name in enumerate(names) if name not in _NO_CELL]
    return np.asarray(scores[kept].astype(np.float32).sum(0))


def rows(
    given: Path, labels: Path | None, segment: Segment | None, membranes: tuple[bool, bool]
) -> list[tuple[str, ...]]:
    """Compute the challenge's measures as rows of a table.

    Parameters
    ----------
    given, labels : Path
        Scores, or images if there is a model; ground truth. With a model, `given` may be the challenge's folder.
    segment : callable or None
        Segments an image with the model.
    membranes : (bool, bool)
        Whether high scores, and whether high labels, mean membranes.

    Raises
    ------
    FileError, AnnotationError
        If a file is missing, or scores do not fit the labels.
    """
    if labels is None and (segment is None or not given.is_dir()):
        raise FileError("--isbi needs SCORES and LABELS; or, with --model, the folder that holds test-volume.tif.")
    if labels is None:
        given, labels = _named(given, "test-volume"), _named(given, "test-labels")
    truth = read_truth(labels, membranes=membranes[1])
    if segment is None:
        scores = read_scores(given)
        check_shapes(given, scores.shape, labels, truth.shape, _ADVICE)
    else:
        images = read_stack(given)
        found = (sum(image.plane_count for image in images), *images[0].plane_shape)
        check_shapes(given, found, labels, truth.shape, _ADVICE)  # now, not after an hour of segmenting
        scores = _segmented(given, images, segment)
    best = isbi_scores(1 - scores if membranes[0] else scores, truth)
    cells = (f"{best.warping:.6f}", f"{best.rand:.4f}", f"{best.pixel:.4f}", f"{best.v_rand:.4f}")
    return [("", "warping error", "Rand error", "pixel error", "V-Rand"), (f"{len(truth)} slices", *cells)]


def _segmented(path: Path, images: Sequence[Image], segment: Segment) -> np.ndarray:
    parts = []
    for image in images:
        result = segment(image, image.name)
        assert result.scores is not None
        scores = result.scores.reshape(-1, *result.scores.shape[-3:])
        parts.append(np.stack([cell_scores(plane, result.names) for plane in scores]))
    return _stacked(path, parts)
