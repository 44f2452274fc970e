"""Previews cost less than their share of a training, measured on a clock that does not run by itself."""

from dataclasses import replace

import numpy as np
import pytest

from napari_upaint.engine.preview_share import PAUSE, SHARE, PreviewShare
from napari_upaint.engine.progress import PreviewView

VIEW = PreviewView(1, np.zeros((1, 90, 100)))


class Clock:
    """Steps and previews take as long as they are told to."""

    def __init__(self):
        self.now = 50.0

    def __call__(self):
        return self.now


def simulated(seconds, step=0.05, cost=0.3, views=lambda step: None):
    """Return (previews as (time, view), PreviewShare) of a training."""
    clock = Clock()
    share, made, began, number = PreviewShare(clock), [], clock(), 0
    while clock() - began < seconds:
        clock.now += step
        number += 1
        view = views(number)
        if view is not None:
            share.look_at(view)
        if share.due(number):
            share.begin()
            clock.now += cost
            share.end(number)
            made.append((clock() - began, share.view.id))
    return made, share


@pytest.mark.parametrize("cost", [0.02, 0.3, 2.0])
@pytest.mark.parametrize("step", [0.01, 0.5])
def test_previews_cost_less_than_their_share(cost, step):
    made, share = simulated(60, step, cost, lambda n: VIEW if n == 1 else None)
    assert len(made) >= 2
    assert share.spent <= SHARE * share.trained + 1e-9
    gaps = np.diff([at for at, _ in made])
    assert gaps.min() >= max(PAUSE, cost / SHARE)
    # The cost of the very first one is guessed, and made up for before the next.
    assert gaps[1:].max() <= max(PAUSE, cost / SHARE) + 2 * step + cost + 0.01


def test_a_view_that_moves_is_shown_first_and_costs_no_more_than_the_share():
    # Somebody looks after a minute of training, then pans all the time.
    made, share = simulated(90, 0.05, 0.3, lambda n: replace(VIEW, id=n) if n > 1200 and n % 8 == 0 else None)
    assert made[0][0] < 61
    assert made[4][0] < 64  # what was saved up may be spent at once
    assert share.spent <= SHARE * share.trained + 0.3
    assert [view for _, view in made] == sorted({view for _, view in made})


def test_nothing_is_predicted_that_would_look_the_same():
    clock = Clock()
    share = PreviewShare(clock)
    assert not share.due(1)  # no view
    clock.now += 100
    share.look_at(VIEW)
    assert share.due(5)
    share.begin()
    share.end(5)
    clock.now += 100
    assert not share.due(5)
    assert share.due(6)
    share.look_at(PreviewView(2, None))
    assert not share.due(7)


def test_what_was_given_up_counts_and_is_wanted_still():
    clock = Clock()
    share = PreviewShare(clock)
    share.due(1)
    share.look_at(VIEW)
    clock.now += 100
    share.begin()
    clock.now += 2
    share.end(None)
    assert share.spent == 2
    assert share.due(1)


def test_a_larger_network_is_thought_to_be_slower_until_it_was_timed():
    clock = Clock()
    share = PreviewShare(clock)
    share.due(1)
    share.look_at(VIEW)
    assert share.cost(16.0) == pytest.approx(16 * share.cost())
    clock.now += 100
    share.begin()
    clock.now += 0.5
    share.end(2)
    assert share.cost(16.0) == pytest.approx(0.5)
