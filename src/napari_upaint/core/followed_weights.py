"""A weight map that follows an annotation while it is painted: exact, with little to compute after each stroke."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_upaint.core.boxes import Box, box_of, grown
from napari_upaint.core.compiled import kernel
from napari_upaint.core.weight_map import balance_of, border_of, seeds_of, update_border
from napari_upaint.settings import Kind, WeightSettings


@dataclass(frozen=True, slots=True, eq=False)
class ChangedWeights:
    """The part of a weight map that changed.

    Attributes
    ----------
    box : tuple of slice
        The part, ([Z,] Y, X).
    weights : numpy.ndarray
        float32, the new weights of that part.
    """

    box: Box
    weights: np.ndarray


class FollowedWeights:
    """The weight map of one plane or volume; see `core.weight_map.weight_map`.

    The border term and the classes are stored separately. With objects, a stroke changes the border term only around
    itself. The balance of the classes changes everywhere with every stroke, but is only a table.

    Parameters
    ----------
    kind, settings, spacing
        As for `weight_map`.
    """

    def __init__(self, kind: Kind, settings: WeightSettings, spacing: Sequence[float] | None = None) -> None:
        self.kind, self.settings, self.spacing = kind, settings, spacing
        self._known = np.zeros(0, np.uint8)
        self._classes = np.zeros(0, np.int32)
        self._border = np.zeros(0, np.float32)
        self._counts = np.zeros(2, np.int64)
        self._painted: Box = ()
        self.table = np.zeros(2, np.float32)

    def follow(self, annotation: np.ndarray) -> ChangedWeights | None:
        """Look at the annotation; return what changed in the map, None if nothing did.

        Parameters
        ----------
        annotation : numpy.ndarray
            Integers, ([Z,] Y, X); always of the same plane or volume.
        """
        fresh = self._known.shape != annotation.shape or self._known.dtype != annotation.dtype
        if fresh:
            self._begin(annotation)
        changed = box_of(self._known != annotation)
        if changed is None:
            return ChangedWeights(_whole(annotation.shape), self._weights(_whole(annotation.shape))) if fresh else None
        self._known[changed] = annotation[changed]
        before, table = self._painted, self.table
        around = self._follow_objects(changed) if self.kind == "objects" else self._follow_classes()
        self.table = balance_of(self._counts, self._known.size, self.settings)
        self._painted = box_of(self._known > 0) or tuple(slice(0, 0) for _ in annotation.shape)
        same = len(table) == len(self.table) and bool((table == self.table).all())
        box = _whole(annotation.shape) if fresh else around if same else _union(before, self._painted)
        return ChangedWeights(box, self._weights(box))

    def _begin(self, annotation: np.ndarray) -> None:
        self._known = np.zeros(annotation.shape, annotation.dtype)
        self._classes = np.full(annotation.shape, -1, np.int32)
        self._border = np.zeros(annotation.shape, np.float32)
        self._counts = np.zeros(2, np.int64)

    def _follow_objects(self, changed: Box) -> Box:
        """Update classes and border around a change; return the box in which they may have changed."""
        shape = self._known.shape
        # A stroke also decides whether its neighbours lie in the gap between touching objects.
        near, read = (grown(changed, (by,) * len(shape), shape) for by in (1, 2))
        inner = tuple(slice(n.start - r.start, n.stop - r.start) for n, r in zip(near, read, strict=True))
        classes = np.minimum(seeds_of(self._known[read], "objects")[inner], 1)
        for sign, part in ((-1, self._classes[near]), (1, classes)):
            self._counts += sign * np.bincount(part.ravel() + 1, minlength=3)[1:]
        self._classes[near] = classes
        return update_border(self._border, self._known, changed, self.settings, self.spacing)

    def _follow_classes(self) -> Box:
        """Recompute everything that is painted, as a stroke may join distant patches of a class; return its box."""
        self._border[self._painted or ...] = 0
        self._classes[self._painted or ...] = -1
        painted = box_of(self._known > 0)
        self._counts = np.zeros(2, np.int64)
        if painted is None:
            return self._painted or _whole(self._known.shape)
        classes = seeds_of(self._known[painted], "classes")
        self._classes[painted] = classes
        self._counts = np.bincount(classes[classes >= 0], minlength=2)
        self._border[painted] = border_of(classes, "classes", self.settings, self.spacing)
        return _union(self._painted, painted)

    def _weights(self, box: Box) -> np.ndarray:
        weights = self._border[box].copy()
        _add_balance(weights.ravel(), np.ascontiguousarray(self._classes[box]).ravel(), self.table)
        return weights


@kernel
def _add_balance(weights: np.ndarray, classes: np.ndarray, table: np.ndarray) -> None:
    """Add w_c of the classes to the weights; classes < 0 are unlabelled and have none."""
    for i in range(len(weights)):
        if classes[i] >= 0:
            weights[i] += table[classes[i]]


def _whole(shape: tuple[int, ...]) -> Box:
    return tuple(slice(0, n) for n in shape)


def _union(one: Box, other: Box) -> Box:
    """Return the smallest box around two boxes; empty ones do not count."""
    boxes = [box for box in (one, other) if box and all(s.stop > s.start for s in box)]
    if not boxes:
        return other
    return tuple(slice(min(s.start for s in along), max(s.stop for s in along)) for along in zip(*boxes, strict=True))
