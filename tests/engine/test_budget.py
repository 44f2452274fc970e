"""New paint gives time, and never takes any."""

import pytest

from napari_upaint.engine.budget import Budget
from napari_upaint.settings import TrainSettings


def test_half_of_the_time_is_left_after_new_paint():
    now = [100.0]
    budget = Budget(TrainSettings(seconds=60), lambda: now[0])
    now[0] += 10
    budget.extend()  # enough is left
    assert (budget.seconds, budget.spent) == (60, 10)
    now[0] += 40
    assert budget.fraction(7) == pytest.approx(50 / 60)
    budget.extend()
    assert budget.seconds == 80
    now[0] += 100  # past the end: somebody painted while the last step was taken
    budget.extend()
    assert budget.seconds - budget.spent == 30


def test_steps_stay_as_many_as_were_asked_for():
    budget = Budget(TrainSettings(seconds=60, steps=8))
    budget.extend()
    assert budget.seconds == 0
    assert budget.fraction(4) == 0.5
