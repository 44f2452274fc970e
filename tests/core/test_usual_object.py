"""Laws of the usual object: what is unlike the painted ones is left out, unless the settings say otherwise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_upaint.core.objects import label_scores
from napari_upaint.core.usual_object import (
    UNKNOWN,
    Usual,
    least_score,
    mean_scores,
    smallest_object,
    usual_object,
)
from napari_upaint.settings import ObjectSettings


def scores_of(mask, sure=1.0):
    inside = np.where(mask, sure, 0).astype(np.float32)
    return np.stack([1 - inside, inside])


def count(scores, settings, usual=UNKNOWN):
    return int(label_scores(scores, kind="objects", border=False, settings=settings, usual=usual).max())


def test_specks_are_left_out_by_the_usual_size_unless_the_settings_say_otherwise():
    assert smallest_object(ObjectSettings(), Usual(1000)) == 100
    assert smallest_object(ObjectSettings(), UNKNOWN) == smallest_object(ObjectSettings(), Usual(50)) == 20
    assert smallest_object(ObjectSettings(smallest=7), Usual(1000)) == 7
    mask = np.zeros((40, 60), bool)
    mask[2:32, 2:32], mask[10:18, 40:50] = True, True  # 900 and 80 px
    assert [count(scores_of(mask), ObjectSettings(), Usual(size)) for size in (0, 700, 900)] == [2, 2, 1]


def test_doubtful_objects_are_left_out_unless_the_settings_say_otherwise():
    assert least_score(ObjectSettings(), Usual(least_score=0.7)) == 0.7
    assert least_score(ObjectSettings(), UNKNOWN) == 0
    assert least_score(ObjectSettings(least_sure=0), Usual(least_score=0.7)) == 0
    assert least_score(ObjectSettings(least_sure=65), Usual(least_score=0.7)) == 0.65
    sure = np.zeros((40, 60))
    sure[2:22, 2:22], sure[2:22, 30:50] = 0.9, 0.7
    scores = scores_of(sure > 0, sure)
    for usual, least, left in ((0, -1, 2), (0.72, -1, 1), (0.68, -1, 2), (0.72, 0, 2), (0, 71, 1), (0, 91, 0)):
        assert count(scores, ObjectSettings(least_sure=least), Usual(least_score=usual)) == left


def test_classes_are_no_objects():
    scores = scores_of(np.ones((9, 9), bool), 0.6)
    found = label_scores(scores, kind="classes", border=False, settings=ObjectSettings(least_sure=90))
    assert (found == 1).all()


@given(st.integers(0, 1000), st.integers(0, 100))
def test_what_is_left_is_as_sure_as_asked_and_all_of_that_is_left(seed, percent):
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet([1, 1, 1], (20, 30)).transpose(2, 0, 1).astype(np.float32)

    def found(least):
        settings = ObjectSettings(smallest=0, least_sure=least)
        return label_scores(scores, kind="objects", border=True, settings=settings)

    every, kept = found(0), found(percent)
    means = [1 - scores[0][every == number].mean() for number in range(1, every.max() + 1)]
    expected = [n for n, mean in enumerate(means, 1) if mean >= percent / 100 + 1e-6]
    doubtful = [n for n, mean in enumerate(means, 1) if abs(mean - percent / 100) < 1e-6]
    assert len(expected) <= kept.max() <= len(expected) + len(doubtful)
    assert (kept[np.isin(every, expected)] > 0).all()
    assert not kept[~np.isin(every, expected + doubtful)].any()


def test_the_score_of_an_object_is_its_mean():
    labels = np.array([[0, 1, 1], [3, 3, 0]])
    scores = np.array([[[0.9, 0.1, 0.3], [0.5, 0.7, 1.0]]])
    np.testing.assert_allclose(mean_scores(labels, scores), [0.05, 0.8, 1, 0.4])


def test_the_usual_object_is_that_of_what_was_painted():
    labels = np.zeros((50, 50), int)
    labels[:20, :20], labels[30:40, :10], labels[:4, 45:] = 1, 2, 3  # 400, 100, 20 px
    scores = scores_of(labels > 0, np.choose(labels, [0, 0.9, 0.8, 0.5]))
    painted = np.zeros_like(labels)
    painted[5, 2:30], painted[35, 3:6] = 9, 4  # partly beside the object
    usual = usual_object(labels, scores, painted)
    assert usual.size == 250 and usual.least_score == pytest.approx(0.8 * 0.85)
    painted[8, 4:8] = 5  # two painted ones that run together are one
    assert usual_object(labels, scores, painted) == usual
    painted[:] = -1
    assert usual_object(labels, scores, painted) == UNKNOWN


@given(st.lists(st.floats(0.5, 1), min_size=1, max_size=9))
def test_no_painted_object_is_left_out(sure):
    labels = np.repeat(np.arange(2 * len(sure) + 1), 30).reshape(-1, 5) // 2
    labels[::12] = 0
    scores = scores_of(labels > 0, np.array([0, *sure])[labels])
    usual = usual_object(labels, scores, labels)
    assert 0 < usual.least_score <= 0.8 * np.median(sure) + 1e-6
    assert count(scores, ObjectSettings(smallest=0), usual) == count(scores, ObjectSettings(smallest=0))
