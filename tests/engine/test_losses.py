"""Laws of the loss: eq. 1 written out, silent where nothing is painted."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_upaint.engine.losses import hold_on, hold_weight, keep_apart, painted_cross_entropy


def drawn(seed, classes=3, shape=(6, 7), batch=2, painted=0.6):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (batch, classes, *shape)).astype(np.float32)
    target = np.where(rng.random((batch, *shape)) < painted, rng.integers(0, classes, (batch, *shape)), -1)
    return logits, target.astype(np.int16), rng.uniform(0.1, 5, (batch, *shape)).astype(np.float32)


def formula(logits, target, weights, border):
    """Eq. 1 as a loop, in float64."""
    total = norm = 0.0
    p = np.exp(logits.astype(float))
    p /= p.sum(1, keepdims=True)
    for place in np.ndindex(target.shape):
        batch, *at = place
        wanted = target[place]
        if wanted < 0:
            continue
        chance = p[(batch, wanted, *at)]
        if border and wanted == 0:
            chance = chance + p[(batch, -1, *at)]
        total -= weights[place] * np.log(chance)
        norm += weights[place]
    return total / norm


def torched(*arrays):
    return [torch.from_numpy(array) for array in arrays]


@given(st.integers(0, 1000), st.integers(2, 5), st.sampled_from([(5, 6), (2, 3, 4)]), st.booleans())
def test_it_is_the_formula(seed, classes, shape, border):
    logits, target, weights = drawn(seed, classes, shape)
    target[0].flat[0] = 0
    loss = painted_cross_entropy(*torched(logits, target, weights), border=border)
    assert float(loss) == pytest.approx(formula(logits, target, weights, border), rel=1e-4)


def test_it_agrees_with_torch_where_all_is_painted():
    logits, target, _ = drawn(0, painted=1)
    weights = np.ones(target.shape, np.float32)
    expected = torch.nn.functional.cross_entropy(*torched(logits, target.astype(np.int64)))
    found = painted_cross_entropy(*torched(logits, target, weights), border=False)
    torch.testing.assert_close(found, expected)


def test_painted_background_is_content_with_a_border():
    certain = torch.full((1, 3, 1, 1), -30.0)
    certain[:, 2] = 30
    target, weights = torch.zeros(1, 1, 1, dtype=torch.int16), torch.ones(1, 1, 1)
    assert float(painted_cross_entropy(certain, target, weights, border=True)) == pytest.approx(0, abs=1e-6)
    assert float(painted_cross_entropy(certain, target, weights, border=False)) > 30


def test_a_border_that_was_painted_is_learnt_as_one():
    logits, target, weights = drawn(1)
    found = painted_cross_entropy(*torched(logits, np.full_like(target, 2), weights), border=True)
    assert float(found) == pytest.approx(formula(logits, np.full_like(target, 2), weights, False), rel=1e-4)


@pytest.mark.parametrize("border", [False, True])
def test_unlabelled_pixels_teach_nothing(border):
    logits, target, weights = torched(*drawn(2))
    logits.requires_grad_()
    painted_cross_entropy(logits, target, weights, border=border).backward()
    moved = logits.grad.abs().sum(1) > 0
    assert not moved[target < 0].any() and moved[target >= 0].all()


@pytest.mark.parametrize("border", [False, True])
def test_the_gradient_is_right(border):
    logits, target, weights = torched(*drawn(3, shape=(2, 3), batch=1))
    step = 1e-3
    logits.requires_grad_()
    painted_cross_entropy(logits, target, weights, border=border).backward()
    for index in ((0, 0, 0, 0), (0, 1, 1, 2), (0, 2, 0, 1)):
        moved = [logits.detach().numpy().astype(float) for _ in range(2)]
        moved[0][index] += step
        moved[1][index] -= step
        up, down = (formula(one, target.numpy(), weights.numpy(), border) for one in moved)
        assert float(logits.grad[index]) == pytest.approx((up - down) / (2 * step), abs=1e-4)


def test_weights_count_by_their_ratio():
    logits, target, weights = torched(*drawn(4))
    one = painted_cross_entropy(logits, target, weights, border=True)
    torch.testing.assert_close(painted_cross_entropy(logits, target, 7 * weights, border=True), one)
    # A pixel of weight two is two pixels.
    twice = [torch.cat([x, x[..., :1]], dim=-1) for x in (logits, target, weights)]
    weights[..., 0] *= 2
    torch.testing.assert_close(
        painted_cross_entropy(logits, target, weights, border=True), painted_cross_entropy(*twice, border=True)
    )


def test_no_paint_is_no_loss():
    logits, target, weights = torched(*drawn(5, painted=0))
    logits.requires_grad_()
    loss = painted_cross_entropy(logits, target, weights, border=True)
    loss.backward()
    assert float(loss.detach()) == 0 and (logits.grad == 0).all()


def test_extreme_logits_stay_finite():
    logits, target, weights = torched(*drawn(6))
    loss = painted_cross_entropy((logits * 1e4).bfloat16().requires_grad_(), target, weights, border=True)
    assert torch.isfinite(loss)
    loss.backward()


def scores(seed, shape=(2, 3, 4, 5)):
    return torch.softmax(torch.from_numpy(np.random.default_rng(seed).normal(0, 2, shape).astype(np.float32)), 1)


def test_holding_on_costs_nothing_for_equal_scores():
    start = scores(0)
    where = torch.ones(2, 4, 5, dtype=torch.bool)
    assert float(hold_on(torch.log(start) + 3, start, where)) == pytest.approx(0, abs=1e-6)
    certain = torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1)
    assert float(hold_on(torch.log(certain.clamp(min=1e-30)), certain, torch.ones(1, 1, 1))) == pytest.approx(0)


def test_holding_on_is_the_divergence_where_asked():
    start, other = scores(1), scores(2)
    where = torch.from_numpy(np.random.default_rng(3).random((2, 4, 5)) < 0.4)
    each = (start * (start / other).log()).sum(1)
    found = hold_on(torch.log(other), start, where)
    assert float(found) == pytest.approx(float(each[where].mean()), rel=1e-4) and float(found) > 0
    assert float(hold_on(torch.log(other), start, torch.zeros_like(where))) == 0


def test_holding_on_pulls_only_where_asked():
    start, logits = scores(4), torch.log(scores(5)).requires_grad_()
    where = torch.zeros(2, 4, 5, dtype=torch.bool)
    where[0, 1] = True
    hold_on(logits, start, where).backward()
    moved = logits.grad.abs().sum(1) > 0
    np.testing.assert_array_equal(moved, where)


def two_in_one():
    """Logits that see one object where two were painted, narrower in the middle."""
    logits = torch.zeros(1, 3, 8, 21)
    logits[:, 1] = 4
    logits[:, 1, :, 10] = 1
    painted = torch.zeros(1, 8, 21, dtype=torch.int32)
    painted[0, 4, 2:6], painted[0, 4, 14:18] = 1, 2
    return logits, painted


def test_painted_objects_are_pushed_apart_where_they_are_narrowest():
    logits, painted = two_in_one()
    logits.requires_grad_()
    keep_apart(logits, painted, border=True).backward()
    pushed = logits.grad[0, 1] > 0
    assert pushed.any() and not pushed[:, :10].any() and not pushed[:, 11:].any()
    torch.testing.assert_close(logits.grad[0, 0], logits.grad[0, 2])  # background and border are as good


@pytest.mark.parametrize("border", [True, False])
def test_steps_along_it_part_the_objects(border):
    logits, painted = two_in_one()
    logits.requires_grad_()
    before = float(keep_apart(logits, painted, border=border).detach())
    for _ in range(60):
        loss = keep_apart(logits, painted, border=border)
        if not loss.requires_grad:
            break
        (gradient,) = torch.autograd.grad(loss, logits)
        logits = (logits - 4 * gradient).detach().requires_grad_()
    assert before > 0 and float(loss) == 0


@pytest.mark.parametrize("ids", [(0, 0), (3, 3), (-1, 2), (0, 5)])
def test_without_two_objects_there_is_nothing_to_keep_apart(ids):
    logits, painted = two_in_one()
    painted = torch.where(painted == 1, ids[0], torch.where(painted == 2, ids[1], 0)).int()
    assert float(keep_apart(logits, painted, border=True)) == 0


def test_who_knows_the_paint_is_held_to_and_a_classifier_that_knows_more_three_times_as_strongly():
    assert hold_weight(1.0, 0.0) == 1 and hold_weight(0.0, 0.5, 1.0) == 0
    assert hold_weight(1.0, math.log(2)) == pytest.approx(0.5) and 0 < hold_weight(1.0, 5.0) < 0.01
    assert hold_weight(2.0, 0.3, 1.0) == pytest.approx(3 * hold_weight(2.0, 0.3)) == pytest.approx(6 * math.exp(-0.3))
