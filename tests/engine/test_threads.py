"""The choice of threads: what is faster by the clock is used, and the other choice gets its chance again."""

from __future__ import annotations

import pytest

from napari_upaint.engine.threads import ThreadChoice, steady_threads


def run(choice: ThreadChoice, cost: dict[int, float], steps: int) -> list[int]:
    used = []
    for _ in range(steps):
        used.append(choice.threads)
        choice.took(cost[choice.threads])
    return used


@pytest.mark.parametrize(("cost", "winner"), [({4: 0.5, 1: 0.1}, 1), ({4: 0.1, 1: 0.3}, 4)])
def test_the_faster_choice_is_used_after_a_few_steps(cost: dict[int, float], winner: int) -> None:
    used = run(ThreadChoice(4), cost, 40)
    assert set(used[:4]) == {4, 1}
    assert set(used[4:]) == {winner}


def test_the_choice_follows_the_machine() -> None:
    choice = ThreadChoice(2)
    run(choice, {2: 0.1, 1: 0.2}, 40)
    used = run(choice, {2: 0.9, 1: 0.2}, 40)  # another program has started
    assert set(used[4:]) == {1}


@pytest.mark.parametrize("before", [0, 1, 4, 10])
def test_work_after_a_training_that_counts_steps_has_its_choice(before: int) -> None:
    cost = {2: 0.1, 1: 0.2}
    choice = ThreadChoice(2)
    run(choice, cost, before)
    with steady_threads(True):
        for _ in range(7):
            choice.took(0.1)
    used = run(choice, cost, 40)  # a number of steps in Settings, then This view, in one process
    assert {2, 1} == set(used) if before < 4 else {2} == set(used[:30])


def test_one_core_leaves_no_choice() -> None:
    assert set(run(ThreadChoice(1), {1: 1.0}, 50)) == {1}
