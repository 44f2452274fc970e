"""Laws of training: it learns, can be stopped and fed, is reproducible, and never gives back something worse."""

import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from upaint_small import same_weights

from napari_upaint.core.labels import borders
from napari_upaint.core.metrics import iou
from napari_upaint.core.normalize import measure
from napari_upaint.core.sample import Sample
from napari_upaint.core.usual_object import UNKNOWN
from napari_upaint.engine import outcome, preparing, recipes, trainer
from napari_upaint.engine.checkpoint import to_network
from napari_upaint.engine.judging import judge
from napari_upaint.engine.predict import whole
from napari_upaint.engine.progress import NewSamples, SamplesHeard, Stop, TrainProgress, TrainResult
from napari_upaint.engine.segment import segment_plane
from napari_upaint.engine.start import known_loss
from napari_upaint.engine.telling import returned
from napari_upaint.engine.train import train
from napari_upaint.engine.trainer import Trainer
from napari_upaint.errors import AnnotationError, EngineError, ImageError, ModelError
from napari_upaint.io.models import DEFAULT_MODEL, load_model, save_model
from napari_upaint.io.samples import open_sample
from napari_upaint.settings import AugmentSettings, ObjectSettings, TrainSettings, WeightSettings

pytestmark = pytest.mark.usefixtures("small_tiles")

YX = np.mgrid[:120, :130]
CENTRES = ((25, 25), (25, 70), (25, 110), (70, 30), (75, 75), (70, 115), (105, 50))
CPU = torch.device("cpu")
QUICK = TrainSettings(steps=4, width=4, depth=3, scale=1.0)


@pytest.fixture(scope="module")
def truth():
    labels = np.zeros(YX.shape[1:], np.uint16)
    for number, (y, x) in enumerate(CENTRES, start=1):
        labels[(YX[0] - y) ** 2 + (YX[1] - x) ** 2 <= 12**2] = number
    return labels


@pytest.fixture(scope="module")
def sample(truth):
    """Bright discs on dark ground, five of them painted on, and some of the background."""
    image = (truth > 0) * 100.0 + np.random.default_rng(0).normal(50, 10, truth.shape)
    annotation = np.where((truth > 0) & (truth <= 5) & (YX[1] % 9 < 3), truth + 1, 0)
    annotation[(truth == 0) & (YX[0] % 15 < 2) & (YX[1] // 16 % 2 == 0)] = 1
    return Sample(image[None], annotation.astype(np.uint16), measure(image[None]), name="discs")


@pytest.fixture(scope="module")
def classes(sample):
    """The same paint as three classes beside the background."""
    annotation = np.where(sample.annotation > 1, 2 + sample.annotation % 3, sample.annotation)
    assert set(np.unique(annotation)) == {0, 1, 2, 3, 4}
    return replace(sample, annotation=annotation)


def run(samples, start=None, kind="objects", commands=None, **changes):
    """Train to the end; `commands`: what to send after which message. Return (progress, result)."""
    asked = replace(QUICK, **changes)
    generator = train(samples, kind=kind, start=start, settings=asked, device="cpu", name="mine")
    seen = []
    try:
        seen.append(next(generator))
        while True:
            seen.append(generator.send((commands or {}).get(len(seen))))
    except StopIteration:
        pass
    *progress, result = (one for one in seen if not isinstance(one, SamplesHeard))
    assert isinstance(result, TrainResult) and all(isinstance(one, TrainProgress) for one in progress)
    return progress, result


def test_a_kind_that_does_not_exist_is_refused_before_the_training():
    with pytest.raises(ValueError, match="The kind is 'object'; give one of objects, classes"):
        next(train([], kind="object", start=None))


def test_discs_are_learnt_from_scratch(sample, truth):
    progress, result = run([sample], steps=100, learning_rate=6e-3)
    assert result.improved and result.steps == 100
    assert result.after < 0.3 < result.before
    losses = [one.loss for one in progress if one.loss is not None]
    assert losses[-1] < losses[0]
    *_, plane = segment_plane(sample.image, sample.normalization, result.model, device="cpu")
    assert iou(plane.labels, truth) > 0.7  # two of the discs were never painted on
    assert plane.labels[70, 115] > 0 and plane.labels[105, 50] > 0


def test_a_start_is_taken_further(sample, start):
    _, result = run([sample], start, steps=30, hold=0.02)
    assert result.improved and result.after < result.before
    assert result.message.startswith("Better than before") and f"{result.after:.3g}" in result.message
    assert not same_weights(result.model, start)


def test_the_same_seed_gives_the_same_model(sample, start):
    for begin in (None, start):
        one, again, other = (run([sample], begin, seed=seed, steps=8, hold=0.02)[1] for seed in (1, 1, 2))
        assert same_weights(one.model, again.model)
        assert (one.before, one.after) == (again.before, again.after)
        assert not same_weights(one.model, other.model)


@pytest.mark.parametrize(("scale", "more"), [(1.0, False), (0.5, True)])
def test_a_start_that_is_kept_may_know_more_of_the_images(sample, start, scale, more):
    """At another scale it is another model: whoever keeps it has to keep that, too."""
    knowing = replace(start, header=replace(start.header, object_size=300.0, least_score=0.5))
    _, result = run([sample], knowing, learning_rate=1e-9, steps=2, scale=scale)
    assert not result.improved and same_weights(result.model, start)
    assert result.knows_more == more and result.model.header.scale == scale
    assert ("the scale of these images" in result.message) == more
    _, result = run([sample], None, steps=2)
    assert not result.knows_more


@pytest.mark.parametrize("rate", [1e-6, 1e-2, 1.0])
def test_a_result_is_never_worse_than_its_start(sample, start, rate):
    _, result = run([sample], start, learning_rate=rate, steps=12)
    assert result.after <= result.before
    assert result.improved == (result.after < result.before - 1e-4)
    if not result.improved:
        assert same_weights(result.model, start) and result.message.startswith("Kept the ")
    judge = Trainer([sample], "objects", result.model, QUICK, WeightSettings(), AugmentSettings(), "cpu")
    list(judge.look_at_samples())
    # What was held out at first has been learnt since.
    assert judge.kept.before <= result.after + 1e-3


@pytest.mark.parametrize("pretrained", [True, False])
def test_what_has_learnt_all_paint_there_is_does_not_say_how_well(sample, start, pretrained):
    annotation = np.zeros_like(sample.annotation)
    annotation[20:24, 20:30], annotation[48:52, 48:56] = 2, 1  # a dab each: none can be set aside
    dabs = replace(sample, annotation=annotation)
    progress, result = run([dabs], start if pretrained else None, steps=8, learning_rate=1e-2, hold=0.02)
    assert result.improved and result.after == np.inf and "too little paint" in result.message
    assert not any(one.step and one.validation is not None for one in progress)
    training = result.model.header.training
    assert training["validation_after"] is None and training["validation_before"] == result.before
    assert known_loss(result.model.header, [dabs]) is None
    _, result = run([dabs], start, steps=2, learning_rate=1e-9)
    assert not result.improved and result.after == result.before and result.message.startswith("Kept the ")


@pytest.fixture
def held_out(monkeypatch):
    """How many pixels of paint are held out of the tiles, of every sampler that is made."""
    found, real = [], trainer.Sampler

    def sampler(prepared, *args, **kw):
        found.append(sum(int(one.held_out.sum()) for one in prepared))
        return real(prepared, *args, **kw)

    monkeypatch.setattr(trainer, "Sampler", sampler)
    return found


def test_all_paint_is_learnt_once_held_out_paint_has_told_that_it_helps(sample, start, held_out):
    progress, result = run([sample], start, steps=30, hold=0.02)
    assert result.improved
    assert len(held_out) == 2 and held_out[0] > 0 == held_out[1]
    told = [one.step for one in progress if one.step and one.validation is not None]
    assert told and max(told) <= 16  # what has been learnt judges nobody


def test_held_out_paint_judges_to_the_end_where_nothing_is_won(sample, start, held_out):
    _, result = run([sample], start, steps=12, learning_rate=1e-9)
    assert not result.improved and len(held_out) == 1


def test_validation_regions_judge_to_the_end(sample, start, held_out):
    region = np.zeros(sample.annotation.shape, bool)
    region[:, :40] = True
    progress, result = run([replace(sample, validation=region)], start, steps=30, hold=0.02)
    assert result.improved and len(held_out) == 2 and held_out[0] == held_out[1] > 0
    assert progress[-1].validation is not None


@pytest.mark.parametrize(
    ("kind", "changes", "times"),
    [("objects", {}, 1), ("classes", {}, 0), ("objects", {"hold": 0.0}, 0), ("objects", {"learning_rate": 1e-9}, 0)],
)
def test_the_second_half_holds_on_to_what_the_first_half_found(
    sample, start, classes, monkeypatch, kind, changes, times
):
    """Planes of objects only, once learning has helped; nothing to hold on to, nothing to find."""
    made, held, real, sampler = [], [], trainer.without_unlike, trainer.Sampler

    def without_unlike(*args, **more):
        made.append((yield from real(*args, **more)))
        return made[-1]

    monkeypatch.setattr(trainer, "without_unlike", without_unlike)
    monkeypatch.setattr(trainer, "Sampler", lambda *args, start, **more: held.append(start) or sampler(*args, **more))
    given = {"objects": sample, "classes": classes}[kind]
    run([given], start, kind, steps=30, **{"hold": 0.02, **changes})
    assert len(made) == times
    assert all(one is held[-1] for one in made) and (not made or held[0] is not held[1])


def test_a_second_half_that_is_given_up_changes_nothing(sample, start):
    state = Trainer([sample], "objects", start, QUICK, WeightSettings(), AugmentSettings(), "cpu")
    list(state.look_at_samples())
    state.kept.loss = state.kept.before / 2
    held, draw = state.held, state.draw
    assert next(state.begin_second_half(1.0))
    assert (state.held, state.draw, state.second_half, state.everything) == (held, draw, False, False)
    assert not list(state.begin_second_half(0.1))  # too early
    assert list(state.begin_second_half(1.0)) and state.second_half and state.everything and state.draw is not draw
    assert not list(state.begin_second_half(1.0))  # once
    state.learner.close()


def test_the_start_itself_is_never_changed(sample, start):
    before = {name: value.copy() for name, value in start.weights.items()}
    run([sample], start, steps=3)
    assert all(np.array_equal(start.weights[name], value) for name, value in before.items())


def test_progress_goes_from_nothing_to_the_end(sample, start):
    progress, result = run([sample], start, steps=20, scale=0.0)
    stages = list(dict.fromkeys(one.stage for one in progress))
    look = ["preparing image 1", "looking at image 1 of 1", "judging the start", "making a first answer"]
    assert stages == ["getting ready", "finding the scale", *look, "training"]
    assert [one.step for one in progress if one.loss is not None] == list(range(1, 21))
    fractions = [one.fraction for one in progress]
    assert fractions == sorted(fractions) and fractions[0] == 0 and fractions[-1] == 1
    assert all(one.seconds >= 0 and one.budget == 0 for one in progress)
    judged = [one.validation for one in progress if one.validation is not None]
    assert judged[0] == result.before and result.after <= min(judged)


def test_seconds_end_a_training(sample):
    progress, result = run([sample], steps=0, seconds=1.0)
    assert progress[-1].budget == 1 and progress[-1].fraction == 1
    assert result.seconds >= 1


@pytest.mark.parametrize("after", [1, 2, 3, 8])
@pytest.mark.parametrize("pretrained", [False, True])
def test_a_stop_gives_a_usable_model_at_any_time(sample, start, after, pretrained):
    progress, result = run([sample], start if pretrained else None, commands={after: Stop()}, steps=50, scale=0.0)
    assert len(progress) <= after + 1 and result.steps < 10
    assert result.after <= result.before
    *_, plane = segment_plane(sample.image, sample.normalization, result.model, device="cpu")
    assert plane.labels.shape == (120, 130)


def test_several_images_are_looked_at_one_by_one(sample, start):
    three = [replace(sample, name=name) for name in ("one", "two", "three")]
    progress, result = run(three, start, steps=2)
    stages = list(dict.fromkeys(one.stage for one in progress if not one.step))
    after = ["judging the start", "making a first answer"]
    prepared, seen = (
        [f"{words} {n}{of}" for n in (1, 2, 3)]
        for words, of in (("preparing image", ""), ("looking at image", " of 3"))
    )
    assert stages == ["getting ready", *prepared, *seen, *after, "training"]
    assert result.steps == 2
    # What is painted meanwhile is looked at then.
    progress, result = run(three, start, steps=2, commands={3: NewSamples((three[0],))})
    stages = list(dict.fromkeys(one.stage for one in progress if not one.step))
    assert stages == ["getting ready", *prepared, *seen, *after, "looking at image 1 of 1", "training"]
    assert result.model.header.provenance["images"] == ["one"]


def test_it_is_told_that_an_image_is_prepared_before_it_is(sample, start, monkeypatch):
    now, meanwhile, real = [""], [], preparing.resize_image
    monkeypatch.setattr(preparing, "resize_image", lambda *image: meanwhile.append(now[0]) or real(*image))
    for one in train([sample], kind="objects", start=start, settings=QUICK, device="cpu"):
        now[0] = getattr(one, "stage", "")
    assert meanwhile == ["preparing image 1"]


@pytest.mark.parametrize("pretrained", [False, True])
def test_a_stop_while_images_are_looked_at_comes_through(sample, start, pretrained):
    three = [replace(sample, name=name) for name in ("one", "two", "three")]
    progress, result = run(three, start if pretrained else None, commands={5: Stop()}, steps=50)
    assert progress[-1].stage == "preparing image 2"
    assert not result.steps and not result.improved and not result.knows_more
    assert "nothing was learnt" in result.message
    assert not pretrained or same_weights(result.model, start)
    # In the middle of a training it ends with what it had learnt by then.
    progress, result = run(
        three[:1], start if pretrained else None, commands={20: NewSamples(tuple(three)), 24: Stop()}, steps=500
    )
    assert progress[-1].stage.startswith("preparing image") and 0 < result.steps < 20 and len(progress) < 25
    assert np.isfinite(result.after) and result.after <= result.before


def test_a_look_that_is_given_up_changes_nothing(sample, start):
    """Whoever pressed Stop gets what was judged by the paint before."""
    state = Trainer([sample], "objects", start, QUICK, WeightSettings(), AugmentSettings(), "cpu")
    list(state.look_at_samples())
    before = state.prepared, state.validation, state.held, state.kept.loss, state.kept.before
    other = replace(sample, annotation=np.where(sample.annotation > 1, 2, 0) + (sample.annotation == 1))
    looks = 0
    for looks in itertools.count(1):
        state.take([other])
        assert not state.refusal
        looking = state.look_at_samples()
        if len(list(itertools.islice(looking, looks))) < looks:
            break
        looking.close()
        now = state.prepared, state.validation, state.held
        assert all(a is b for a, b in zip(before[:3], now, strict=True))
        assert before[3:] == (state.kept.loss, state.kept.before)
    state.learner.close()
    assert looks > 5 and state.prepared is not before[0]


@pytest.mark.parametrize(("balance", "strokes", "masks"), [("strokes", 1, 0), ("always", 1, 1), ("never", 0, 0)])
def test_classes_count_in_the_test_as_they_do_in_training(sample, truth, start, balance, strokes, masks):
    """A model that had learnt membranes from finished masks was given up for its start, which finds too few of them."""
    finished, untouched = replace(sample, annotation=truth + 1), replace(sample, annotation=np.zeros_like(truth))
    tested = np.ones(truth.shape, bool)
    tested[:, :40] = False
    weights = WeightSettings(balance=balance)
    state = Trainer([sample], "objects", start, QUICK, weights, AugmentSettings(), "cpu")
    for samples, expected in (
        ([sample], strokes),
        ([finished], masks),
        ([finished, untouched], masks),
        ([replace(finished, validation=tested)], strokes),  # little of it is learnt
    ):
        state.take(samples)
        list(state.look_at_samples())
        assert state.balance == expected
        judged = judge(state.average, state.validation, CPU, border=True, balance=expected)
        assert state.kept.before == pytest.approx(judged.pixels + state.plan.apart * judged.together)
    state.learner.close()


def test_a_start_that_knows_new_paint_better_than_what_was_learnt_is_kept(sample, start):
    state = Trainer([sample], "objects", start, QUICK, WeightSettings(), AugmentSettings(), "cpu")
    list(state.look_at_samples())
    with torch.no_grad():
        state.average.classify.weight.mul_(1000)
    state.step = 1
    state.take([sample])
    list(state.look_at_samples())
    state.learner.close()
    assert state.kept.loss == state.kept.before < np.inf
    assert all(np.array_equal(state.kept.state[name], value) for name, value in start.weights.items())


def test_new_paint_is_taken_up(sample, start):
    other = replace(sample, annotation=np.where(sample.annotation > 1, 2, sample.annotation), name="other")
    inverse = replace(sample, annotation=np.where(sample.annotation > 0, 1 + (sample.annotation == 1), 0))
    _, result = run([sample], start, commands={6: NewSamples((sample, other))}, steps=12)
    assert result.steps == 12 and result.model.header.provenance["images"] == ["discs", "other"]
    # Paint that says the contrary leads to the contrary.
    for shown, brighter in ((sample, True), (inverse, False)):
        _, result = run([sample], None, commands={7: NewSamples((shown,))}, steps=120, learning_rate=6e-3)
        scores = whole(to_network(result.model).eval(), sample.normalization.apply(sample.image))
        inside = scores[1][sample.annotation > 1].mean()
        assert (inside > 0.5) == brighter


@pytest.mark.parametrize("what", ["nothing", "no samples", "one class", "more channels", "more classes"])
def test_new_paint_that_cannot_be_learnt_from_does_not_end_a_training(sample, classes, what):
    two = replace(classes, annotation=np.minimum(classes.annotation, 3))
    colour = replace(sample, image=np.repeat(sample.image, 3, 0), normalization=measure(np.repeat(sample.image, 3, 0)))
    first, kind, new = {
        "nothing": (sample, "objects", (replace(sample, annotation=np.zeros_like(sample.annotation)),)),
        "no samples": (sample, "objects", ()),
        "one class": (sample, "objects", (replace(sample, annotation=np.minimum(sample.annotation, 1)),)),
        "more channels": (sample, "objects", (colour,)),
        "more classes": (two, "classes", (classes,)),
    }[what]
    _, result = run([first], kind=kind, commands={6: NewSamples(new)}, steps=10)
    assert result.steps == 10 and np.isfinite(result.after)


@pytest.mark.parametrize("after", [1, 2])
def test_new_paint_is_heard_before_the_first_step(sample, after):
    _, result = run([sample], commands={after: NewSamples((replace(sample, name="other"),))})
    assert result.model.header.provenance["images"] == ["other"]


def test_who_paints_without_a_pause_does_not_keep_it_from_learning(sample, start):
    three = [replace(sample, name=name) for name in ("one", "two", "three")]
    progress, result = run(three, start, steps=9, commands={n: NewSamples(tuple(three)) for n in range(500)})
    assert result.steps == 9 and len(progress) < 150


def test_new_paint_for_which_there_is_no_room_does_not_end_a_training(sample, start, monkeypatch):
    heard = []

    def told(number):
        if number == 8:
            monkeypatch.setattr(preparing, "available", lambda: 1000)
            return NewSamples((replace(sample, name="other"),))
        return None

    generator = train([sample], kind="objects", start=start, settings=QUICK, device="cpu")
    heard.append(next(generator))
    for number in itertools.count(1):
        try:
            heard.append(generator.send(told(number)))
        except StopIteration:
            break
    (answer,) = [one for one in heard if isinstance(one, SamplesHeard)]
    assert "GB of memory" in answer.problem
    assert heard[-1].steps == QUICK.steps and heard[-1].model.header.provenance["images"] == ["discs"]


def test_paint_in_far_corners_costs_two_corners(sample):
    wide = replace(
        sample, image=np.zeros((1, 1500, 1500), np.uint8), annotation=np.zeros((1500, 1500), np.uint8), validation=None
    )
    wide.annotation[5:20, 5:20], wide.annotation[-20:-5, -20:-5] = 1, 2
    found = returned(preparing.preparing([wide], "objects", scale=1.0, border=None, weights=WeightSettings(), seed=0))
    assert [one.target.shape for one in found] == [(420, 420), (420, 420)]


def test_a_gradient_that_is_no_number_moves_no_weight(sample):
    """From scratch, at a rate at which the paper's recipe diverges; new paint comes after that."""
    commands = {40: NewSamples((replace(sample, name="other"),))}
    _, result = run([sample], recipe="paper", learning_rate=1.0, steps=50, padding="same", commands=commands)
    assert all(np.isfinite(value).all() for value in result.model.weights.values())


def test_the_model_says_how_it_was_made(sample, start, tmp_path):
    _, result = run([sample], start, seed=5)
    header = load_model(save_model(result.model, tmp_path / "mine.safetensors")).header
    assert header.name == "mine" and header.kind == "objects" and header.scale == 1.0
    assert header.output_names == ("background", "object", "border")
    assert header.training["seed"] == 5 and header.training["steps_done"] == 4
    assert header.training["validation_before"] == result.before
    assert header.training["validation_after"] == result.after
    assert header.training["weights"]["w0"] == 10 and header.training["augment"]["grid"] == 3
    assert header.provenance["start"] == "start" and header.provenance["images"] == ["discs"]
    assert {"version", "torch"} <= set(header.provenance)


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_the_model_knows_how_large_the_painted_objects_are(sample, truth, scale):
    usual = float(np.median(np.bincount(truth.ravel())[1:]))
    _, result = run([sample], steps=100, scale=scale, learning_rate=6e-3)
    assert usual / 2 < result.model.header.object_size < 2 * usual


def test_the_model_knows_how_sure_it_is_of_the_painted_objects(sample):
    _, result = run([sample], steps=100, scale=1.0, learning_rate=6e-3)
    usual = result.model.header.usual_object
    assert 0.3 < usual.least_score < 0.8
    *_, found = segment_plane(sample.image, sample.normalization, result.model, device="cpu")
    kept = found.labels > 0
    assert found.usual == usual and 1 - found.scores[0][kept].mean() > usual.least_score


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory"), EngineError("Memory ran out.")],
    ids=repr,
)
def test_a_model_is_kept_if_memory_runs_out_after_the_last_step(sample, monkeypatch, error):
    def usual_object(*args, **more):
        raise error

    monkeypatch.setattr(outcome, "usual_object", usual_object)
    _, result = run([sample], steps=2)
    assert result.steps == 2 and result.model.header.usual_object == UNKNOWN


def test_an_error_after_the_last_step_is_told(sample, monkeypatch):
    monkeypatch.setattr(outcome, "usual_object", lambda *args, **more: torch.zeros(2) @ torch.zeros(3))
    with pytest.raises(RuntimeError, match="size"):
        run([sample], steps=2)


def test_the_model_knows_the_usual_part_of_a_class(sample, truth):
    usual = float(np.median(np.bincount(truth.ravel())[1:]))
    discs = replace(sample, annotation=np.minimum(sample.annotation, 2))
    _, result = run([discs], kind="classes", steps=100, scale=1.0, learning_rate=6e-3)
    found = result.model.header.usual_object
    assert usual / 2 < found.size < 4 * usual and 0.3 < found.least_score < 0.8  # touching discs are one part


def test_specks_are_left_out_by_the_size_that_was_learnt(sample, start):
    _, result = run([sample], start, steps=2)
    header = replace(result.model.header, object_size=1e7)
    *_, found = segment_plane(sample.image, sample.normalization, replace(result.model, header=header), device="cpu")
    assert not found.labels.any() and found.usual.size == 1e7


def test_a_start_that_was_never_asked_is_led_by_the_first_guess(sample, bundled):
    """Unlabelled pixels are held to it, more than to a start that is right: here what bundled models find is ground."""
    given = replace(sample, annotation=np.where(sample.annotation > 1, 1, 2 * sample.annotation))
    settings = TrainSettings(scale=1.0, steps=1)
    runs = [
        Trainer([one], "objects", bundled, settings, WeightSettings(), AugmentSettings(), "cpu")
        for one in (given, sample)
    ]
    for one in runs:
        list(one.look_at_samples())
        one.learner.close()
    new, known = runs
    assert new.hold > known.hold and new.averaging.reach > known.averaging.reach


def test_from_scratch_the_settings_give_the_network(sample):
    _, result = run([sample], width=6, depth=2)
    architecture = result.model.header.architecture
    assert (architecture.width, architecture.depth, architecture.n_outputs) == (6, 2, 2)
    assert result.model.header.provenance["start"] == "from scratch"
    assert result.improved and not result.model.header.border


def test_colour_images_train_a_model_of_one_channel(sample, start):
    image = np.concatenate([sample.image, sample.image * 0.5, 200 - sample.image])
    colour = replace(sample, name="colour", image=image, normalization=measure(image))
    _, result = run([colour], start, steps=25)
    assert result.model.header.architecture.in_channels == 3 and result.after <= result.before
    *_, plane = segment_plane(image, colour.normalization, result.model, device="cpu")
    assert plane.scores.shape == (3, 120, 130)


@pytest.mark.parametrize("pretrained", [False, True])
def test_three_classes(classes, start, pretrained):
    _, result = run([classes], start if pretrained else None, kind="classes", steps=6)
    header = result.model.header
    border = ("border",) if pretrained else ()
    assert header.output_names == ("background", "class 2", "class 3", "class 4", *border)
    assert header.kind == "classes" and header.architecture.n_outputs == 4 + len(border)
    no_cleaning = ObjectSettings(smallest=0, threshold=0)
    *_, plane = segment_plane(classes.image, classes.normalization, result.model, objects=no_cleaning, device="cpu")
    assert set(np.unique(plane.labels)) <= {0, 1, 2, 3}


def test_classes_that_a_model_knows_are_kept(sample, classes, start):
    _, first = run([classes], start, kind="classes")
    _, second = run([replace(sample, annotation=np.minimum(sample.annotation, 2))], first.model, kind="classes")
    assert second.model.header.classes == first.model.header.classes


def test_samples_together(sample, start):
    empty = replace(sample, annotation=np.zeros_like(sample.annotation), name="empty")
    only_background = replace(sample, annotation=(sample.annotation == 1).astype(np.uint8), name="ground")
    _, result = run([empty, only_background, sample], start, scale=0.0)
    assert result.steps == 4 and np.isfinite([result.before, result.after]).all()


def test_a_few_pixels_of_paint_on_a_tiny_image(start):
    image = np.arange(30.0).reshape(1, 5, 6)
    annotation = np.zeros((5, 6), np.uint8)
    annotation[1, 1], annotation[3, 4] = 1, 2
    tiny = Sample(image, annotation, measure(image))
    for begin in (None, start):
        result = run([tiny], begin, scale=0.0)[1]
        assert np.isfinite(result.before)
        # Nothing can be held out of two pixels: nobody can tell how well they were learnt.
        assert result.after == (np.inf if result.improved else result.before)


@given(
    paint=arrays(np.uint8, (6, 6), elements=st.integers(0, 4)),
    size=st.sampled_from([3, 9]),
    kind=st.sampled_from(["objects", "classes"]),
)
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_paint_is_learnt_or_gets_a_sentence(start, paint, size, kind):
    """Blocks of any labels, which touch or not; the smaller ones are nothing but border where they touch."""
    annotation = np.zeros((64, 64), np.int32)
    annotation[: 6 * size, : 6 * size] = np.kron(paint, np.ones((size, size), np.int32))
    image = np.random.default_rng(0).random((1, 64, 64), np.float32)
    try:
        _, result = run([Sample(image, annotation, measure(image))], start, kind, steps=2)
    except AnnotationError:
        return
    assert np.isfinite(result.before)
    assert not np.isnan(result.after)
    assert all(np.isfinite(value).all() for value in result.model.weights.values())


def test_cells_painted_whole_are_learnt(bundled):
    """They touch each other, which strokes seldom do."""
    part = (slice(0, 160), slice(0, 160))
    found = open_sample("cells_phase")
    image, truth = np.asarray(found.image.data)[part][None], np.asarray(found.truth)[part]
    assert borders(truth).any()
    _, result = run([Sample(image, truth + 1, measure(image))], bundled, steps=3)
    assert result.after <= result.before


def test_images_are_shrunk_without_losing_paint(sample, start):
    dots = np.zeros_like(sample.annotation)
    dots[5, 5:100:7], dots[25, 25] = 1, 2
    _, result = run([replace(sample, annotation=dots)], start, scale=0.25)
    assert result.steps == 4 and result.model.header.scale == 0.25


def test_the_bundled_model_learns_a_real_image(bundled, monkeypatch):
    part = (slice(208, 358), slice(80, 280))
    image = np.asarray(open_sample("nuclei_fluorescence").image.data)[part][None]
    strokes = np.asarray(open_sample("nuclei_fluorescence").strokes)[part]
    real = Sample(image, strokes, measure(image), name="nuclei")
    _, result = run([real], bundled, steps=12)
    assert result.after <= result.before and np.isfinite(result.after)
    assert result.model.header.border and result.model.header.architecture == bundled.header.architecture


def test_what_is_unlabelled_is_held_to_the_first_guess(monkeypatch):
    """Trained on strokes, the scores of what nobody painted come nearer to it if the model holds on."""
    nuclei, bundled = open_sample("nuclei_fluorescence"), load_model(DEFAULT_MODEL)
    image = np.asarray(nuclei.image.data)[None, 128:384, 128:384]
    strokes = nuclei.strokes[128:384, 128:384]
    given = Sample(image, strokes, measure(image))
    normal = given.normalization.apply(image)
    guesses, real = [], trainer.first_guess

    def guess(*args, **kw):
        guesses.append((yield from real(*args, **kw)))
        return guesses[-1]

    monkeypatch.setattr(trainer, "first_guess", guess)
    apart = []
    for hold in (5.0, 0.0):
        settings = TrainSettings(hold=hold, scale=1.0, steps=25)
        state = Trainer([given], "objects", bundled, settings, WeightSettings(), AugmentSettings(), "cpu")
        list(state.look_at_samples())
        for _ in range(25):
            state.train_step(0.0)
        state.learner.close()
        after = whole(state.network.eval(), normal)
        apart.append(float(np.abs(after - guesses[0].scores[0])[:, strokes == 0].mean()))
    assert len(guesses) == 1 and apart[0] < 0.8 * apart[1]


@pytest.mark.parametrize("kind", ["objects", "classes"])
def test_paint_that_cannot_be_learnt_from_gets_a_sentence(sample, kind):
    nothing = replace(sample, annotation=np.zeros_like(sample.annotation))
    one = replace(sample, annotation=np.minimum(sample.annotation, 1))
    for bad, says in ((nothing, "Nothing is painted"), (one, "Only background")):
        with pytest.raises(AnnotationError, match=says):
            run([bad], kind=kind)
    with pytest.raises(AnnotationError, match="Nothing is painted"):
        run([], kind=kind)


def test_images_that_cannot_be_learnt_from_get_a_sentence(sample, start):
    broken = sample.image.copy()
    broken[0, 3, 3] = np.nan
    with pytest.raises(ImageError, match="NaN"):
        run([replace(sample, image=broken)])
    colour = replace(
        sample, name="colour", image=np.repeat(sample.image, 3, 0), normalization=measure(np.repeat(sample.image, 3, 0))
    )
    with pytest.raises(AnnotationError, match=r"different numbers of channels \(discs: 1, colour: 3\)"):
        run([sample, colour])
    volume = Sample(np.zeros((1, 2, 120, 130)), np.stack([sample.annotation] * 2), sample.normalization)
    with pytest.raises(ModelError, match="is for planes"):
        run([volume])
    solid = replace(start, header=replace(start.header, architecture=replace(start.header.architecture, ndim=3)))
    with pytest.raises(ModelError, match=r"start is for volumes \(3D\) but discs is a plane"):
        run([sample], solid)


def test_steps_take_one_tile_after_the_other_and_a_loss_that_is_no_number_is_not_told():
    plan = replace(recipes.FROM_SCRATCH, learning_rate=0.01, warmup=4)
    values, taken = iter([np.nan, 2.0, np.nan, 1.0]), []
    run = SimpleNamespace(draw=True, plan=plan, border=False, hold=0.0, step=0, tiles=0, loss=None)
    run.optimizer = SimpleNamespace(param_groups=[{}, {}])

    def step(draw, first, question):
        taken.append((first, *(group["lr"] for group in run.optimizer.param_groups)))
        return next(values), 3

    run.learner = SimpleNamespace(step=step)
    run._average_weights = lambda: None
    told = []
    for _ in range(4):
        Trainer.train_step(run, 0.0)
        told.append(run.loss)
    assert told == [None, 2.0, 2.0, pytest.approx(1.9)]
    np.testing.assert_allclose(taken, [(3 * k, 0.0025 * (k + 1), 0.0025 * (k + 1)) for k in range(4)])


@pytest.mark.parametrize(("step", "kept"), [(0, 1 / 4), (5, 6 / 9), (100, 0.9)])
def test_the_average_remembers_little_at_first(step, kept):
    moved = []
    run = SimpleNamespace(average=1, network=2, step=step, plan=SimpleNamespace(average=0.9))
    run.averaging = SimpleNamespace(move=moved.append)
    Trainer._average_weights(run)
    assert moved == [pytest.approx(1 - kept)]
    run.average = run.network
    Trainer._average_weights(run)  # there is none
    assert len(moved) == 1
