"""The measures of the ISBI 2012 challenge on membranes: best over thresholds (Arganda-Carreras et al. 2015)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.segmentation import watershed

from napari_upaint.core.contingency import check_pair
from napari_upaint.core.partitions import v_rand
from napari_upaint.core.warping import warp_truth

# The challenge's.
THRESHOLDS = tuple(round(0.1 * i, 1) for i in range(10))
_IN_PLANE = np.stack([np.zeros((3, 3), bool), ndimage.generate_binary_structure(2, 1), np.zeros((3, 3), bool)])
_CORNERS = np.ones((3, 3), bool)  # background is connected over corners, too; objects over edges only


@dataclass(frozen=True, slots=True)
class IsbiScores:
    """The challenge's measures at one threshold, or the best of all: see `isbi_scores`.

    Attributes
    ----------
    warping : float
        Share of pixels that split or merge cells after truth's borders were moved.
    rand : float
        1 - F-score of the pairs of pixels that are joined, truth's membranes left out.
    pixel : float
        1 - F-score of the pixels inside cells.
    v_rand : float
        The F-score of `rand` after the membranes found were thinned to lines; 1 is perfect.
    """

    warping: float
    rand: float
    pixel: float
    v_rand: float


def isbi_scores(cells: np.ndarray, truth: np.ndarray) -> IsbiScores:
    """Score a probability map as the challenge does: each measure at the threshold that suits it best.

    Look at all of them: the pixel error knows no topology, and a map without any cell splits and merges none.

    Parameters
    ----------
    cells : numpy.ndarray
        Scores of the insides of cells, 0..1, ([N,] Y, X); what is above a threshold is cell.
    truth : numpy.ndarray
        > 0 inside cells, 0 on membranes; same shape.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    truth = truth > 0
    each = [scores_at(cells > threshold, truth) for threshold in THRESHOLDS]
    least = {name: min(getattr(one, name) for one in each) for name in ("warping", "rand", "pixel")}
    return IsbiScores(**least, v_rand=max(one.v_rand for one in each))


def scores_at(cells: np.ndarray, truth: np.ndarray) -> IsbiScores:
    """Score a binary map, True inside cells, ([N,] Y, X)."""
    check_pair(cells, truth)
    planes = (-1, *truth.shape[-2:])
    cells, truth = cells.reshape(planes), truth.reshape(planes)
    found, regions = components(cells), components(truth)
    both = int(np.count_nonzero(cells & truth))
    counted = int(np.count_nonzero(cells)) + int(np.count_nonzero(truth))
    return IsbiScores(
        warping=float(split_or_merged(cells, truth).mean()) if truth.size else 0.0,
        rand=1 - v_rand(_singles(found), regions),
        pixel=1 - 2 * both / counted if counted else 0.0,
        v_rand=v_rand(_singles(thinned(found)), regions),
    )


def components(cells: np.ndarray) -> np.ndarray:
    """Give the cells of a binary map (N, Y, X) ids that go on from plane to plane; edges connect, corners do not.

    Returns
    -------
    numpy.ndarray
        int32, 0 on membranes.
    """
    return np.asarray(ndimage.label(cells, _IN_PLANE)[0], np.int32)


def thinned(labels: np.ndarray) -> np.ndarray:
    """Let all cells grow alike until the membranes between them are lines of one pixel; (N, Y, X), 0 on membranes."""
    far = np.stack([ndimage.distance_transform_edt(plane == 0) for plane in labels])
    return np.asarray(watershed(far, labels, connectivity=_IN_PLANE, watershed_line=True))


def _singles(labels: np.ndarray) -> np.ndarray:
    """Give every pixel of membrane an id of its own: joined with nothing, it is no segment."""
    labels = labels.astype(np.int64)
    membrane = labels == 0
    labels[membrane] = int(labels.max(initial=0)) + 1 + np.arange(np.count_nonzero(membrane))
    return labels


def split_or_merged(cells: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Mark the pixels that differ after warping and split a cell of truth or merge two (Jain et al. 2010).

    Holes, and cells too many or missing, are not marked: the challenge's warping error does not count them.

    Parameters
    ----------
    cells, truth : numpy.ndarray
        bool, (N, Y, X), True inside cells.

    Returns
    -------
    numpy.ndarray
        bool, (N, Y, X).
    """
    warped = warp_truth(cells, truth)
    marked = np.zeros(warped.shape, bool)
    for plane, ours, mark in zip(warped, cells, marked, strict=True):
        # Framed: an object at the edge of the image is surrounded by background there.
        framed = np.pad(plane, 1)
        objects, outside = ndimage.label(framed)[0], ndimage.label(~framed, _CORNERS)[0]
        for y, x in np.argwhere(plane != ours).tolist():
            around = slice(y, y + 3), slice(x, x + 3)
            mark[y, x] = _splits(outside[around]) if plane[y, x] else _merges(objects[around])
    return marked


def _merges(objects: np.ndarray) -> bool:
    """Whether the centre of 3 x 3 ids touches two objects: turned to object it would join them."""
    return len({int(objects[at]) for at in ((0, 1), (1, 0), (1, 2), (2, 1))} - {0}) > 1


def _splits(outside: np.ndarray) -> bool:
    """Whether one background touches the centre from two sides: the object falls apart if the centre joins it.

    Two different backgrounds would be joined instead: a hole is opened, nothing split.
    """
    pieces, count = ndimage.label(outside > 0, _CORNERS)
    ids = [int(outside[pieces == piece][0]) for piece in range(1, count + 1)]
    return len(set(ids)) < len(ids)
