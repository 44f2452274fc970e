"""Laws of holding on: who knows the paint is held to, and more so where something else was made of it."""

import math

import pytest

from napari_upaint.engine.holding import hold_weight, trust


def test_trust_depends_on_agreement():
    assert trust(0.0) == 1 and trust(math.log(2)) == pytest.approx(0.5) and 0 < trust(5.0) < 0.01


def test_a_classifier_that_knows_more_than_the_start_is_held_to_three_times_as_strongly():
    assert hold_weight(1.0, 0.0) == 1 and hold_weight(0.0, 0.5, 1.0) == 0
    assert hold_weight(2.0, 0.3, 1.0) == pytest.approx(3 * hold_weight(2.0, 0.3)) == pytest.approx(6 * trust(0.3))
