"""Laws of what a training keeps: never what is worse than the start, and the latest of what is about as good."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_upaint.engine.keeping import Kept


def network(number):
    one = torch.nn.Linear(1, 1)
    torch.nn.init.constant_(one.weight, number)
    return one


def number_of(kept):
    return int(kept.state["weight"])


def offered(losses, before=1.0):
    kept = Kept()
    kept.begin(before, before, network(0))
    for number, loss in enumerate(losses, start=1):
        kept.offer(loss, network(number))
    return kept


@pytest.mark.parametrize(
    ("losses", "number"),
    [
        ([0.6, 0.2], 2),
        ([0.6, 0.2, 0.5], 3),  # more than half of what was won
        ([0.6, 0.2, 0.7], 2),  # less
        ([0.2, 0.7, 0.55], 3),
        ([1.0, 1.2], 0),
        ([math.nan, math.inf], 0),
    ],
)
def test_the_latest_that_keeps_half_of_the_gain_is_kept(losses, number):
    kept = offered(losses)
    assert number_of(kept) == number
    assert kept.loss == ([1.0, *losses])[number]
    assert kept.better == (number > 0)


@given(st.floats(0.01, 5), st.lists(st.floats(allow_nan=True), max_size=8), st.lists(st.floats(0, 9), max_size=3))
def test_nothing_worse_than_the_start_is_ever_kept(before, losses, knowing):
    kept = offered(losses, before)
    told = kept.loss
    for number, loss in enumerate(knowing, start=100):
        kept.offer_knowing(loss, network(number))
        assert (number_of(kept) == number) == (loss <= told)
    assert kept.loss == told <= before  # what has learnt its judges is not praised for it


def test_without_a_start_the_first_is_kept_however_bad():
    kept = Kept()
    kept.begin(1.0, 1.0, None)
    kept.offer(3.0, network(1))
    assert number_of(kept) == 1 and not kept.better


def test_what_is_kept_is_a_copy():
    one = network(1)
    kept = Kept()
    kept.begin(1.0, 0.5, one)
    torch.nn.init.zeros_(one.weight)
    assert number_of(kept) == 1
