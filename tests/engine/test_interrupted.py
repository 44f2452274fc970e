"""A training that was cut off continues from its last weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_upaint.core.normalize import measure
from napari_upaint.core.sample import Sample
from napari_upaint.engine import interrupted, trainer
from napari_upaint.engine.checkpoint import from_network
from napari_upaint.engine.progress import Stop, TrainProgress, TrainResult
from napari_upaint.engine.train import train
from napari_upaint.errors import ModelError
from napari_upaint.io.models import load_model
from napari_upaint.settings import AugmentSettings, TrainSettings, WeightSettings

STEPS = TrainSettings(steps=12, width=4, depth=3, hold=0.02)  # the start knows nothing to hold on to


@pytest.fixture(autouse=True)
def often(small_tiles, monkeypatch):
    monkeypatch.setattr(interrupted, "_SHARE", float("inf"))  # after every step, whatever it costs


@pytest.fixture(scope="module")
def sample():
    y, x = np.mgrid[:100, :110]
    inside = ((y % 40 - 20) ** 2 + (x % 40 - 20) ** 2) < 120
    image = inside * 100.0 + np.random.default_rng(0).normal(50, 10, inside.shape)
    annotation = np.where(x % 9 < 3, np.where(inside, 2, 1), 0).astype(np.uint16)
    return Sample(image[None], annotation, measure(image[None]), name="discs")


@pytest.fixture
def cut_off(sample, start, tmp_path):
    """Train some steps, then end as a killed process would: without a word to the generator."""

    def run(steps=7):
        path = tmp_path / "partial.safetensors"
        running = train([sample], kind="objects", start=start, settings=STEPS, checkpoint=path, checkpoint_seconds=0.0)
        judged = None
        for payload in running:
            judged = payload.validation if payload.step == 0 and payload.stage == "training" else judged
            if payload.step == steps:
                break
        return path, judged

    return run


def finish(running):
    payloads = list(running)
    assert isinstance(payloads[-1], TrainResult)
    return payloads[:-1], payloads[-1]


def test_it_is_a_model_that_loads(cut_off, start):
    path, _ = cut_off()
    partial = load_model(path)
    assert partial.header.training["steps_done"] in (6, 7)
    assert partial.header.training["seconds_done"] > 0
    assert partial.header.classes == start.header.classes
    assert any((partial.weights[name] != start.weights[name]).any() for name in start.weights)


def test_the_average_of_the_weights_is_written_with_the_scale(sample, start, tmp_path, monkeypatch):
    really, equal = interrupted._write, []

    def write(run, path):
        really(run, path)
        saved = load_model(path)
        assert saved.header.scale == 0.5
        for network in (run.average, run.network):
            weights = from_network(network, saved.header).weights
            equal.append(all(np.array_equal(saved.weights[name], value) for name, value in weights.items()))

    monkeypatch.setattr(interrupted, "_write", write)
    path, settings = tmp_path / "x.safetensors", replace(STEPS, steps=2, scale=0.5)
    finish(train([sample], kind="objects", start=start, settings=settings, checkpoint=path, checkpoint_seconds=0.0))
    assert equal and equal == [True, False] * (len(equal) // 2)


def test_going_on_is_judged_against_the_start_of_then(cut_off, sample, start):
    path, before = cut_off()
    partial = load_model(path)
    running = train([sample], kind="objects", start=start, settings=replace(STEPS, steps=5), resume=partial)
    progress, result = finish(running)
    assert result.before == pytest.approx(before, rel=1e-5)
    assert result.steps == 5
    assert result.model.header.scale == partial.header.scale
    assert all(isinstance(one, TrainProgress) and one.stage != "finding the scale" for one in progress)
    # It went on from what was learnt: a step from the start itself is worse.
    _, anew = finish(train([sample], kind="objects", start=start, settings=replace(STEPS, steps=1)))
    _, on = finish(train([sample], kind="objects", start=start, settings=replace(STEPS, steps=1), resume=partial))
    assert on.after < anew.after


def test_who_stops_before_another_step_keeps_what_was_learnt_then(cut_off, sample, start):
    path, _ = cut_off()
    running = train([sample], kind="objects", start=start, settings=STEPS, resume=load_model(path))
    next(state for state in running if state.stage == "training")
    result = running.send(Stop())
    assert result.improved and result.after < result.before


def test_going_on_does_not_go_back_towards_the_start_once_more(cut_off, sample, start):
    partial = load_model(cut_off()[0])
    still = replace(STEPS, hold=1.0, learning_rate=1e-12)
    run = trainer.Trainer([sample], "objects", start, still, WeightSettings(), AugmentSettings(), "cpu")
    list(run.look_at_samples())
    run.averaging.reach = 0.6
    interrupted.go_on_from(run, partial)
    for _ in range(3):
        run.train_step(0.0)
    for name, value in run.average.state_dict().items():
        np.testing.assert_allclose(value.numpy(), partial.weights[name], atol=1e-6)
        np.testing.assert_allclose(
            0.6 * (run.network.state_dict()[name].numpy() - start.weights[name]),
            partial.weights[name] - start.weights[name],
            atol=1e-6,
        )


def test_other_classes_are_refused(cut_off, sample, start):
    path, _ = cut_off(3)
    three = replace(sample, annotation=np.where(sample.annotation == 2, 2 + np.arange(110) % 3, sample.annotation))
    running = train([three], kind="classes", start=start, settings=STEPS, resume=load_model(path))
    with pytest.raises(ModelError, match="a different network or different classes"):
        list(running)


def test_a_full_disk_does_not_end_the_training(sample, start, tmp_path):
    (tmp_path / "a file").write_text("")
    path = tmp_path / "a file" / "partial.safetensors"
    running = train([sample], kind="objects", start=start, settings=STEPS, checkpoint=path, checkpoint_seconds=0.0)
    _, result = finish(running)
    assert result.steps == STEPS.steps


def test_it_costs_little(sample, start, tmp_path):
    path = tmp_path / "partial.safetensors"
    running = train([sample], kind="objects", start=start, settings=STEPS, checkpoint=path, checkpoint_seconds=1000.0)
    finish(running)
    assert not path.exists()


@pytest.fixture
def clockwork(monkeypatch):
    """A training of 20 steps that gets ready for 10 s and takes a second a step; `cost` seconds each writing."""

    def run(cost=0.0, **options):
        now, step, written = 0.0, 0, []

        def training():
            nonlocal now, step
            for second in range(31):
                step = max(0, second - 10)
                stage = "training" if second >= 10 else "getting ready"
                yield TrainProgress(stage, step, now, 60.0, 0.0)
                now += 1.0

        def write(run, path):
            nonlocal now
            written.append(step)
            now += cost

        monkeypatch.setattr(interrupted, "_SHARE", 0.03)
        monkeypatch.setattr(interrupted, "_write", write)
        steps = interrupted.with_checkpoints(None, training(), Path("x"), 5.0, clock=lambda: now, **options)
        assert len(list(steps)) == 31
        return written

    return run


@pytest.mark.parametrize(("cost", "steps"), [(0.0, [1, 6, 11, 16]), (0.27, [1, 10, 19]), (3.0, [1])])
def test_it_is_written_every_few_seconds_and_less_often_where_that_takes_long(clockwork, cost, steps):
    assert clockwork(cost) == steps


def test_the_weights_of_then_are_taken_once(clockwork, monkeypatch):
    taken = []
    monkeypatch.setattr(interrupted, "go_on_from", lambda run, checkpoint: taken.append(checkpoint))
    clockwork(resume="weights")
    assert taken == ["weights"]
