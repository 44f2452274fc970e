"""Samples: the painted part of an image with its context."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_upaint.core.normalize import measure
from napari_upaint.core.sample import Sample, painted_boxes, pieces


@pytest.mark.parametrize("shape", [(40, 50), (6, 40, 50)])
def test_the_region_holds_all_paint_and_its_margin(shape):
    annotation = np.zeros(shape, np.uint16)
    annotation[..., 12:20, 30] = 2
    annotation[..., 25, 7:9] = 1
    annotation[..., 20, 18:22] = 1  # what lies between: it is one box
    [region] = painted_boxes(annotation > 0, (5,) * annotation.ndim)
    assert (annotation[region] > 0).sum() == (annotation > 0).sum()
    assert region[-2:] == (slice(7, 31), slice(2, 36))


def test_a_piece_keeps_the_normalisation_of_the_whole_image():
    image = np.random.default_rng(0).integers(0, 255, (3, 60, 60)).astype(np.uint8)
    annotation = np.zeros((60, 60), np.uint8)
    annotation[30, 30] = 1
    sample = Sample(image, annotation, measure(image), name="cells")
    [cut] = pieces(sample, 4)
    assert cut.image.shape == (3, 9, 9) and cut.annotation[4, 4] == 1
    assert cut.normalization == sample.normalization and cut.name == "cells"
    np.testing.assert_array_equal(cut.image, image[:, 26:35, 26:35])


def test_without_paint_nothing_is_left():
    assert painted_boxes(np.zeros((5, 6), bool), (3, 3)) == []


def boxes_of(places, shape, margins):
    """The boxes, of a list of the painted pixels."""
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


def test_pieces_of_a_fully_painted_volume_need_no_list_of_its_voxels():
    annotation = np.ones((16, 128, 128), np.int32)
    image = np.zeros((1, *annotation.shape), np.uint8)
    sample = Sample(image, annotation, measure(np.arange(4.0).reshape(1, 2, 2)))
    tracemalloc.start()
    [piece] = pieces(sample, 16)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert piece.annotation.shape == annotation.shape
    assert peak < 4 * annotation.size
