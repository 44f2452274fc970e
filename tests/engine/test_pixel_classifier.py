"""Laws of the classifier of pixels: it learns, its scores are scores, the same seed is the same classifier."""

import numpy as np
import pytest

from napari_upaint.engine.pixel_classifier import QUICK, THOROUGH, PixelClassifier


def rings(n, seed):
    """Return points of two classes that no line parts: inside and outside of a circle."""
    points = np.random.default_rng(seed).normal(0, 1, (n, 5)).astype(np.float32)
    return points * [1, 100, 1, 0.01, 1] + [0, 50, 0, 0, -3], (np.hypot(points[:, 0], points[:, 1]) > 1).astype(int)


@pytest.mark.parametrize("trees", [QUICK, THOROUGH])
def test_it_learns_what_no_line_parts(trees):
    points, classes = rings(1500, 0)
    unseen, wanted = rings(500, 1)
    scores = PixelClassifier(points, classes, 2, 0, trees).scores(unseen)
    assert scores.shape == (500, 2) and scores.dtype == np.float32
    np.testing.assert_allclose(scores.sum(1), 1, atol=1e-5)
    assert (scores.argmax(1) == wanted).mean() > 0.9


def test_the_same_seed_is_the_same_classifier():
    points, classes = rings(200, 0)
    unseen, _ = rings(200, 1)
    one, again, other = (PixelClassifier(points, classes, 2, seed, QUICK).scores(unseen) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_rare_classes_count_as_much_as_others():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(-1, 1, (1000, 3)), rng.normal(1, 1, (20, 3))])
    scores = PixelClassifier(points, np.repeat([0, 1], [1000, 20]), 2, 0).scores(rng.normal(1, 1, (500, 3)))
    assert (scores[:, 1] > 0.5).mean() > 0.8


def test_classes_that_were_not_shown_get_nothing():
    points, classes = rings(300, 0)
    scores = PixelClassifier(points, 2 * classes, 4, 0).scores(points)
    assert not scores[:, 1::2].any()
    assert (scores.argmax(1) == 2 * classes).mean() > 0.9


def test_features_without_variation_and_far_away_ones_do_no_harm():
    points, classes = rings(300, 0)
    points[:, 4] = 7
    far = np.full((1, 5), 1e6, np.float32)
    assert np.isfinite(PixelClassifier(points, classes, 2, 0, QUICK).scores(far)).all()


def test_what_lies_beyond_the_paint_counts_as_its_edge():
    points = np.linspace(-1, 1, 100, dtype=np.float32)[:, None]
    learnt = PixelClassifier(points, (points[:, 0] > 0).astype(int), 2, 0)
    np.testing.assert_array_equal(learnt.scores(100 * points[-1:]), learnt.scores(points[-1:]))


def test_scores_do_not_depend_on_how_the_pixels_are_shared_out():
    points, classes = rings(500, 0)
    many = np.tile(rings(5000, 1)[0], (4, 1))  # more than one thread's
    learnt = PixelClassifier(points, classes, 2, 0, QUICK)
    scores = learnt.scores(many)
    np.testing.assert_array_equal(scores[:5000], scores[-5000:])
    np.testing.assert_array_equal(
        learnt.scores(many.astype(np.float16).T.copy().T), learnt.scores(many.astype(np.float16))
    )
