"""The measures of the ISBI 2012 challenge on membranes: best over thresholds (Arganda-Carreras et al. 2015)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.segmentation import watershed

from napari_upaint.core.contingency import check_pair
from napari_upaint.core.partitions import v_rand
from napari_upaint.core.warping import warp_truth

# Those of the challenge.
THRESHOLDS = tuple(round(0.1 * i, 1) for i in range(10))
_IN_PLANE = np.stack([np.zeros((3, 3), bool), ndimage.generate_binary_structure(2, 1), np.zeros((3, 3), bool)])
_CORNERS = np.ones((3, 3), bool)  # background is also connected across corners; objects only across edges


@dataclass(frozen=True, slots=True)
class IsbiScores:
    """The measures of the challenge at one threshold, or the best of all: see `isbi_scores`.

    Attributes
    ----------
    warping : float
        Share of pixels that split or merge cells after the borders of the truth were warped.
    rand : float
        1 - F-score of the pairs of joined pixels, without the membranes of the truth.
    pixel : float
        1 - F-score of the pixels inside cells.
    v_rand : float
        The F-score of `rand` after the found membranes were thinned to lines; 1 is perfect.
    """

    warping: float
    rand: float
    pixel: float
    v_rand: float


def isbi_scores(cells: np.ndarray, truth: np.ndarray) -> IsbiScores:
    """Score a probability map as the challenge does: each measure at the threshold that suits it best.

    Look at all of them: the pixel error ignores topology, and a map without any cell splits and merges none.

    Parameters
    ----------
    cells : numpy.ndarray
        Scores for the inside of cells, 0..1, ([N,] Y, X); pixels above a threshold are cells.
    truth : numpy.ndarray
        > 0 inside cells, 0 on membranes; same shape.

    Raises
    ------
    ValueError
        If the shapes differ, or there are no pixels.
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
        warping=float(split_or_merged(cells, truth).mean()),
        rand=1 - v_rand(_singles(found), regions),
        pixel=1 - 2 * both / counted if counted else 0.0,
        v_rand=v_rand(_singles(thinned(found)), regions),
    )


def components(cells: np.ndarray) -> np.ndarray:
    """Return ids of the cells in a binary map (N, Y, X), unique in all planes; edges connect, corners do not.

    Returns
    -------
    numpy.ndarray
        int32, 0 on membranes.
    """
    return np.asarray(ndimage.label(cells, _IN_PLANE)[0], np.int32)


def thinned(labels: np.ndarray) -> np.ndarray:
    """Grow all cells at the same rate until the membranes are lines of one pixel; (N, Y, X), 0 on membranes."""
    far = np.stack([ndimage.distance_transform_edt(plane == 0) for plane in labels])
    return np.asarray(watershed(far, labels, connectivity=_IN_PLANE, watershed_line=True))


def _singles(labels: np.ndarray) -> np.ndarray:
    """Give every membrane pixel its own id, so that it is joined with no other and belongs to no segment."""
    labels = labels.astype(np.int64)
    membrane = labels == 0
    labels[membrane] = int(labels.max(initial=0)) + 1 + np.arange(np.count_nonzero(membrane))
    return labels


def split_or_merged(cells: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Mark pixels that differ after warping and split a cell of the truth or merge two (Jain et al. 2010).

    Holes, extra cells and missing cells are not marked, as the warping error of the challenge does not count them.

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
        # Framed, so that background surrounds objects at the edge of the image.
        framed = np.pad(plane, 1)
        objects, outside = ndimage.label(framed)[0], ndimage.label(~framed, _CORNERS)[0]
        for y, x in np.argwhere(plane != ours).tolist():
            around = slice(y, y + 3), slice(x, x + 3)
            mark[y, x] = _splits(outside[around]) if plane[y, x] else _merges(objects[around])
    return marked


def _merges(objects: np.ndarray) -> bool:
    """Return whether the centre of 3 x 3 ids touches two objects: as part of an object it would join them."""
    return len({int(objects[at]) for at in ((0, 1), (1, 0), (1, 2), (2, 1))} - {0}) > 1


def _splits(outside: np.ndarray) -> bool:
    """Return whether one background touches the centre from two sides: the object is split if the centre joins it.

    If the two are different backgrounds, they are joined instead: a hole is opened, and nothing is split.
    """
    pieces, count = ndimage.label(outside > 0, _CORNERS)
    ids = [int(outside[pieces == piece][0]) for piece in range(1, count + 1)]
    return len(set(ids)) < len(ids)
