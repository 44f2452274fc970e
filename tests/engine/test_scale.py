"""The scale at which a network understands an image best is found from paint."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_upaint.core.normalize import Normalization, measure
from napari_upaint.core.resize import scaled_shape
from napari_upaint.core.sample import Sample
from napari_upaint.engine import plane_fit as plane_fits
from napari_upaint.engine import scale as scales
from napari_upaint.engine import volume_fit as volume_fits
from napari_upaint.engine.checkpoint import to_network
from napari_upaint.engine.family import build
from napari_upaint.engine.plane_fit import View
from napari_upaint.engine.scale import (
    SCALES,
    USUAL,
    Fit,
    best_scale,
    find_scale,
    look_at_scales,
    may_be_best,
    painted_regions,
)
from napari_upaint.io.models import DEFAULT_MODEL, Architecture, load_model
from napari_upaint.io.samples import open_sample


@pytest.fixture(scope="module")
def network():
    return to_network(load_model(DEFAULT_MODEL))


@pytest.fixture(scope="module")
def nuclei():
    sample = open_sample("nuclei_fluorescence")
    part = (slice(208, 408), slice(80, 280))
    image, strokes = np.asarray(sample.image.data)[part][None], np.asarray(sample.strokes)[part]
    assert (strokes == 1).any() and (strokes > 1).any()
    return image, strokes


def sample_of(image, annotation):
    return Sample(image, annotation, measure(image))


def painted_over(image, strokes):
    return np.where(strokes > 0, 1 + (measure(image).apply(image)[0] > 0.5), 0)


def seen(small, wanted, strokes):
    """In place of a network: somebody who recognises objects at one size only."""
    inside = np.clip(small, 0, 1) if small.shape[1:] == scaled_shape(strokes.shape, wanted) else small * 0 + 0.25
    return np.concatenate([1 - inside, inside])


def best_of(*fits, start=None):
    return best_scale([Fit(*fit) for fit in fits], start)


@pytest.mark.parametrize("wanted", SCALES)
def test_the_scale_that_a_network_of_volumes_understands_is_found(wanted, nuclei, monkeypatch):
    image, strokes = nuclei
    network = torch.nn.Identity()
    network.ndim, network.n_classes = 3, 2
    monkeypatch.setattr(volume_fits, "whole", lambda _, small: seen(small, wanted, strokes))
    monkeypatch.setattr(scales, "painted_regions", lambda _: [(0, (slice(None), slice(None)))])
    painted = sample_of(image, painted_over(image, strokes))
    found = list(look_at_scales(network, [painted], kind="objects", border=False))
    assert min(found, key=lambda fit: fit.disagreement).scale == wanted


@pytest.mark.parametrize("wanted", SCALES)
def test_the_scale_that_a_network_of_planes_understands_is_found(wanted, nuclei, monkeypatch):
    """Filters say nothing here, and the classifier knows what the network says."""

    def saying(network, small, scores):
        yield
        return scores.astype(np.float16)

    image, strokes = nuclei
    network = build(Architecture(width=2, depth=2))
    monkeypatch.setattr(plane_fits, "whole", lambda _, small: seen(small, wanted, strokes))
    monkeypatch.setattr(plane_fits, "saying", saying)
    monkeypatch.setattr(plane_fits, "pixel_features", lambda small, _: np.zeros_like(small))
    monkeypatch.setattr(scales, "painted_regions", lambda _: [(0, (slice(None), slice(None)))])
    painted = sample_of(image, painted_over(image, strokes))
    found = list(look_at_scales(network, [painted], kind="objects", border=False))
    assert min(found, key=lambda fit: fit.disagreement).scale == wanted


def test_ids_of_objects_may_be_huge(network, nuclei):
    image, strokes = nuclei
    huge = np.where(strokes > 1, strokes + np.uint64(2**64 - 1000), strokes.astype(np.uint64))
    usual, same = (
        next(look_at_scales(network, [sample_of(image, painted)], kind="objects", border=True))
        for painted in (strokes, huge)
    )
    assert same == usual


def test_a_question_that_the_network_was_never_asked_is_answered_at_some_scale(network, monkeypatch):
    """Which half of the image: no network knows, filters of the painted places do."""
    monkeypatch.setattr(scales, "may_be_best", lambda *_: True)
    rng = np.random.default_rng(0)
    image = rng.normal(100, 10, (1, 160, 160))
    image[0, :, 80:] += (np.indices((160, 80)) // 2).sum(0) % 2 * 60 - 30  # a checkerboard, as bright on average
    annotation = np.zeros((160, 160), np.uint8)
    for y in range(10, 150, 20):
        annotation[y, 10:30], annotation[y, 120:140] = 1, 2
    found = look_at_scales(network, [sample_of(image, annotation)], kind="objects", border=True)
    losses = {fit.scale: fit.disagreement for fit in found}
    assert losses[1.0] < 0.2 < 0.4 < losses[0.5]  # at half the size, the checkerboard is gone


def test_scales_that_may_be_best_are_judged_and_the_network_is_left_as_it_was(network, nuclei, monkeypatch):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    few = list(look_at_scales(network, [sample_of(*nuclei)], kind="objects", border=True))
    best = list(find_scale(network, [sample_of(*nuclei)], kind="objects", border=True))
    assert best == [best_scale(few[:count]) for count in range(1, len(few) + 1)]
    monkeypatch.setattr(scales, "may_be_best", lambda *_: True)
    found = list(look_at_scales(network, [sample_of(*nuclei)], kind="objects", border=True))
    assert [fit.scale for fit in found] == list(SCALES)
    assert set(few) < set(found) and best_scale(few) == best_scale(found)
    assert all(np.isfinite(fit.disagreement) and fit.disagreement > 0 for fit in found)
    assert all((value == before[name]).all() for name, value in network.state_dict().items())


def test_of_scales_that_agree_about_as_well_the_usual_one_is_taken():
    assert best_of() == 1.0
    assert best_of((1.0, 0.6), (0.7, 0.5), (2.0, 0.4), (0.25, 0.4)) == 0.7
    assert best_of((1.0, 0.5), (0.7, 0.6), (2.0, 0.4), (0.25, 0.4)) == 1.0
    assert best_of((1.0, 0.01), (0.5, 0.001)) == 1.0  # both agree; that tells nothing
    assert best_of((1.0, 0.03), (0.7, 0.06)) == 1.0
    assert best_of((1.4, 0.3), (0.7, 0.4), (0.25, 0.4)) == 0.7
    assert best_of((0.25, 0.3)) == 0.25
    # What is twice as far away has to agree twice as well.
    assert best_of((USUAL, 0.5), (2 * USUAL, 0.26)) == best_of((USUAL, 0.5), (USUAL / 2, 0.26)) == USUAL
    assert best_of((USUAL, 0.5), (2 * USUAL, 0.24)) == 2 * USUAL


def test_a_network_that_has_learnt_at_a_scale_stays_there_unless_the_paint_speaks_against_it():
    bundled = load_model(DEFAULT_MODEL).header
    learnt = replace(bundled, scale=1.4, provenance={"start": "generalist-fast"})
    assert best_of((1.4, 0.5), (0.7, 0.13), (2.0, 0.3), start=learnt) == 1.4
    assert best_of((1.4, 0.5), (0.7, 0.12), (2.0, 0.3), start=learnt) == 0.7
    for start in (None, bundled):
        assert best_of((1.4, 0.5), (0.7, 0.13), (2.0, 0.3), start=start) == 0.7


def test_a_network_that_has_learnt_at_a_scale_of_the_users_own_stays_there(network, nuclei, monkeypatch):
    """Only usual scales were looked at: without any fit, or with a perfect one, it went to another."""
    learnt = replace(load_model(DEFAULT_MODEL).header, scale=0.6, provenance={"start": "generalist-fast"})
    assert best_scale([], learnt) == 0.6
    monkeypatch.setattr(scales, "_fit", lambda *_: None)
    assert list(find_scale(network, [sample_of(*nuclei)], kind="objects", border=True, start=learnt)) == [0.6]
    monkeypatch.setattr(scales, "_fit", lambda _network, _samples, _regions, scale, *_: Fit(scale, 0.01))
    assert list(find_scale(network, [sample_of(*nuclei)], kind="objects", border=True, start=learnt))[-1] == 0.6


@pytest.mark.parametrize("kind", ["objects", "classes"])
def test_strokes_on_objects_of_a_class_are_not_one_object(kind, monkeypatch):
    """Two balls of different sizes: as one object they would have the size of the larger one."""
    found = np.zeros((20, 40, 40), bool)
    found[5:9, 5:9, 5:9], found[5:17, 20:32, 20:32] = True, True
    scores = np.stack([~found, found]).astype(np.float32)
    monkeypatch.setattr(volume_fits, "whole", lambda *_: scores)
    network = torch.nn.Identity()
    network.ndim, network.n_classes = 3, 2
    annotation = np.zeros(found.shape, np.uint16)
    annotation[7, 6:8, 6], annotation[7, 22:30, 25], annotation[0, 0, :9] = 2, 3 if kind == "objects" else 2, 1
    view = View(np.zeros((1, *found.shape), np.float32), annotation)
    _, diameter = volume_fits.volume_fit(network, [view], kind=kind, border=False, measured=True)
    assert diameter == pytest.approx(((4**3 + 12**3) / 2) ** (1 / 3))


def test_scales_at_which_painted_objects_are_larger_than_any_that_was_learnt_are_out_of_the_question():
    fits = [(1.0, 0.03), (0.5, 0.3, 1.4), (0.7, 0.3)]
    assert best_of(*fits) == 0.7
    assert best_of((1.0, 0.03), (0.5, 0.3, 1.0)) == 1.0
    assert best_of((1.0, 0.03), (0.5, 0.3, 7.0)) == 0.5  # too large at any: the smallest
    learnt = replace(load_model(DEFAULT_MODEL).header, scale=1.0, provenance={"start": "generalist-fast"})
    assert best_of(*fits, start=learnt) == 1.0  # it has learnt them at this size


@given(
    st.lists(st.floats(0.001, 3), min_size=len(SCALES), max_size=len(SCALES)),
    st.sampled_from([0.0, 0.1, 0.9, 2.0, 6.0]),
    st.sampled_from([None, 0.25, 0.7, 1.0, 2.0]),
)
def test_scales_that_nobody_looked_at_could_not_have_been_best(disagreements, size, learnt):
    start = None
    if learnt is not None:
        start = replace(load_model(DEFAULT_MODEL).header, scale=learnt, provenance={"start": "generalist-fast"})
    every = [Fit(scale, one, size * (scale == 0.5)) for scale, one in zip(SCALES, disagreements, strict=True)]
    found = []
    for fit in every:
        if may_be_best(fit.scale, found, start):
            found.append(fit)
    assert best_scale(found, start) == best_scale(every, start)


@pytest.mark.parametrize("kind", ["objects", "classes"])
def test_large_objects_are_measured_and_shown_smaller(network, kind):
    """Discs of 200 px, so bright that all scales agree with the paint."""
    y, x = np.indices((500, 760))
    centres = [(130, 140), (130, 400), (370, 260), (380, 640)]
    discs = [(y - a) ** 2 + (x - b) ** 2 < 100**2 for a, b in centres]
    image = np.random.default_rng(0).normal(100, 5, y.shape) + 80 * np.any(discs, 0)
    annotation = np.zeros(y.shape, np.uint8)
    for number, (a, b) in enumerate(centres):
        annotation[a - 1 : a + 2, b - 20 : b + 20] = 2 + (number if kind == "objects" else 0)
    annotation[238:241, 20:60] = annotation[20:23, 560:600] = annotation[300:303, 440:480] = 1
    found = list(look_at_scales(network, [sample_of(image[None], annotation)], kind=kind, border=True))
    [diameter] = [70 * fit.size for fit in found if fit.size]
    assert diameter == pytest.approx(100 * np.sqrt(np.pi), rel=0.1)
    assert best_scale(found) <= 70 / diameter


def test_samples_without_paint_and_tiny_ones_do_no_harm(network, nuclei, monkeypatch):
    monkeypatch.setattr(scales, "SCALES", (1.0, 0.5))
    empty = sample_of(nuclei[0], np.zeros_like(nuclei[1]))
    alone = list(look_at_scales(network, [sample_of(*nuclei)], kind="objects", border=True))
    assert list(look_at_scales(network, [empty, sample_of(*nuclei)], kind="objects", border=True)) == alone
    tiny = sample_of(np.arange(9.0).reshape(1, 3, 3), np.array([[0, 1, 2]] * 3))
    assert list(find_scale(network, [tiny], kind="objects", border=True)) == [1.0]


def test_what_judges_says_nothing_of_the_scale(network, nuclei, monkeypatch):
    monkeypatch.setattr(scales, "SCALES", (1.0,))
    image, strokes = nuclei
    judging = np.zeros(strokes.shape, bool)
    judging[:, :100] = True
    left = np.where(judging, 0, strokes)
    assert (left == 1).any() and (left > 1).any() and (left != strokes).any()
    found, expected = (
        list(look_at_scales(network, [sample], kind="objects", border=True))
        for sample in (replace(sample_of(image, strokes), validation=judging), sample_of(image, left))
    )
    assert found == expected


def test_the_whole_painted_box_is_looked_at_where_it_is_small():
    annotation = np.zeros((600, 900), np.uint8)
    annotation[200, 300], annotation[250, 500] = 1, 2
    [(number, box)] = painted_regions([sample_of(annotation, annotation)])
    assert number == 0 and box == (slice(152, 299), slice(252, 549))


def test_strokes_all_over_a_large_image_are_looked_at_in_windows(monkeypatch, network):
    """Else the image's own scale would be too large to be tried, and the image be shrunk for no reason."""
    rng = np.random.default_rng(0)
    annotation = np.zeros((3000, 3000), np.uint8)
    for y, x in rng.integers(0, 2960, (60, 2)):
        annotation[y : y + 3, x : x + 40] = rng.integers(1, 3)
    regions = painted_regions([sample_of(annotation, annotation)])
    parts = [annotation[box] for _, box in regions]
    assert sum(part.size for part in parts) <= 700_000
    assert any((part == 1).any() for part in parts) and any((part == 2).any() for part in parts)
    assert all(4 * part.size <= 700_000 for part in parts)


def test_finished_masks_of_a_large_image_are_looked_at_without_a_list_of_their_pixels():
    masks = np.ones((2000, 2100), np.uint8)
    masks[700:900, 300:500] = 2
    tracemalloc.start()
    regions = painted_regions([sample_of(masks, masks)])
    memory = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert all((masks[box] == 2).any() or (masks[box] == 1).any() for _, box in regions)
    assert memory < 4 * masks.size


@pytest.mark.parametrize(
    ("shape", "spacing", "margins"),
    [
        ((1500, 2900), None, (48, 48)),
        ((40, 130, 500), None, (16, 16, 16)),
        ((30, 90, 400), (4.0, 1.0, 1.0), (4, 16, 16)),
    ],
)
@given(seed=st.integers(0, 1000), dots=st.integers(2, 12))
def test_windows_show_all_paint_with_its_surroundings(shape, spacing, margins, seed, dots):
    annotation = np.zeros(shape, np.uint8)
    least = [n // 8 for n in shape]
    places = [tuple(least), tuple(n - 1 for n in shape)]
    places += [tuple(place) for place in np.random.default_rng(seed).integers(least, shape, (dots, len(shape)))]
    annotation[tuple(zip(*places, strict=True))] = 1
    boxes = scales._boxes(Sample(annotation[None], annotation, Normalization((0.0,), (1.0,)), spacing))
    assert len(boxes) > 1
    for place in places:
        wanted = [
            (max(0, at - margin), min(n, at + margin)) for at, margin, n in zip(place, margins, shape, strict=True)
        ]
        assert any(
            all(side.start <= a and side.stop >= b for side, (a, b) in zip(box, wanted, strict=True)) for box in boxes
        )


def test_paint_far_apart_and_on_several_images_gives_both_answers():
    background, objects = np.zeros((2, 2000, 2000), np.uint8)
    background[10, 10:60] = 1
    background[1900, 1900:1960] = 1
    objects[1000, 1000:1004] = 5
    nothing = sample_of(np.eye(4), np.zeros((4, 4), np.uint8))
    regions = painted_regions([sample_of(background, background), nothing, sample_of(objects, objects)])
    assert {number for number, _ in regions} == {0, 2}
    large = np.zeros((800, 800), np.uint8)  # two of these are more than is looked at
    large[[50, -50], [50, -50]] = 1
    regions = painted_regions([sample_of(large, large), sample_of(large, 2 * large)])
    assert [number for number, _ in regions] == [0, 1]
    assert painted_regions([nothing]) == []
