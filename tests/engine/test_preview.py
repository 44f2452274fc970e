"""The preview shows what the newest weights see, where one looks, and costs little."""

from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count

import numpy as np
import pytest
import torch

from napari_upaint.core.normalize import measure
from napari_upaint.core.outlines import outlined
from napari_upaint.core.sample import Sample
from napari_upaint.engine import preview, preview_share, trainer
from napari_upaint.engine.budget import Budget
from napari_upaint.engine.checkpoint import from_network
from napari_upaint.engine.family import build
from napari_upaint.engine.preview import preview_view, with_preview
from napari_upaint.engine.progress import (
    NewSamples,
    PredictProgress,
    PreviewResult,
    PreviewView,
    SamplesHeard,
    Stop,
    TrainProgress,
    TrainResult,
)
from napari_upaint.engine.segment import segment_plane
from napari_upaint.engine.train import train
from napari_upaint.errors import ImageError
from napari_upaint.io.models import Architecture, ModelHeader
from napari_upaint.settings import ObjectSettings, TrainSettings

pytestmark = pytest.mark.usefixtures("small_tiles")

YX = np.mgrid[:90, :100]
TRUTH = sum((((YX[0] - y) ** 2 + (YX[1] - x) ** 2 <= 100) * n for n, (y, x) in enumerate(((25, 25), (60, 70)), 1)))
IMAGE = ((TRUTH > 0) * 100.0 + np.random.default_rng(0).normal(50, 8, TRUTH.shape))[None].astype(np.float32)
NORMAL = measure(IMAGE)
STRIPES = np.where((YX[0] // 4) % 2 == 0, np.where(TRUTH > 0, TRUTH + 1, 1), 0).astype(np.uint16)
SAMPLE = Sample(IMAGE, STRIPES, NORMAL, name="discs")
VIEW = PreviewView(1, IMAGE, NORMAL, objects=ObjectSettings(smallest=0))
FAST = TrainSettings(steps=1, width=4, depth=3, scale=1.0, learning_rate=6e-3)


@pytest.fixture
def no_limit(monkeypatch):
    """As many previews as there are steps."""
    monkeypatch.setattr(preview_share, "SHARE", 1e9)
    monkeypatch.setattr(preview_share, "PAUSE", 0.0)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    architecture = Architecture(width=4, depth=3, n_outputs=3)
    return from_network(build(architecture), ModelHeader("m", architecture, border=True))


def run(commands, steps=12, samples=(SAMPLE,), **more):
    """Train; `commands`: what to send after which message. Return everything that was said."""
    generator = train(samples, kind="objects", start=None, settings=replace(FAST, steps=steps, **more), device="cpu")
    seen = []
    try:
        seen.append(next(generator))
        while True:
            seen.append(generator.send(commands.get(len(seen))))
    except StopIteration:
        return [one for one in seen if not isinstance(one, PredictProgress)]


# -- what ----------------------------------------------------------------------------------------------------------


def test_a_training_shows_what_it_sees(no_limit):
    seen = run({2: VIEW}, steps=40)
    pictures = [one for one in seen if isinstance(one, PreviewResult)]
    steps = [one.step for one in seen if isinstance(one, TrainProgress) and one.step]
    assert steps == list(range(1, 41))
    assert len(pictures) > 30
    assert [one.step for one in pictures] == sorted({one.step for one in pictures})
    last, result = pictures[-1], seen[-1]
    assert isinstance(result, TrainResult)
    assert (last.id, last.classes, last.kind, last.picture.shape) == (1, ("object",), "objects", TRUTH.shape)
    assert ((last.picture > 0) == (TRUTH > 0)).mean() > 0.9 > ((pictures[0].picture > 0) == (TRUTH > 0)).mean()


def test_looking_does_not_change_what_is_learnt(no_limit):
    silent, watched = run({})[-1], run({2: VIEW})[-1]
    assert watched.after == silent.after
    for name, value in silent.model.weights.items():
        np.testing.assert_array_equal(value, watched.model.weights[name])


def test_a_view_is_heard_at_any_time_and_can_be_taken_away(no_limit):
    later = replace(VIEW, id=2, inside=(slice(10, 50), slice(20, 90)))
    seen = run({1: VIEW, 14: later, 20: PreviewView(3, None)}, steps=26)
    ids = [one.id for one in seen if isinstance(one, PreviewResult)]
    assert set(ids) == {1, 2}
    assert ids == sorted(ids)
    assert {one.picture.shape for one in seen if isinstance(one, PreviewResult) and one.id == 2} == {(40, 70)}
    assert not any(isinstance(one, PreviewResult) for one in seen[22:])


@pytest.mark.parametrize("told", [VIEW, NewSamples((replace(SAMPLE, name="newer"),))])
def test_what_came_before_the_training_is_not_lost(no_limit, told):
    generator = train((SAMPLE,), kind="objects", start=None, settings=replace(FAST, steps=4), device="cpu", told=told)
    seen = list(generator)
    assert isinstance(seen[-1], TrainResult)
    assert seen[-1].model.header.provenance["images"] == (["newer"] if told is not VIEW else ["discs"])
    assert any(isinstance(one, PreviewResult) for one in seen) == (told is VIEW)


@pytest.mark.parametrize(
    ("view", "words"),
    [
        (replace(VIEW, image=np.repeat(IMAGE, 3, 0), normalization=measure(np.repeat(IMAGE, 3, 0))), "1 channels"),
        (replace(VIEW, image=np.full_like(IMAGE, np.nan)), "NaN"),
    ],
)
def test_a_view_that_cannot_be_predicted_does_not_end_a_training(no_limit, view, words):
    seen = run({2: view})
    (one,) = [one for one in seen if isinstance(one, PreviewResult)]
    assert words in one.problem
    assert one.picture.size == 0
    assert seen[-1].steps == 12


def test_a_fault_of_the_preview_does_not_end_a_training(no_limit, monkeypatch):
    monkeypatch.setattr(preview, "outlined", lambda *_: 1 / 0)
    seen = run({2: VIEW})
    assert "ZeroDivisionError" in next(one for one in seen if isinstance(one, PreviewResult)).problem
    assert seen[-1].steps == 12


def test_a_stop_in_the_middle_of_previews_gives_a_model(no_limit):
    seen = run({2: VIEW, 9: Stop()}, steps=500)
    assert isinstance(seen[-1], TrainResult)
    assert len(seen) < 14


def large(number=2):
    return replace(VIEW, id=number, image=np.tile(IMAGE, (1, 4, 4)))


@pytest.fixture
def small_previews(monkeypatch, no_limit):
    """Many tiles: something can be told in the middle of a preview."""
    monkeypatch.setattr(preview, "_tile", lambda *_: 60)


@pytest.mark.parametrize("told", [Stop(), VIEW, NewSamples((replace(SAMPLE, name="newer"),)), PreviewView(9, None)])
def test_something_is_told_in_the_middle_of_a_preview(small_previews, told):
    generator = train((SAMPLE,), kind="objects", start=None, settings=replace(FAST, steps=12), device="cpu")
    seen, command = [next(generator)], None
    sent = False
    while True:
        command = large() if len(seen) == 2 else None
        if not sent and sum(isinstance(one, PredictProgress) for one in seen) == 3:
            command, sent = told, True
            at = len(seen)
        try:
            seen.append(generator.send(command))
        except StopIteration:
            break
    after = seen[at:]
    assert isinstance(after[-1], TrainResult)
    if isinstance(told, NewSamples):  # the preview is finished first
        assert isinstance(next(one for one in after if not isinstance(one, PredictProgress)), PreviewResult)
        assert after[-1].model.header.provenance["images"] == ["newer"]
        return
    assert not isinstance(after[0], PredictProgress)
    assert [one.id for one in after if isinstance(one, PreviewResult) and one.id == 2] == []
    assert after[-1].steps == (1 if isinstance(told, Stop) else 12)
    assert any(isinstance(one, PreviewResult) for one in after) == (told is VIEW)


def test_without_a_training_a_preview_is_what_segmenting_gives(model):
    *progress, result = preview_view(replace(VIEW, inside=(slice(5, 60), slice(0, 80))), model, "cpu")
    assert progress
    *_, plane = segment_plane(IMAGE, NORMAL, model, objects=VIEW.objects, device="cpu")
    np.testing.assert_array_equal(result.picture, outlined(plane.labels, "objects", 1)[5:60, :80])
    assert (result.step, result.scale) == (0, 1.0)


def test_a_preview_stops_between_tiles(model):
    large = replace(VIEW, image=np.tile(IMAGE, (1, 8, 8)))
    steps = preview_view(large, model, "cpu")
    next(steps)
    with pytest.raises(StopIteration):
        steps.send(Stop())


def test_a_region_that_was_shrunk_is_seen_at_the_scale_of_the_model(model):
    half = replace(model, header=replace(model.header, scale=0.5))
    small = replace(VIEW, image=IMAGE.reshape(1, 45, 2, 50, 2).mean((2, 4)), shrunk=2)
    *_, result = preview_view(small, half, "cpu")
    assert result.picture.shape == (45, 50)
    assert result.scale == 0.5
    # The network saw the same; only the picture is coarser.
    *_, full = preview_view(VIEW, half, "cpu")
    assert ((full.picture[::2, ::2] > 0) == (result.picture > 0)).mean() > 0.97


def test_a_preview_of_a_broken_image_is_a_sentence(model):
    with pytest.raises(ImageError, match="NaN"):
        list(preview_view(replace(VIEW, image=np.full_like(IMAGE, np.inf)), model, "cpu"))


# -- new paint -----------------------------------------------------------------------------------------------------


def test_new_paint_is_answered():
    empty = replace(SAMPLE, annotation=np.zeros_like(STRIPES))
    other = replace(SAMPLE, name="other")
    seen = run({6: NewSamples((SAMPLE, other)), 9: NewSamples((empty,))}, steps=12)
    taken, refused = (one for one in seen if isinstance(one, SamplesHeard))
    assert (taken.problem, taken.samples) == ("", 2)
    assert "Nothing is painted" in refused.problem
    assert refused.samples == 2
    assert seen[-1].steps == 12


def test_a_class_too_many_is_refused_in_a_sentence():
    two = replace(SAMPLE, annotation=np.minimum(STRIPES, 3))
    three = replace(SAMPLE, annotation=np.where(STRIPES == 3, 4, STRIPES))
    generator = train((two,), kind="classes", start=None, settings=replace(FAST, steps=6), device="cpu")
    seen = [next(generator), next(generator), next(generator), generator.send(NewSamples((three,))), *generator]
    (heard,) = [one for one in seen if isinstance(one, SamplesHeard)]
    assert heard.problem.startswith("3 classes are painted and the network has 2")
    assert seen[-1].steps == 6


def test_new_paint_extends_the_time_and_validation_goes_on(monkeypatch):
    looks = count()  # each look at the clock takes 4 ms, however busy the computer is
    monkeypatch.setattr(trainer, "Budget", partial(Budget, clock=lambda: next(looks) * 0.004))
    generator = train((SAMPLE,), kind="objects", start=None, settings=replace(FAST, steps=0, seconds=2), device="cpu")
    seen, sent = [next(generator)], 0
    with suppress(StopIteration):
        while True:
            late = isinstance(seen[-1], TrainProgress) and seen[-1].fraction > 0.8
            new = late and sent < 2 and sent == len(heard(seen))
            sent += new
            seen.append(generator.send(NewSamples((SAMPLE,)) if new else None))
    first, second = heard(seen)
    progress = [one for one in seen if isinstance(one, TrainProgress)]
    budgets = sorted({one.budget for one in progress})
    assert budgets == pytest.approx([2, 2.6, 3.1], abs=0.1)
    assert first.problem == second.problem == ""
    after = seen[seen.index(second) :]
    assert sum(one.validation is not None for one in after if isinstance(one, TrainProgress)) >= 3
    assert seen[-1].seconds >= budgets[-1]


def heard(seen):
    return [one for one in seen if isinstance(one, SamplesHeard)]


def test_a_model_that_learnt_new_paint_is_compared_with_the_start_on_that_paint(model):
    """Or hard new paint would make a good model look worse than its start, and it would be thrown away."""
    inverse = replace(SAMPLE, annotation=np.where(STRIPES > 1, 1, np.where(STRIPES == 1, 2, 0)).astype(np.uint16))
    commands = {40: NewSamples((inverse,))}
    generator = train((SAMPLE,), kind="objects", start=model, settings=replace(FAST, steps=160, hold=0), device="cpu")
    seen = [next(generator)]
    for _ in range(10**6):
        try:
            seen.append(generator.send(commands.get(len(seen))))
        except StopIteration:
            break
    alone = list(train((inverse,), kind="objects", start=model, settings=replace(FAST, steps=1), device="cpu"))
    assert seen[-1].before == pytest.approx(alone[-1].before, abs=0.02)
    assert seen[-1].improved


def test_the_wrapped_training_is_closed_with_the_wrapper():
    closed = []

    def training():
        try:
            while True:
                yield TrainProgress("training", 0, 0.0, 0.0, 0.0)
        finally:
            closed.append(True)

    steps = with_preview(None, training())
    next(steps)
    steps.close()
    assert closed
