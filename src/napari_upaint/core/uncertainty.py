"""How unsure a network is at each pixel, and where paint would teach it most."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from scipy import ndimage

from napari_upaint.core.ids import number_ids

Method = Literal["margin", "entropy", "rotations"]

# A place with a lower mean uncertainty in its window is not worth a visit: the edge of a well-found object has as much.
LEAST = 0.1
_RADII = (4, 64)  # limits for the radius of a window about as large as an object, px
_DEFAULT_RADIUS = 12


@dataclass(frozen=True, slots=True)
class Place:
    """Where to paint next.

    Attributes
    ----------
    at : tuple of int
        Index of the centre, ([Z,] Y, X).
    uncertainty : float
        Mean over the window around it, 0..1.
    """

    at: tuple[int, ...]
    uncertainty: float


def margin(scores: np.ndarray) -> np.ndarray:
    """Return 1 minus the lead of the best class over the second: 0 sure, 1 undecided; float32, ([Z,] Y, X).

    Parameters
    ----------
    scores : numpy.ndarray
        Softmax output, (K, [Z,] Y, X), K at least 2.
    """
    if len(scores) == 2:
        return np.asarray(1 - np.abs(np.subtract(scores[1], scores[0], dtype=np.float32)))
    best, second = np.array(scores[0], np.float32), np.array(scores[1], np.float32)
    best, second = np.maximum(best, second), np.minimum(best, second)
    for score in scores[2:]:
        np.maximum(second, np.minimum(best, score), out=second)
        np.maximum(best, score, out=best)
    return np.asarray(1 - (best - second))


def entropy(scores: np.ndarray) -> np.ndarray:
    """Return the entropy of the scores divided by its maximum log(K): 0 sure, 1 all equal; float32, ([Z,] Y, X)."""
    total = np.zeros(scores.shape[1:], np.float32)
    for one in scores:
        # Avoids the logarithm of 0: 0 log 0 is 0.
        score = np.clip(one.astype(np.float32), np.float32(1e-7), 1)
        total -= score * np.log(score)
    return np.asarray(np.clip(total / np.float32(np.log(len(scores))), 0, 1))


class Spread:
    """Mean and spread of predictions that come one by one (Welford's recurrence, as sums of squares would cancel)."""

    def __init__(self, shape: Sequence[int]) -> None:
        self.mean = np.zeros(shape, np.float32)
        self._squares = np.zeros(shape, np.float32)

    def add(self, scores: np.ndarray, nth: int, part: tuple[slice | int, ...] = ()) -> None:
        """Add the `nth` prediction (from 1 up) of all scores, (K, [Z,] Y, X), or of a part of them."""
        mean, squares = self.mean[part], self._squares[part]
        for channel, score in enumerate(scores):
            step = score - mean[channel]
            mean[channel] += step / np.float32(nth)
            squares[channel] += step * (score - mean[channel])

    def value(self, count: int) -> np.ndarray:
        """Return how much `count` predictions differ: 0 all agree, 1 as much as possible; float32, ([Z,] Y, X).

        It is twice the standard deviation of the class for which that is largest.
        """
        return np.asarray(np.clip(2 * np.sqrt(self._squares.max(0) / np.float32(max(1, count))), 0, 1))


def object_radius(labels: np.ndarray) -> int:
    """Return the radius of an object of median size, px, within sensible limits.

    Parameters
    ----------
    labels : numpy.ndarray
        Integers, ([Z,] Y, X), 0 background, one id for each object.
    """
    ids, places = number_ids(labels)
    sizes = np.bincount(places, minlength=len(ids))[ids > 0]
    sizes = sizes[sizes > 0]
    if not len(sizes):
        return _DEFAULT_RADIUS
    ball = np.pi if labels.ndim == 2 else 4 / 3 * np.pi  # the size of a circle or ball of radius 1
    return int(np.clip(round(float(np.median(sizes) / ball) ** (1 / labels.ndim)), *_RADII))


def smoothed(uncertainty: np.ndarray, radius: int) -> np.ndarray:
    """Return the weighted mean of the window around each pixel, float32; outside the image, uncertainty counts as 0.

    The weights fall linearly from the middle to 0 at 2 * (radius // 2) + 1 pixels: with equal weights, a small
    uncertain spot would count the same at the side of a window as in its middle. It is 0 outside because half a window
    at the edge of the image holds half as much to paint.
    """
    means = np.asarray(uncertainty, np.float32)
    for _ in range(2):
        means = ndimage.uniform_filter(means, 2 * (radius // 2) + 1, mode="constant")
    return np.asarray(means)


def where_next(
    uncertainty: np.ndarray,
    painted: np.ndarray,
    visited: Sequence[Sequence[int]] = (),
    radius: int = _DEFAULT_RADIUS,
) -> Place | None:
    """Return the most uncertain place that is neither painted nor visited.

    Places are compared by the mean of a window about as large as an object (`smoothed`): the edge of any object is a
    line of undecided pixels, and single pixels are not worth painting.

    Parameters
    ----------
    uncertainty : numpy.ndarray
        Real numbers 0..1, ([Z,] Y, X): `margin`, `entropy`, or the value of a `Spread`.
    painted : numpy.ndarray
        The annotation, or a mask of what is painted: anything but 0; same shape.
    visited : sequence of index tuples
        Places visited before; their windows do not overlap that of the returned place.
    radius : int
        Half the edge of the window, px; see `object_radius`. The window holds no paint; if every window holds some,
        smaller ones are tried.

    Returns
    -------
    Place or None
        None if every window is sure, painted or visited. If several are equal, the first in the order of the array.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if uncertainty.shape != painted.shape:
        raise ValueError(f"uncertainty of shape {uncertainty.shape}, painted of shape {painted.shape}")
    # A maximum over a box: exact and separable, many times faster than distances.
    taken = ndimage.maximum_filter((painted != 0).view(np.uint8), 2 * radius + 1, mode="constant") > 0
    if taken.all():
        return where_next(uncertainty, painted, visited, radius // 2) if radius else None
    means = smoothed(uncertainty, radius)
    means[taken] = -1
    for place in visited:
        means[tuple(slice(max(0, at - 2 * radius), at + 2 * radius + 1) for at in place)] = -1
    best = np.unravel_index(int(means.argmax()), means.shape)
    value = float(means[best])
    return Place(tuple(int(at) for at in best), min(1.0, value)) if value >= LEAST else None


PlaneKey = TypeVar("PlaneKey", bound=Hashable)


def where_next_of(
    bounds: Mapping[PlaneKey, float], find: Callable[[PlaneKey], Place | None]
) -> tuple[PlaneKey, Place] | None:
    """Return the most uncertain place of several planes, without looking at all of them.

    Parameters
    ----------
    bounds : mapping
        For each plane, the mean of its most uncertain window, painted or not: no place in it can be more uncertain.
    find : callable
        Calls `where_next` for one plane.
    """
    best: tuple[PlaneKey, Place] | None = None
    for key in sorted(bounds, key=lambda one: -bounds[one]):
        if best is not None and best[1].uncertainty >= bounds[key]:
            break
        place = find(key)
        if place is not None and (best is None or place.uncertainty > best[1].uncertainty):
            best = key, place
    return best
