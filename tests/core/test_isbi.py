"""The ISBI 2012 challenge's measures: what costs, what does not, and the best threshold of each."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_upaint.core.isbi import components, isbi_scores, scores_at, split_or_merged, thinned
from napari_upaint.core.warping import warp_truth
from napari_upaint.io.samples import open_sample


def rooms() -> np.ndarray:
    """Four cells of 9 x 9 with walls of 3 between them, (1, Y, X)."""
    cells = np.ones((1, 21, 21), bool)
    cells[:, 9:12] = cells[:, :, 9:12] = False
    return cells


@pytest.fixture(scope="module")
def membranes() -> np.ndarray:
    """Insides of the cells of a real image, (1, Y, X)."""
    truth = open_sample("membranes_em").truth
    assert truth is not None
    return np.asarray(truth)[None, :128, :128] > 0


def test_truth_is_perfect(membranes):
    found = isbi_scores(membranes.astype(float), membranes)
    assert (found.warping, found.rand, found.pixel, found.v_rand) == (0, 0, 0, 1)
    assert isbi_scores(0.05 * rooms(), rooms()) == found  # what is above 0 is above a threshold


def test_a_wall_that_is_missing_merges_two_cells():
    truth, cells = rooms(), rooms()
    cells[:, 9:12, :9] = True
    marked = split_or_merged(cells, truth)
    assert marked.sum() == 9  # the wall, thin
    assert len(np.unique(thinned(components(cells)))) == 1 + 3
    found = scores_at(cells, truth)
    # 4 cells of 81 pixels, two of them joined.
    own, joined = 4 * 81 * 80, 2 * 81 * 80 + 162 * 161
    assert found.rand == pytest.approx(1 - 2 * own / (own + joined), abs=0.02)
    assert found.warping == 9 / 441
    assert found.pixel == pytest.approx(27 / (324 + 351))  # Dice: wrong pixels by those of both


def test_a_cell_cut_in_two_is_split():
    truth, cells = rooms(), rooms()
    cells[:, 4, :9] = False
    assert split_or_merged(cells, truth).sum() == 1  # the thinnest cut
    assert scores_at(cells, truth).v_rand < 0.95


def test_holes_and_lost_cells_split_and_merge_nothing():
    truth, cells = rooms(), rooms()
    cells[:, 3:6, 3:6] = False  # a hole
    cells[:, 12:, 12:] = False  # a lost cell
    assert not split_or_merged(cells, truth).any()
    # A ring that is opened is still one cell; so is one that is closed.
    ring = np.ones((1, 9, 9), bool)
    ring[:, 3:6, 3:6] = False
    opened = ring.copy()
    opened[:, 4, :3] = False
    assert not split_or_merged(opened, ring).any()
    assert not split_or_merged(ring, opened).any()


@pytest.mark.parametrize("seed", range(4))
def test_what_is_marked_splits_or_merges_where_it_is_turned(seed):
    truth, cells = ndimage.gaussian_filter(np.random.default_rng(seed).random((2, 1, 40, 50)), (0, 0, 1.5, 1.5)) > 0.5
    warped, marked = warp_truth(cells, truth)[0], split_or_merged(cells, truth)[0]
    kinds = set()
    for place in zip(*np.nonzero(warped != cells[0]), strict=True):
        turned = warped.copy()
        turned[place] ^= True
        more = ndimage.label(turned)[1] - ndimage.label(warped)[1]
        assert marked[place] == (more > 0 if warped[place] else more < 0)
        kinds.add((bool(marked[place]), bool(warped[place])))
    assert {(True, False), (True, True)} <= kinds and not marked[warped == cells[0]].any()


def test_thick_membranes_cost_pixels_and_no_topology():
    truth = rooms()
    cells = ndimage.binary_erosion(truth, np.ones((1, 3, 3)), border_value=1)
    found = scores_at(cells, truth)
    assert found.warping == 0
    assert found.pixel > 0.05
    assert found.rand > 0.05
    assert found.v_rand > 0.99  # the membranes were thinned


def test_thinning_leaves_lines_and_every_cell(membranes):
    cells = components(membranes)
    thin = thinned(cells)
    assert (thin[membranes] == cells[membranes]).all()
    assert not ndimage.minimum_filter(thin[0] == 0, 3, mode="constant", cval=0).any()
    # Half of a wall goes to each side.
    walls = np.zeros((1, 5, 13), np.int32)
    walls[..., :2], walls[..., -2:] = 1, 2
    assert (thinned(walls)[0] == [*[1] * 6, 0, *[2] * 6]).all()


def test_ids_go_on_from_plane_to_plane():
    both = np.concatenate([rooms(), rooms()])
    assert sorted(np.unique(components(both))) == list(range(9))
    twice, once = scores_at(both, both[::-1]), scores_at(rooms(), rooms())
    assert twice == once


def test_every_measure_chooses_its_threshold(membranes):
    noise = np.random.default_rng(0).normal(0, 1, membranes.shape)
    scores = np.clip(ndimage.gaussian_filter(membranes + noise, (0, 2, 2)), 0, 1)
    best = isbi_scores(scores, membranes)
    each = [scores_at(scores > t / 10, membranes) for t in range(10)]
    assert best.pixel == min(one.pixel for one in each)
    assert best.v_rand == max(one.v_rand for one in each)
    assert best.warping == min(one.warping for one in each) > 0
    with pytest.raises(ValueError, match="shape"):
        isbi_scores(scores[:, 1:], membranes)
