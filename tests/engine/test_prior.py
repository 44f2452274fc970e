"""Laws of the prior: what is rare is found less often, what fills the image more; scores stay scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_upaint.engine.prior import background_shift, shifted


def balanced(share, contrast, seed=0, shape=(150, 160)):
    """Return scores, as if both answers were equally common, of an image with a known share of background."""
    rng = np.random.default_rng(seed)
    background = rng.random(shape) < share
    seen = rng.normal(np.where(background, contrast / 2, -contrast / 2), 1)
    p = 1 / (1 + np.exp(-contrast * seen))  # the exact odds of two normal distributions
    return np.stack([p, 1 - p]).astype(np.float32), background


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.8, 0.97])
def test_half_of_the_true_log_odds_and_no_more_than_one(share):
    scores, _ = balanced(share, contrast=3)
    wanted = np.clip(0.5 * np.log(share / (1 - share)), -1, 1)
    assert background_shift([scores]) == pytest.approx(wanted, abs=0.05)


def test_rare_objects_are_found_better():
    scores, background = balanced(0.97, contrast=3)
    before, after = ((one[0] < 0.5)[background].mean() for one in (scores, shifted(scores, background_shift([scores]))))
    assert after < 0.65 * before


def test_all_images_are_asked_together():
    rare, common = balanced(0.95, 4)[0], balanced(0.05, 4, seed=1)[0]
    assert background_shift([rare, common]) == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_scores_that_are_all_the_same_have_a_bounded_shift(value):
    shift = background_shift([np.stack([np.full((40, 40), value), np.full((40, 40), 1 - value)])])
    assert abs(shift) == pytest.approx(1)


@given(shift=st.floats(-4, 4), seed=st.integers(0, 99), outputs=st.integers(2, 5))
def test_only_background_changes_against_the_rest(shift, seed, outputs):
    scores = np.random.default_rng(seed).dirichlet(np.ones(outputs), (6, 7)).transpose(2, 0, 1) + 1e-6
    scores /= scores.sum(0)
    result = shifted(scores, shift)
    np.testing.assert_allclose(result.sum(0), 1, atol=1e-6)
    odds = [np.log(one[0]) - np.log(1 - one[0] + 1e-12) for one in (scores, result)]
    np.testing.assert_allclose(odds[1] - odds[0], shift, atol=1e-3)
    np.testing.assert_allclose(result[1:] / result[1], scores[1:] / scores[1], rtol=1e-4)
