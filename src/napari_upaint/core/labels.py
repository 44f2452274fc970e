"""What painted values mean: 0 unlabelled, 1 background, from 2 up classes or objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy import ndimage

from napari_upaint.core.border import carve_border
from napari_upaint.core.boxes import telling_boxes
from napari_upaint.core.finite import check_finite
from napari_upaint.core.ids import to_int32
from napari_upaint.core.regions import learnt
from napari_upaint.core.sample import Sample
from napari_upaint.errors import AnnotationError
from napari_upaint.settings import Kind

UNLABELLED, BACKGROUND, FIRST = 0, 1, 2
IGNORED = -1  # in targets: no loss there
MOST_CLASSES = 32
# Margin around objects within which borders are sought, px: borders reach 2 px, and few boxes are quicker than many.
_AROUND = 32
# Tells users who see paint on the image why it does not count.
_OUTSIDE = " outside validation regions"
_YES = (1, 255, 65535)  # in binary masks
# Share of neighbouring pixels with different numbers: at most 0.07 in labels of all kinds, at least 0.3 in images; and
# of how many pixels that can be told.
_DIFFERENT, _ENOUGH = 0.2, 1000
# Fewer objects say too little about whether an annotation is a finished mask.
_FEW_OBJECTS = 5
# Labels beyond these can be painted too; they have no name in napari's status bar.
_NAMED_LABELS = 255


def label_names(kind: Kind) -> dict[str, Sequence[int] | Sequence[str]]:
    """Return what painted labels are called, as the features of a labels layer."""
    what = "object" if kind == "objects" else "class"
    names = ["unlabelled", "background", *(f"{what} {n}" for n in range(FIRST, _NAMED_LABELS))]
    return {"index": range(len(names)), "label": names}


def check_samples(samples: Sequence[Sample], kind: Kind) -> None:
    """Make sure that something can be learnt from the samples together.

    Raises
    ------
    AnnotationError
        If shapes differ, labels are not whole numbers of 0 or more, nothing is painted, background or everything else
        is missing, or there are too many classes.
    ImageError
        If an image holds NaN or infinite pixels.
    """
    for sample in samples:
        _check_sample(sample)
    counts = painted_pixels([learnt(sample.annotation, sample.validation) for sample in samples])
    tested = any(sample.validation is not None for sample in samples)
    every = painted_pixels([sample.annotation for sample in samples]) if tested else counts
    if every and not counts:
        raise AnnotationError("All paint lies in validation regions; paint a few strokes outside them to learn from.")
    if not counts:
        raise AnnotationError("Nothing is painted; paint a few strokes with label 1 on background and 2 on an object.")
    if BACKGROUND not in counts:
        where = _OUTSIDE if BACKGROUND in every else ""
        raise AnnotationError(
            f"Only objects are painted{where}, no background; paint a few strokes with label 1 beside them."
        )
    if len(counts) == 1:
        where = _OUTSIDE if len(every) > 1 else ""
        raise AnnotationError(
            f"Only background (label 1) is painted{where}; paint a few strokes with label 2 on what you look for."
        )
    check_highest(max(every), kind)


def check_highest(label: int, kind: Kind, first: int = FIRST) -> None:
    """Raise an AnnotationError if the highest label cannot be a class: memory and time grow with how many there are.

    `first`: the number of the first class.
    """
    if kind == "classes" and label >= MOST_CLASSES + first:
        raise AnnotationError(
            f"Label {label} is painted as a class, but classes end at {MOST_CLASSES + first - 1}; "
            "choose 'objects' if every label is one object."
        )


def check_lowest(annotation: np.ndarray, image: str) -> None:
    """Raise an AnnotationError if the annotation of an image (its name) holds negative labels."""
    lowest = int(annotation.min(initial=0))
    if lowest < 0:
        raise AnnotationError(f"The labels of {image} hold {lowest}; labels start at 0.")


def _check_sample(sample: Sample) -> None:
    image, annotation = sample.image.shape[1:], sample.annotation.shape
    if image != annotation or (sample.validation is not None and sample.validation.shape != annotation):
        raise AnnotationError(
            f"The labels of {sample.name} have shape {annotation}, the image {image}; make new labels for this image."
        )
    if sample.annotation.dtype.kind not in "ui":
        raise AnnotationError(
            f"The labels of {sample.name} hold {sample.annotation.dtype} values; labels must be whole numbers."
        )
    check_lowest(sample.annotation, sample.name)
    check_finite(sample.image, sample.name)


def as_classes(annotation: np.ndarray, kind: Kind) -> np.ndarray:
    """Return an annotation in which all painted objects are one class; classes do not change."""
    return np.minimum(annotation, FIRST) if kind == "objects" else annotation


def from_masks(masks: np.ndarray, kind: Kind = "objects") -> np.ndarray:
    """Return the annotation that corresponds to finished masks, as other programs and people write them.

    Parameters
    ----------
    masks : numpy.ndarray
        Integers, (..., Y, X): 0 background, from 1 up objects or classes. A binary mask, such as Fiji's of 0 and 255,
        holds one class, and each of its connected parts is an object.
    kind : {"objects", "classes"}
        Objects are renumbered if an id does not fit.

    Returns
    -------
    numpy.ndarray
        Same shape, int32: 1 background, from 2 up objects or classes. A plane without any object stays unlabelled:
        perhaps nobody has looked at it.

    Raises
    ------
    AnnotationError
        If the number of a class is too large.
    """
    seen = (masks > 0).any(axis=(-2, -1), keepdims=True)
    if is_binary(masks):
        masks = _patches(masks)[0] if kind == "objects" else masks > 0
    check_highest(int(masks.max(initial=0)), kind, first=BACKGROUND)  # as it is in the masks, not one more
    return np.where(seen, to_int32(masks, kind) + BACKGROUND, UNLABELLED)


def is_binary(labels: np.ndarray) -> bool:
    """Return whether labels only say yes (1, or white in 8 or 16 bits) and no (0), such as Fiji's masks."""
    highest = labels.max(initial=0)
    return highest in _YES and bool(((labels == 0) | (labels == highest)).all())


def is_unnumbered(labels: np.ndarray) -> bool:
    """Return whether several separate parts have one number: a mask, in which objects are not told apart."""
    return is_binary(labels) and _patches(labels)[1] > 1


def like_gray_values(plane: np.ndarray) -> bool:
    """Return whether a plane of labels seems to be an image: in labels, most neighbouring pixels have one number."""
    here, beside = plane[:, 1:], plane[:, :-1]
    both = (here > 0) & (beside > 0)
    return bool(both.sum() >= _ENOUGH and (here != beside)[both].mean() > _DIFFERENT)


def like_masks(annotations: Sequence[np.ndarray]) -> bool:
    """Return whether annotations of objects seem to be finished masks: 1 is one patch in each, as an object is."""
    objects = 0
    for annotation in annotations:
        counts = painted_pixels([annotation])
        background = counts.pop(BACKGROUND, 0)
        # Paint seldom gets beyond the first question, and the second takes memory.
        if background > max(counts.values(), default=0) or _patches(annotation == BACKGROUND)[1] > 1:
            return False
        objects = max(objects, len(counts))
    return objects >= _FEW_OBJECTS


def _patches(where: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the connected parts of a mask, numbered from 1 up, and how many there are; corners connect."""
    patches, count = ndimage.label(where, np.ones((3,) * where.ndim))
    return patches, count


def painted_pixels(annotations: Iterable[np.ndarray]) -> dict[int, int]:
    """Count the painted pixels of every value, in ascending order; unlabelled ones are left out."""
    counts: dict[int, int] = {}
    for annotation in annotations:
        values, numbers = np.unique(annotation[annotation > 0], return_counts=True)
        for value, number in zip(values.tolist(), numbers.tolist(), strict=True):
            counts[int(value)] = counts.get(int(value), 0) + int(number)
    return dict(sorted(counts.items()))


def class_names(annotations: Sequence[np.ndarray], kind: Kind) -> tuple[str, ...]:
    """Return the names of the network's outputs that the annotations ask for, "background" first.

    Numbers between the painted classes count as well, so that class k is always output k - 1.
    """
    if kind == "objects":
        return ("background", "object")
    highest = max(painted_pixels(annotations), default=FIRST)
    if highest <= FIRST:
        return ("background", "object")  # a single class: the same task as objects
    return ("background", *(f"class {value}" for value in range(FIRST, highest + 1)))


def targets(annotation: np.ndarray, kind: Kind, *, border: int | None = None) -> np.ndarray:
    """Turn an annotation into indices of the network's outputs.

    Parameters
    ----------
    annotation : numpy.ndarray
        Any integer type, ([Z,] Y, X).
    kind : {"objects", "classes"}
    border : int or None
        Output index of the border between objects; None if the network has none. Borders are known only where two
        painted objects meet.

    Returns
    -------
    numpy.ndarray
        int16, ([Z,] Y, X): -1 unlabelled, 0 background, 1.. classes (objects: 1), or `border`.
    """
    known = annotation > UNLABELLED
    # Ids of objects may be huge: they are compared in their own dtype, never converted.
    values = annotation > BACKGROUND if kind == "objects" else annotation.astype(np.int16) - BACKGROUND
    result = np.where(known, values, IGNORED).astype(np.int16)
    if kind == "objects":
        objects = np.where(annotation >= FIRST, annotation, 0)
        if border is not None:
            result[borders(objects) & known] = border
        else:  # the gap between touching objects is background (paper, sec. 3), and the weight map is higher there
            result[(carve_border(objects) == 0) & (objects > 0)] = 0
    return result


def borders(labels: np.ndarray) -> np.ndarray:
    """Return where two objects meet: object pixels beside another object, and gaps of up to 3 pixels between two.

    Parameters
    ----------
    labels : numpy.ndarray
        Ids of objects, ([Z,] Y, X); 0 and below: not an object.
    """
    # Filters only compare ids, so these may be renumbered; int32 keeps the filters quick and exact. Little of a large
    # image is painted: sorting all of its pixels would take most of the time until a stroke is learnt.
    ids, painted = np.zeros(labels.shape, np.int32), labels > 0
    ids[painted] = np.unique(labels[painted], return_inverse=True)[1] + 1
    none = np.iinfo(np.int32).max
    result = np.zeros(labels.shape, bool)
    for box in telling_boxes(painted, (_AROUND,) * labels.ndim):
        here, found = ids[box], result[box]
        for size, where in ((3, here > 0), (5, here == 0)):
            most = ndimage.maximum_filter(here, size)
            least = ndimage.minimum_filter(np.where(here > 0, here, none), size)
            found |= where & (least < most)
    return result
