"""Laws of the first guess: with a few strokes it knows more than the start about what that was never asked."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_upaint.core.metrics import iou
from napari_upaint.core.normalize import measure
from napari_upaint.core.sample import Sample
from napari_upaint.engine import first_guess as guesses
from napari_upaint.engine import looked_at as module
from napari_upaint.engine.checkpoint import to_network
from napari_upaint.engine.family import build
from napari_upaint.engine.first_guess import false_border, first_guess, less_border, mixed
from napari_upaint.engine.predict import whole
from napari_upaint.engine.preparing import preparing
from napari_upaint.engine.remembered import Remembered
from napari_upaint.engine.telling import returned
from napari_upaint.io.models import DEFAULT_MODEL, Architecture, load_model
from napari_upaint.io.samples import open_sample
from napari_upaint.settings import WeightSettings


@pytest.fixture(scope="module")
def network():
    return to_network(load_model(DEFAULT_MODEL)).eval()


@pytest.fixture(scope="module")
def sample():
    found = open_sample("nuclei_fluorescence")
    part = (slice(100, 420), slice(60, 360))
    image = np.asarray(found.image.data)[part][None]
    return Sample(image, np.asarray(found.strokes)[part], measure(image)), np.asarray(found.truth)[part] > 0


def prepared_of(sample, scale=1.0):
    return returned(preparing([sample], "objects", scale=scale, border=2, weights=WeightSettings(), seed=0))


def guess_of(network, prepared):
    starts = [whole(network, one.image) for one in prepared]
    return returned(first_guess(prepared, network, starts, border=True, seed=0)), starts


def test_scores_are_scores_at_every_pixel(network, sample):
    prepared = prepared_of(sample[0])
    guess, starts = guess_of(network, prepared)
    [scores] = guess.scores
    assert scores.shape == starts[0].shape and scores.dtype == np.float32
    np.testing.assert_allclose(scores.sum(0), 1, atol=2e-3)
    assert scores.min() >= 0 and np.isfinite(guess.loss)


def test_where_the_network_answers_another_question_strokes_go_before_it(network, sample):
    """Background and objects are exchanged: the start is wrong everywhere."""
    one, truth = sample
    flipped = np.where(one.annotation > 1, 1, np.where(one.annotation == 1, 2, 0)).astype(one.annotation.dtype)
    guess, starts = guess_of(network, prepared_of(Sample(one.image, flipped, one.normalization)))
    before, after = (iou(scores[0] < 0.5, ~truth) for scores in (starts[0], guess.scores[0]))
    assert before < 0.4 and after > 0.85
    assert guess.loss < 0.3


def test_where_the_network_is_right_it_stays_right(network, sample):
    one, truth = sample
    guess, starts = guess_of(network, prepared_of(one))
    before, after = (iou(scores[1] > 0.5, truth) for scores in (starts[0], guess.scores[0]))
    assert after > before - 0.02 and guess.loss < 0.3


def test_what_lies_far_from_the_paint_is_left_to_the_start(network, sample, monkeypatch):
    monkeypatch.setattr(module, "_MOST_PIXELS", 1)
    monkeypatch.setattr(module, "_TILE", 250)
    guess, starts = guess_of(network, prepared_of(sample[0]))
    clear = (starts[0][0] > 0.01) & (starts[0][0] < 0.99)
    odds = [np.log(one[0][clear] / (1 - one[0][clear])) for one in (guess.scores[0], starts[0])]
    shift = odds[0] - odds[1]  # the prior's, the same everywhere but where something was learnt
    same = np.isclose(shift, np.median(shift), atol=1e-3)
    assert same.any() and not same.all()


def test_paint_that_judges_is_not_learnt_from(network, sample):
    """What is held out may say anything."""
    prepared = prepared_of(sample[0])
    assert prepared[0].held_out.any()
    guess, _ = guess_of(network, prepared)
    prepared[0].target[prepared[0].held_out] = 1 - prepared[0].target[prepared[0].held_out].clip(0, 1)
    again, _ = guess_of(network, prepared)
    np.testing.assert_array_equal(guess.scores[0], again.scores[0])


def test_the_border_keeps_its_share_of_what_is_no_background():
    start = np.array([[0.2], [0.6], [0.2]], np.float32)[..., None]
    own = np.array([[0.8], [0.2]], np.float32)[..., None]
    both = mixed(start, own, 0.25, border=True)[..., 0, 0]
    assert both.sum() == pytest.approx(1, abs=1e-5) and 0.2 < both[0] < 0.8
    assert both[2] / (both[1] + both[2]) == pytest.approx(0.25, abs=1e-3)
    np.testing.assert_allclose(mixed(start, own, 0, border=True), start, atol=1e-3)


def test_classes_are_told_apart_by_the_strokes():
    start = np.full((3, 1, 1), 1 / 3, np.float32)
    own = np.array([0.1, 0.1, 0.8], np.float32)[:, None, None]
    both = mixed(start, own, 1.0, border=False)[:, 0, 0]
    np.testing.assert_allclose(both, [0.1, 0.1, 0.8], atol=1e-4)


def test_the_network_is_left_as_it_was(network, sample):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    guess_of(network, prepared_of(sample[0], 0.5))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_border_that_is_seen_in_painted_objects_is_none():
    scores = np.random.default_rng(0).dirichlet(np.ones(4), (9, 9)).transpose(2, 0, 1)
    share = scores[-1] / (1 - scores[0])
    less = less_border(scores, 0.3)
    np.testing.assert_allclose(less.sum(0), 1)
    np.testing.assert_array_equal(less[0], scores[0])
    assert (less[-1][share <= 0.3] == 0).all() and (less[-1] <= scores[-1] + 1e-9).all()
    np.testing.assert_allclose(less[1] * scores[2], less[2] * scores[1])  # classes keep their proportions
    np.testing.assert_allclose(less_border(scores, 0.0), scores)


def test_where_all_paint_looks_like_border_some_of_it_remains():
    inside = np.array([[0.25], [0.0], [0.75]])
    false = false_border([inside, np.zeros((3, 0))])
    assert false == 0.9 and false_border([inside[:, :0]]) == 0
    np.testing.assert_allclose(less_border(inside, false), inside)


def test_a_start_that_sees_borders_everywhere_does_not_hide_what_was_painted(network, sample):
    one, truth = sample
    prepared = prepared_of(one)
    starts = [whole(network, part.image) for part in prepared]
    for start in starts:  # half of what is not background is border now
        start[-1] += start[1] / 2
        start[1] /= 2
    guess = returned(first_guess(prepared, network, starts, border=True, seed=0))
    before, after = (iou(scores[1] > 0.5, truth) for scores in (starts[0], guess.scores[0]))
    assert before < 0.5 and after > 0.8


def test_scores_of_nought_are_no_trouble():
    start = np.array([[1.0], [0.0], [0.0], [0.0]], np.float32)[..., None]
    own = np.array([[1.0], [0.0], [0.0]], np.float32)[..., None]
    np.testing.assert_allclose(mixed(start, own, 0.5, border=True).sum(0), 1, atol=1e-5)


def test_where_painted_objects_meet_is_neither_object_nor_background(network):
    """Cells painted whole touch each other: the target of their border is the network's last output."""
    found = open_sample("cells_phase")
    part = (slice(0, 200), slice(0, 200))
    image, truth = np.asarray(found.image.data)[part][None], np.asarray(found.truth)[part]
    prepared = prepared_of(Sample(image, truth + 1, measure(image)))
    assert (prepared[0].target == 2).any()
    guess, _ = guess_of(network, prepared)
    assert np.isfinite(guess.loss) and iou(guess.scores[0][0] < 0.5, truth > 0) > 0.7


def test_a_class_that_is_painted_on_one_image_of_many_is_answered_for(network, sample, monkeypatch):
    """Only a certain number of pixels is looked at; the fourth image, on which little is painted, is among them."""
    monkeypatch.setattr(module, "_MOST_PIXELS", 2 * 320 * 300)
    (one, _) = sample
    little = np.zeros_like(one.annotation)
    little[40:44, 100:140] = 3
    painted = [np.minimum(one.annotation, 2)] * 3 + [little]
    samples = [replace(one, annotation=annotation) for annotation in painted]
    prepared = returned(preparing(samples, "classes", scale=1.0, border=None, weights=WeightSettings(), seed=0))
    looked = []

    def nothing(_, image, __):
        yield
        return np.zeros((1, *image.shape[1:]))

    def filtered(image, *_):
        looked.append(image)
        return np.zeros((1, *image.shape[1:]))

    monkeypatch.setattr(module, "saying", nothing)
    monkeypatch.setattr(module, "_tile_filters", filtered)
    three = to_network(load_model(DEFAULT_MODEL))
    steps = module.parts(prepared, three, [None] * 4, Remembered())
    next(steps)
    assert not looked  # whoever waits may stop before a network has looked at a large image
    assert [one.number for one in returned(steps)] == [3, 0] and looked


def test_what_was_computed_of_an_image_is_computed_once(network, sample, monkeypatch):
    seen = []
    real = module.pixel_features
    monkeypatch.setattr(module, "pixel_features", lambda *image: seen.append(1) or real(*image))
    (one, _), known = sample, Remembered()
    results = []
    for _ in range(2):
        known.begin()
        prepared = prepared_of(one)
        starts = [whole(network, other.image) for other in prepared]
        results.append(returned(first_guess(prepared, network, starts, border=True, seed=0, known=known)))
    assert len(seen) == 1
    np.testing.assert_array_equal(results[0].scores[0], results[1].scores[0])
    known.begin()
    known.begin()  # nobody needed it
    prepared = prepared_of(one)
    returned(first_guess(prepared, network, starts, border=True, seed=0, known=known))
    assert len(seen) == 2


@pytest.fixture(scope="module")
def volume():
    """Nuclei in a volume of which one slice is painted, and their truth."""
    found = open_sample("nuclei_3d")
    part = (slice(None), slice(0, 64), slice(0, 64))
    image, truth = np.asarray(found.image.data)[part][None], np.asarray(found.truth)[part]
    annotation, z = np.zeros_like(truth), len(truth) // 2
    annotation[z, ::4] = truth[z, ::4] + 1
    return Sample(image, annotation, measure(image)), truth > 0


@pytest.fixture(scope="module")
def network_of_volumes():
    return to_network(load_model("generalist-3d")).eval()


def test_slices_that_nobody_painted_are_answered_for(network_of_volumes, volume):
    sample, truth = volume
    guess, starts = guess_of(network_of_volumes, prepared_of(sample))
    unpainted = ~sample.annotation.any((1, 2))
    before, after = (iou(scores[1][unpainted] > 0.5, truth[unpainted]) for scores in (starts[0], guess.scores[0]))
    assert after > before + 0.05
    np.testing.assert_allclose(guess.scores[0].sum(0), 1, atol=2e-3)


def test_the_slices_nearest_to_the_paint_are_looked_at(network_of_volumes, volume, monkeypatch):
    prepared = prepared_of(volume[0])
    start = whole(network_of_volumes, prepared[0].image)
    monkeypatch.setattr(module, "_MOST_VOXELS", 5 * prepared[0].target[0].size)
    found = returned(module.parts(prepared, network_of_volumes, [start], Remembered()))
    painted = len(prepared[0].target) // 2
    assert [part.region[0] for part in found] == [painted, painted - 1, painted + 1, painted - 2, painted + 2]
    for part in found:
        assert part.features.shape[1:] == start[0][part.region].shape
        np.testing.assert_allclose(part.features[-6:-3], start[(slice(None), *part.region)], atol=1e-3)


def test_where_tiles_overlap_the_start_is_mixed_in_once(sample, monkeypatch):
    """Tiles of padded networks overlap by half: the classifier and false borders counted twice there."""
    torch.manual_seed(0)
    network = build(Architecture(width=4, depth=3, n_outputs=3, padding="same")).eval()
    prepared = prepared_of(sample[0])
    starts = [whole(network, one.image) for one in prepared]
    asked = []

    def answered(start, features, *how, **more):
        asked.append(start.copy())
        return np.full_like(start, 0.2)

    monkeypatch.setattr(guesses, "answer", answered)
    monkeypatch.setattr(module, "_TILE", 96)
    returned(first_guess(prepared, network, starts, border=True, seed=0))
    assert len(asked) > 4
    assert not any((start == np.float32(0.2)).any() for start in asked)
