"""Corrections by the simulated annotator are true, new, and where a result is wrong."""

import numpy as np
import pytest
from benchmarks.strokes.annotator import Brush, correct
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_upaint.core.strokes import paint_strokes


def blobs(seed):
    rng, (y, x) = np.random.default_rng(seed), np.indices((90, 110))
    truth = np.zeros(y.shape, np.uint16)
    for value in range(1, 12):
        distance = np.hypot(y - rng.uniform(0, 90), (x - rng.uniform(0, 110)) / 1.4)
        truth[(distance < rng.uniform(2, 14)) & (truth == 0)] = value
    return truth


def corrected(truth, found, annotation=None, kind="objects", seed=0):
    annotation = np.zeros(truth.shape, np.uint16) if annotation is None else annotation
    return correct(truth, found, annotation, np.random.default_rng(seed), Brush(), kind)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_corrections_are_true_and_what_was_painted_stays(seed):
    truth, found = blobs(seed), blobs(seed + 1)
    before = paint_strokes(truth, np.random.default_rng(seed), n_object=3)
    after = corrected(truth, found, before, seed=seed)
    assert np.array_equal(after[before > 0], before[before > 0])
    assert not truth[after == 1].any()
    assert truth[after > 1].all()
    for value in np.unique(after[after > 1]):
        assert len(np.unique(truth[after == value])) == 1


@pytest.mark.parametrize("kind", ["objects", "classes"])
def test_nothing_wrong_needs_no_correction(kind):
    truth = blobs(1)
    assert not corrected(truth, truth, kind=kind).any()
    if kind == "objects":
        assert not corrected(truth, np.where(truth > 0, 100 - truth, 0)).any()  # under other ids


def test_an_object_that_was_painted_before_keeps_its_id():
    truth = np.zeros((40, 60), int)
    truth[10:30, 10:30] = 1
    before = np.where((truth > 0) & (np.arange(60) < 13), 5, 0)
    after = corrected(truth, np.zeros_like(truth), before)
    assert set(np.unique(after)) == {0, 5} and (after > 0).sum() > (before > 0).sum()


def test_merged_objects_get_a_stroke_each():
    truth = np.zeros((40, 60), int)
    truth[10:30, 10:30], truth[10:30, 30:50] = 1, 2
    assert set(np.unique(corrected(truth, (truth > 0).astype(int)))) == {0, 2, 3}


def test_a_wrong_class_is_corrected():
    truth = np.ones((40, 40), int)
    assert set(np.unique(corrected(truth, np.full((40, 40), 2), kind="classes"))) == {0, 2}
