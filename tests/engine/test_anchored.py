"""The kept weights lie on the line from the start to what was learnt, never beyond."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_upaint.core.normalize import Normalization, measure
from napari_upaint.core.sample import Sample
from napari_upaint.engine.anchored import AnchoredAverage, reach
from napari_upaint.engine.start import gray_of, known_loss
from napari_upaint.engine.step import Average
from napari_upaint.engine.trainer import Trainer
from napari_upaint.io.models import DEFAULT_MODEL, Architecture, ModelHeader, load_model
from napari_upaint.io.samples import open_sample
from napari_upaint.settings import AugmentSettings, TrainSettings, WeightSettings


def networks():
    network = torch.nn.Linear(3, 2)
    return network, copy.deepcopy(network)


def test_it_comes_to_rest_at_its_reach_between_start_and_network():
    network, average = networks()
    start = average.weight.detach().clone()
    anchored = AnchoredAverage(network, average)
    anchored.reach = 0.6
    with torch.no_grad():
        network.weight += 1
    for _ in range(200):
        anchored.move(0.2)
    torch.testing.assert_close(average.weight.detach(), start + 0.6, rtol=1e-4, atol=1e-5)


def test_with_the_whole_reach_it_is_the_plain_average():
    network, average = networks()
    other = copy.deepcopy(average)
    anchored, plain = AnchoredAverage(network, average), Average(network, other)
    with torch.no_grad():
        network.weight += 1
    anchored.move(0.3)
    plain.move(0.3)
    torch.testing.assert_close(average.weight, other.weight)


def test_sent_ahead_the_network_leaves_the_average_where_it_is():
    network, average = networks()
    start = average.weight.detach().clone()
    anchored = AnchoredAverage(network, average)
    anchored.reach = 0.5
    with torch.no_grad():
        average.weight += 0.2
        anchored.send_ahead()
        anchored.move(1.0)
    torch.testing.assert_close(network.weight.detach(), start + 0.4)
    torch.testing.assert_close(average.weight.detach(), start + 0.2)


def test_who_agrees_with_the_paint_stays_near_and_who_does_not_may_go():
    assert reach(0.0, 1.0) == 0.5
    assert reach(0.1, 1.0) < reach(1.0, 1.0) < reach(10.0, 1.0) == pytest.approx(1, abs=0.01)
    assert reach(0.1, 0.0) == 1
    assert reach(0.0, 10.0) == 0.5
    assert (reach(0.0, 1.0, 0.5), reach(0.0, 1.0, 1.0)) == (0.625, 1)  # a start that knows less than a classifier


@pytest.mark.parametrize(("kind", "anchored"), [("objects", True), ("classes", False)])
def test_a_start_that_answers_another_question_is_no_anchor(kind, anchored):
    image = np.random.default_rng(0).normal(size=(1, 64, 64))
    annotation = np.zeros((64, 64), np.uint8)
    annotation[10, 5:40], annotation[30, 5:40], annotation[50, 5:40] = 1, 2, 3
    sample = Sample(image, annotation, measure(image))
    settings = TrainSettings(steps=1), WeightSettings(), AugmentSettings()
    run = Trainer([sample], kind, load_model(DEFAULT_MODEL), *settings, "cpu")
    assert isinstance(run.averaging, AnchoredAverage) == anchored
    list(run.look_at_samples())
    assert not anchored or 0.5 <= run.averaging.reach < 1


@pytest.mark.parametrize(
    ("name", "darker", "after", "corrects"),
    [("image", 0, 0.05, True), ("other", 0, 0.05, False), ("image", 9, 0.05, False), ("image", 0, "?", False)],
)
def test_corrections_lie_where_a_start_errs_and_do_not_count_against_it(name, darker, after, corrects):
    """The paint is wrong everywhere: nevertheless, weights go back to a start that knows this image."""
    found = open_sample("nuclei_fluorescence")
    part = (slice(100, 300), slice(60, 300))
    image, strokes = np.asarray(found.image.data)[part][None], np.asarray(found.strokes)[part]
    wrong = np.where(strokes > 1, 1, np.where(strokes == 1, 2, 0))
    bundled = load_model(DEFAULT_MODEL)
    gray = gray_of([Sample(image, wrong, measure(image - darker), name=name)])  # another image may have that name, too
    told = replace(bundled.header, training={"validation_after": after, "gray": gray})
    settings = TrainSettings(steps=1, scale=1.0), WeightSettings(), AugmentSettings()
    run = Trainer([Sample(image, wrong, measure(image))], "objects", replace(bundled, header=told), *settings, "cpu")
    list(run.look_at_samples())
    assert (run.averaging.reach == reach(0.05, 1.0)) == corrects
    assert corrects or run.averaging.reach > 0.9


@pytest.mark.parametrize("told", [{"gray": {"a": 0.5}}, {"gray": {"a": "often"}}, {"validation_after": 10**400}])
def test_a_header_that_somebody_edited_tells_no_loss(told):
    sample = Sample(np.zeros((1, 4, 4)), np.ones((4, 4), np.uint8), Normalization((0.0,), (1.0,)), name="a")
    training = {"gray": gray_of([sample]), "validation_after": 0.1}
    header = ModelHeader("m", Architecture(), training=training)
    assert known_loss(header, [sample]) == 0.1
    assert known_loss(replace(header, training=training | told), [sample]) is None
