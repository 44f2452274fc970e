"""The package's samples are what they say."""

import numpy as np
import pytest

from napari_upaint.errors import FileError
from napari_upaint.io.samples import SAMPLES, open_sample

WITH_STROKES = ["nuclei_fluorescence", "nuclei_he", "cells_phase", "membranes_em"]


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_open(name):
    sample = open_sample(name)
    assert sample.image.name == name
    assert sample.image.data.dtype == np.uint8
    assert sample.truth.shape == (*sample.image.leading_shape, *sample.image.plane_shape)
    ids = np.unique(sample.truth)
    assert np.array_equal(ids, np.arange(len(ids)))  # no gaps, background there


@pytest.mark.parametrize("name", WITH_STROKES)
def test_strokes_are_true_and_few(name):
    """Background paint lies on background, each painted object on one object of its own."""
    sample = open_sample(name)
    strokes, truth = sample.strokes, sample.truth
    assert strokes.dtype == np.uint16
    assert not truth[strokes == 1].any()
    painted = [np.unique(truth[strokes == value]) for value in range(2, strokes.max() + 1)]
    assert 6 <= len(painted) <= 8
    assert all(len(ids) == 1 and ids[0] > 0 for ids in painted)
    assert len({int(ids[0]) for ids in painted}) == len(painted)
    assert 0.002 < (strokes > 0).mean() < 0.03
    assert (strokes == 1).sum() > 400


def test_the_scale_is_kept_where_it_is_known():
    image = open_sample("membranes_em").image
    assert image.unit == "micrometer"
    assert image.plane_spacing == pytest.approx((0.01, 0.01))


def test_strokes_may_be_painted_on():
    first = open_sample("nuclei_he").strokes
    first[:] = 5
    assert open_sample("nuclei_he").strokes.max() == 9


def test_names_of_nothing():
    with pytest.raises(FileError, match="nuclei_he"):
        open_sample("nonsense")


def test_samples_are_small():
    from importlib.resources import files

    assert sum(len(path.read_bytes()) for path in (files("napari_upaint") / "samples").iterdir()) < 1_500_000
