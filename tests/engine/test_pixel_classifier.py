"""Laws of the classifier of pixels: it learns, its scores are scores, the same seed is the same classifier."""

import numpy as np
import pytest
import torch

from napari_upaint.engine.pixel_classifier import QUICK, THOROUGH, PixelClassifier


def rings(n, seed):
    """Return points of two classes that no line parts: inside and outside of a circle."""
    points = np.random.default_rng(seed).normal(0, 1, (n, 5)).astype(np.float32)
    return points * [1, 100, 1, 0.01, 1] + [0, 50, 0, 0, -3], (np.hypot(points[:, 0], points[:, 1]) > 1).astype(int)


@pytest.mark.parametrize("effort", [QUICK, THOROUGH])
def test_it_learns_what_no_line_parts(effort):
    points, classes = rings(1500, 0)
    unseen, wanted = rings(500, 1)
    scores = PixelClassifier(points, classes, 2, 0, effort).scores(unseen)
    assert scores.shape == (500, 2) and scores.dtype == np.float32
    np.testing.assert_allclose(scores.sum(1), 1, atol=1e-5)
    assert (scores.argmax(1) == wanted).mean() > 0.9


def test_the_same_seed_is_the_same_classifier():
    points, classes = rings(200, 0)
    one, again, other = (PixelClassifier(points, classes, 2, seed, QUICK).scores(points) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_rare_classes_count_as_much_as_others():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(-1, 1, (1000, 3)), rng.normal(1, 1, (20, 3))])
    scores = PixelClassifier(points, np.repeat([0, 1], [1000, 20]), 2, 0).scores(rng.normal(1, 1, (500, 3)))
    assert (scores[:, 1] > 0.5).mean() > 0.8


def test_classes_that_were_not_shown_get_next_to_nothing():
    points, classes = rings(300, 0)
    assert PixelClassifier(points, classes, 4, 0).scores(points)[:, 2:].max() < 0.1


def test_features_without_variation_and_far_away_ones_do_no_harm():
    points, classes = rings(300, 0)
    points[:, 4] = 7
    far = np.full((1, 5), 1e6, np.float32)
    assert np.isfinite(PixelClassifier(points, classes, 2, 0, QUICK).scores(far)).all()


def test_it_learns_where_gradients_are_switched_off():
    points, classes = rings(300, 0)
    with torch.inference_mode():
        scores = PixelClassifier(points, classes, 2, 0).scores(points)
    assert (scores.argmax(1) == classes).mean() > 0.9
