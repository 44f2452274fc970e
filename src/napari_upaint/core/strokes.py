"""A simulated annotator: brush strokes as a person would paint them, drawn from a ground truth.

Used by the demo, the tests and the benchmarks. A stroke never leaves what it marks: object strokes stay inside their
object (a little off its edge, as a careful person paints), background strokes stay in the background. Some of the
latter run through gaps between close objects, where a network needs them most.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.segmentation import expand_labels

from napari_upaint.core.boxes import box_of, grown
from napari_upaint.core.labels import BACKGROUND, FIRST
from napari_upaint.settings import Kind

# Half the width, px, of the widest gap between objects that is worth a stroke.
_GAP_REACH = 8
# A person would not hit specks of fewer pixels with a brush.
_SMALLEST = 12
# Turns (radians) that a hand tries if the way ahead is blocked, mildest first.
_TURNS = (0.0, 0.4, -0.4, 0.8, -0.8, 1.3, -1.3, 1.9, -1.9, 2.6, -2.6)


def paint_strokes(
    truth: np.ndarray,
    rng: np.random.Generator,
    *,
    n_object: int = 6,
    n_background: int = 4,
    length: int = 40,
    width: int = 3,
    kind: Kind = "objects",
) -> np.ndarray:
    """Paint strokes on some objects and on the background of a ground truth.

    Parameters
    ----------
    truth : numpy.ndarray
        Integers, axes (Y, X), 0 background; objects by id, or classes 1, 2, ...
    rng : numpy.random.Generator
        Source of all randomness: with the same state, the same strokes are painted.
    n_object : int
        Strokes on objects, one on each, in pairs of neighbours; for classes, strokes per class.
    n_background : int
        Strokes on background, every other one through a gap between close objects, if there is one.
    length, width : int
        Length of a stroke and diameter of the brush in px; on small objects strokes are shorter.
    kind : {"objects", "classes"}
        Whether the painted values are objects (2, 3, ... in order of painting) or classes (class of `truth` + 1).

    Returns
    -------
    numpy.ndarray
        The annotation, uint16, axes (Y, X): 0 unlabelled, 1 background, from 2 up objects or classes.
    """
    annotation = np.zeros(truth.shape, np.uint16)
    if kind == "classes":
        plan = [(int(k), int(k) + 1) for k in np.unique(truth[truth > 0]) for _ in range(n_object)]
    else:
        plan = [(chosen, FIRST + number) for number, chosen in enumerate(_neighbours(truth, rng, n_object))]
    for value, painted in plan:
        region = truth == value
        short = min(length, max(width, round(1.5 * float(np.sqrt(region.sum())))))
        annotation[stroke(region, rng, length=short, width=width)] = painted
    background = truth == 0
    gaps = background & _between(truth)
    for number in range(n_background):
        start = gaps if number % 2 == 0 else None
        annotation[stroke(background, rng, length=length, width=width, start=start)] = BACKGROUND
    return annotation


def stroke(
    mask: np.ndarray, rng: np.random.Generator, *, length: int = 40, width: int = 3, start: np.ndarray | None = None
) -> np.ndarray:
    """Draw one curved stroke that stays inside a mask.

    Parameters
    ----------
    mask : numpy.ndarray
        Boolean, axes (Y, X): where the stroke may be.
    start : numpy.ndarray or None
        Boolean, axes (Y, X): where to begin, and where narrow passages may be followed; None or empty: anywhere.

    Returns
    -------
    numpy.ndarray
        Boolean, axes (Y, X), a part of `mask`; empty only if `mask` is. One pixel is left free along the edge of the
        mask wherever it is wide enough.
    """
    drawn = np.zeros_like(mask, dtype=bool)
    tight = box_of(mask)
    if tight is None:
        return drawn
    box = grown(tight, (1, 1), mask.shape)  # with a pixel around it, so that depths inside do not change
    inside, ends = mask[box], mask[box] if start is None else (start & mask)[box]
    depth = np.full(inside.shape, np.inf) if inside.all() else ndimage.distance_transform_edt(inside)
    allowed = begin = depth >= min(width / 2 + 1, 0.7 * float(depth.max()))
    if start is not None and ends.any():
        begin = ends
        allowed = allowed | ends | (ndimage.binary_dilation(ends) & (depth > 1))
    path = _walk(allowed, begin, rng, length)
    reach = np.arange(-(width // 2), width // 2 + 1)
    brush = np.hypot(*np.meshgrid(reach, reach)) <= width / 2
    drawn[box] = path | (ndimage.binary_dilation(path, brush) & inside & (depth > 1))
    return drawn


def _walk(allowed: np.ndarray, begin: np.ndarray, rng: np.random.Generator, length: int) -> np.ndarray:
    """Walk `length` steps of 1 px from anywhere in `begin`, bending like a hand, never leaving `allowed`."""
    path = np.zeros(allowed.shape, bool)
    where = np.flatnonzero(begin)
    y, x = (float(v) for v in np.unravel_index(where[rng.integers(len(where))], allowed.shape))
    heading, bend = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.04)
    path[round(y), round(x)] = True
    for _ in range(length - 1):
        heading += bend + rng.normal(0, 0.08)
        for turn in _TURNS:
            ahead_y, ahead_x = y + np.sin(heading + turn), x + np.cos(heading + turn)
            row, column = round(ahead_y), round(ahead_x)
            if 0 <= row < allowed.shape[0] and 0 <= column < allowed.shape[1] and allowed[row, column]:
                y, x, heading = ahead_y, ahead_x, heading + turn
                path[row, column] = True
                break
        else:
            break
    return path


def _neighbours(truth: np.ndarray, rng: np.random.Generator, n: int) -> list[int]:
    """Choose up to `n` random objects, every second one the neighbour of the one before, so that gaps become known."""
    ids, sizes = np.unique(truth[truth > 0], return_counts=True)  # ids may be huge
    ids = ids[sizes >= _SMALLEST]
    if not len(ids):
        return []
    centres = np.asarray(ndimage.center_of_mass(truth > 0, truth, ids))
    free, chosen = np.ones(len(ids), bool), list[int]()
    while free.any() and len(chosen) < n:
        if len(chosen) % 2 == 0:
            current = int(rng.choice(np.flatnonzero(free)))
        else:
            away = np.linalg.norm(centres - centres[current], axis=1)
            current = int(np.argmin(np.where(free, away, np.inf)))
        free[current] = False
        chosen.append(int(ids[current]))
    return chosen


def _between(truth: np.ndarray) -> np.ndarray:
    """Return where two different objects are within reach (the outer rim of an expanded object is not a gap)."""
    near = expand_labels(truth, _GAP_REACH).astype(np.int64)  # one more than the largest id of a dtype is 0
    largest = ndimage.maximum_filter(near, 3)
    smallest = ndimage.minimum_filter(np.where(near > 0, near, largest.max() + 1), 3)
    return np.asarray(smallest < largest)
