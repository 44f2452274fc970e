"""Samples: the painted part of an image with its context."""

from __future__ import annotations

import numpy as np
import pytest

from napari_upaint.core.normalize import measure
from napari_upaint.core.sample import Sample, crop, painted_region


@pytest.mark.parametrize("shape", [(40, 50), (6, 40, 50)])
def test_the_region_holds_all_paint_and_its_margin(shape):
    annotation = np.zeros(shape, np.uint16)
    annotation[..., 12:20, 30] = 2
    annotation[..., 25, 7:9] = 1
    region = painted_region(annotation, 5)
    assert (annotation[region] > 0).sum() == (annotation > 0).sum()
    assert region[-2:] == (slice(7, 31), slice(2, 36))


def test_a_crop_keeps_the_normalisation_of_the_whole_image():
    image = np.random.default_rng(0).integers(0, 255, (3, 60, 60)).astype(np.uint8)
    annotation = np.zeros((60, 60), np.uint8)
    annotation[30, 30] = 1
    sample = Sample(image, annotation, measure(image), name="cells")
    cut = crop(sample, 4)
    assert cut.image.shape == (3, 9, 9) and cut.annotation[4, 4] == 1
    assert cut.normalization == sample.normalization and cut.name == "cells"
    np.testing.assert_array_equal(cut.image, image[:, 26:35, 26:35])


def test_without_paint_nothing_is_left():
    assert painted_region(np.zeros((5, 6), int), 3) == (slice(0, 0), slice(0, 0))
