"""What the simulated annotator paints, at first and then round by round."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from skimage.measure import label

from benchmarks.strokes.contenders import Contender
from napari_upaint.core.labels import BACKGROUND, FIRST
from napari_upaint.core.strokes import paint_strokes, stroke
from napari_upaint.core.uncertainty import margin, object_radius, where_next
from napari_upaint.settings import Kind

MODES = ("once", "corrective", "unsure", "anywhere")
ROUNDS = {"once": 1, "corrective": 4, "unsure": 4, "anywhere": 4}
# Places visited in a round; at each, the annotator paints up to two strokes.
PLACES = 3


@dataclass(frozen=True)
class Brush:
    """How much is painted at first, and how.

    Attributes
    ----------
    objects, background : int
        Numbers of strokes; for classes, `objects` is the number on each.
    length, width : int
        Of a stroke, in pixels.
    """

    objects: int = 8
    background: int = 5
    length: int = 40
    width: int = 3


def first_paint(truth: np.ndarray, rng: np.random.Generator, brush: Brush, kind: Kind, mode: str) -> np.ndarray:
    """Paint the strokes of the first round; half as many if more will follow at chosen places."""
    share = 1 if mode in ("once", "corrective") else 2
    return paint_strokes(
        truth,
        rng,
        n_object=max(2, brush.objects // share),
        n_background=max(2, brush.background // share),
        length=brush.length,
        width=brush.width,
        kind=kind,
    )


def more_paint(
    image: np.ndarray,
    truth: np.ndarray,
    annotation: np.ndarray,
    learner: Contender,
    rng: np.random.Generator,
    brush: Brush,
    kind: Kind,
    mode: str,
) -> np.ndarray:
    """Return the annotation of the next round, including what was painted before."""
    if mode == "corrective":
        return correct(truth, learner.labels(image, kind, split=False), annotation, rng, brush, kind)
    for place, radius in _places(image, annotation, learner, rng, kind, mode):
        annotation = visit(truth, annotation, place, radius, rng, brush, kind)
    return annotation


def correct(
    truth: np.ndarray, found: np.ndarray, annotation: np.ndarray, rng: np.random.Generator, brush: Brush, kind: Kind
) -> np.ndarray:
    """Paint where a result is wrong, the largest errors first, as a person corrects it; what is painted stays.

    As many strokes as at the places of a round, or one for each error.
    """
    painted = annotation.copy()
    wrong = found != truth if kind == "classes" else ((found > 0) != (truth > 0)) | _merged(truth, found)
    regions = label(np.where(wrong, truth.astype(np.int64) + 1, 0), background=0, connectivity=1)
    sizes = np.bincount(regions.ravel())
    sizes[0] = 0
    for region in np.argsort(-sizes, kind="stable")[: min(2 * PLACES, np.count_nonzero(sizes))]:
        here = regions == region
        new = stroke(here & (painted == 0), rng, length=brush.length, width=brush.width)
        painted[new] = _paint(painted, truth, int(truth[here][0]), kind)
    return painted


def _merged(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return where one object of a result covers several objects of the truth, most of the area of each."""
    both = (truth > 0) & (found > 0)
    pairs, counts = np.unique(np.stack([truth[both], found[both]]), axis=1, return_counts=True)
    sizes = np.bincount(truth.ravel())
    most = pairs[:, 2 * counts > sizes[pairs[0]]]
    shared = [p for p, n in zip(*np.unique(most[1], return_counts=True), strict=True) if n > 1]
    return both & np.isin(found, shared) & np.isin(truth, most[0][np.isin(most[1], shared)])


def _places(
    image: np.ndarray, annotation: np.ndarray, learner: Contender, rng: np.random.Generator, kind: Kind, mode: str
) -> list[tuple[tuple[int, ...], int]]:
    radius = object_radius(learner.labels(image, kind, split=False))
    if mode == "anywhere":
        return [(tuple(int(rng.integers(n)) for n in annotation.shape), radius) for _ in range(PLACES)]
    unsure, visited = margin(learner.scores(image)), list[tuple[int, ...]]()
    for _ in range(PLACES):
        place = where_next(unsure, annotation, visited, radius)
        if place is None:
            break
        visited.append(place.at)
    return [(at, radius) for at in visited]


def visit(
    truth: np.ndarray,
    annotation: np.ndarray,
    place: tuple[int, ...],
    radius: int,
    rng: np.random.Generator,
    brush: Brush,
    kind: Kind,
) -> np.ndarray:
    """Paint near a place: one stroke on the object that covers most of the window around it, one on the background."""
    painted = annotation.copy()
    window = tuple(slice(max(0, at - radius), at + radius + 1) for at in place)
    here = np.zeros(truth.shape, bool)
    here[window] = True
    values, counts = np.unique(truth[here & (truth > 0)], return_counts=True)
    for value in (0, int(values[counts.argmax()]) if len(values) else 0):
        free = (truth == value) & (painted == 0)
        if (free & here).any():
            new = stroke(free, rng, length=brush.length, width=brush.width, start=here)
            painted[new] = _paint(painted, truth, value, kind)
    return painted


def _paint(painted: np.ndarray, truth: np.ndarray, value: int, kind: Kind) -> int:
    if value == 0:
        return BACKGROUND
    if kind == "classes":
        return value + 1
    known = painted[(truth == value) & (painted >= FIRST)]
    return int(np.bincount(known).argmax()) if len(known) else max(FIRST, int(painted.max()) + 1)
