"""What the recipes promise: the paper's figures, a rate that warms up and falls."""

import pytest
import torch

from napari_upaint.core.tiling import input_size
from napari_upaint.engine.recipes import FINE_TUNE, FROM_SCRATCH, PAPER, optimizer_for, plan_for, warmth
from napari_upaint.settings import TrainSettings


def parameters():
    return [torch.nn.Parameter(torch.ones(3))]


def test_the_papers_recipe_is_that_of_section_three():
    settings = TrainSettings(recipe="paper")
    for pretrained in (False, True):
        assert plan_for(settings, pretrained=pretrained) == PAPER
    optimizer = optimizer_for(PAPER, parameters())
    assert isinstance(optimizer, torch.optim.SGD) and optimizer.param_groups[0]["momentum"] == 0.99
    assert input_size(PAPER.output, 5) == 572 and PAPER.average == 0
    assert {warmth(PAPER, step, step / 100) for step in range(100)} == {1.0}


def test_the_fast_recipe_depends_on_the_start():
    assert plan_for(TrainSettings(), pretrained=True) == FINE_TUNE
    assert plan_for(TrainSettings(), pretrained=False) == FROM_SCRATCH
    assert isinstance(optimizer_for(FINE_TUNE, parameters()), torch.optim.AdamW)


@pytest.mark.parametrize("recipe", ["fast", "paper"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_the_users_rate_goes_before_the_plans(recipe, ndim):
    plan = plan_for(TrainSettings(recipe=recipe, learning_rate=0.125), pretrained=False, ndim=ndim)
    assert optimizer_for(plan, parameters()).param_groups[0]["lr"] == plan.learning_rate == 0.125


@pytest.mark.parametrize("plan", [FINE_TUNE, FROM_SCRATCH])
def test_the_rate_warms_up_holds_and_falls_but_never_to_nothing(plan):
    rates = [warmth(plan, step, step / 1000) for step in range(1001)]
    assert 0 < rates[0] < 0.5 and max(rates) == 1.0
    top = rates.index(1.0)
    assert rates[:top] == sorted(rates[:top]) and rates[top:] == sorted(rates[top:], reverse=True)
    assert 0 < rates[-1] < 0.1
    assert warmth(plan, 1000, 1.7) > 0  # a step may begin just before the end and be counted after it
