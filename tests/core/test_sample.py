"""Samples: the painted part of an image with its context."""

from __future__ import annotations

import tracemalloc

import numpy as np

from napari_upaint.core.normalize import measure
from napari_upaint.core.sample import Sample, pieces


def test_a_piece_keeps_the_normalisation_of_the_whole_image():
    image = np.random.default_rng(0).integers(0, 255, (3, 60, 60)).astype(np.uint8)
    annotation = np.zeros((60, 60), np.uint8)
    annotation[30, 30] = 1
    sample = Sample(image, annotation, measure(image), name="cells")
    [cut] = pieces(sample, (4, 4))
    assert cut.image.shape == (3, 9, 9) and cut.annotation[4, 4] == 1
    assert cut.normalization == sample.normalization and cut.name == "cells"
    np.testing.assert_array_equal(cut.image, image[:, 26:35, 26:35])


def test_pieces_of_a_fully_painted_volume_need_no_list_of_its_voxels():
    annotation = np.ones((16, 128, 128), np.int32)
    image = np.zeros((1, *annotation.shape), np.uint8)
    sample = Sample(image, annotation, measure(np.arange(4.0).reshape(1, 2, 2)))
    tracemalloc.start()
    [piece] = pieces(sample, (16, 16, 16))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert piece.annotation.shape == annotation.shape
    assert peak < 4 * annotation.size
