"""Boxes around paint: they hold all of it with its context, and what is computed in them is the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_upaint.core import boxes
from napari_upaint.core.border import seed_border
from napari_upaint.core.boxes import box_of, grown, neighbours, painted_boxes
from napari_upaint.core.labels import borders


@pytest.mark.parametrize("shape", [(40, 50), (6, 40, 50)])
def test_the_region_holds_all_paint_and_its_margin(shape):
    annotation = np.zeros(shape, np.uint16)
    annotation[..., 12:20, 30] = 2
    annotation[..., 25, 7:9] = 1
    annotation[..., 20, 18:22] = 1  # what lies between: it is one box
    [region] = painted_boxes(annotation > 0, (5,) * annotation.ndim)
    assert (annotation[region] > 0).sum() == (annotation > 0).sum()
    assert region[-2:] == (slice(7, 31), slice(2, 36))


def test_a_box_is_as_small_as_it_can_be():
    mask = np.zeros((9, 12), bool)
    assert box_of(mask) is None
    mask[2:5, 3] = mask[4, 7] = True
    assert (box := box_of(mask)) == (slice(2, 5), slice(3, 8))
    assert grown(box, (1, 4), mask.shape) == (slice(1, 6), slice(0, 12))


def test_neighbours_are_one_pixel_apart():
    y, x = np.indices((3, 4))
    (below, above), (right, left) = neighbours(2)
    assert y[below].shape == (2, 4) and (y[below] - y[above] == 1).all() and (x[below] == x[above]).all()
    assert x[right].shape == (3, 3) and (x[right] - x[left] == 1).all() and (y[right] == y[left]).all()


def test_without_paint_nothing_is_left():
    assert painted_boxes(np.zeros((5, 6), bool), (3, 3)) == []


def boxes_of(places, shape, margins):
    """The boxes, from a list of the painted pixels."""
    for axis, margin in enumerate(margins):
        along = np.unique(places[:, axis])
        gaps = np.diff(along)
        if len(gaps) and gaps.max() > 2 * margin + 1:
            before = places[:, axis] <= along[gaps.argmax()]
            return [box for part in (before, ~before) for box in boxes_of(places[part], shape, margins)]
    ends = zip(places.min(axis=0), places.max(axis=0), margins, shape, strict=True)
    return [tuple(slice(max(0, a - margin), min(n, b + margin + 1)) for a, b, margin, n in ends)]


@given(st.integers(0, 10**6), st.sampled_from([0.001, 0.003, 0.02]), st.sampled_from([(12, 30, 30), (40, 50)]))
def test_boxes_hold_all_paint_with_its_context_and_do_not_meet(seed, density, shape):
    painted = np.random.default_rng(seed).random(shape) < density
    margins = (1, 3, 3)[-len(shape) :]
    boxes = painted_boxes(painted, margins)
    assert boxes == (boxes_of(np.argwhere(painted), shape, margins) if painted.any() else [])
    covered = np.zeros(shape, int)
    for box in boxes:
        covered[box] += 1
    assert covered.max() <= 1
    assert covered[painted].all()


def test_a_long_row_of_dots_is_not_too_deep():
    dots = np.zeros((1, 3000), bool)
    dots[0, ::2] = True
    assert len(painted_boxes(dots, (0, 0))) == 1500


@pytest.mark.parametrize("shape", [(90, 120), (20, 60, 70)])
@pytest.mark.parametrize("density", [0.0005, 0.01, 0.3])
def test_what_is_computed_around_the_paint_is_computed_everywhere(monkeypatch, shape, density):
    rng = np.random.default_rng(3)
    seeds = np.where(rng.random(shape) < density, rng.integers(0, 4, shape), -1).astype(np.int32)
    spacing = (2.0, 1.0, 1.0)[-len(shape) :]
    term, found = seed_border(seeds, 10, 1.5, spacing), borders(seeds)
    assert density < 0.1 or (term > 0.01).any()
    monkeypatch.setattr(boxes, "_LARGE", 0)
    np.testing.assert_allclose(seed_border(seeds, 10, 1.5, spacing), term, atol=1e-6)
    np.testing.assert_array_equal(borders(seeds), found)
