"""Laws of the mixture of channels: it follows what is painted, and never leaves a channel out."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import f_oneway

from napari_upaint.core.channel_shares import _Paint, _significance, channel_shares
from napari_upaint.core.normalize import Normalization, measure
from napari_upaint.core.sample import Sample
from napari_upaint.io.samples import open_sample


def dyes(signals, *, noise=1.0, seed=0):
    """Channels of noise, in which a painted object is brighter than the painted background by this much."""
    rng, annotation = np.random.default_rng(seed), np.zeros((40, 200), np.uint8)
    annotation[5:15, 5:190], annotation[25:35, 5:190] = 1, 2
    image = rng.normal(0, noise, (len(signals), *annotation.shape))
    image[:, 20:] += np.reshape(signals, (-1, 1, 1))
    return Sample(image, annotation, measure(image))


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=6), st.integers(0, 5))
def test_shares_sum_to_one_and_leave_nothing_out(signals, seed):
    shares = channel_shares([dyes(signals, seed=seed)], "objects")
    assert sum(shares) == pytest.approx(1)
    assert min(shares) >= 0.25 / len(signals) - 1e-9


@pytest.mark.parametrize("place", range(4))
def test_the_channel_that_shows_the_objects_is_seen_most(place):
    signals = np.zeros(4)
    signals[place] = 8
    shares = channel_shares([dyes(signals)], "objects")
    assert shares == pytest.approx([0.8125 if one == place else 0.0625 for one in range(4)])


def test_two_channels_that_both_show_them_are_both_seen():
    shares = channel_shares([dyes([2, 0, 2])], "objects")
    assert shares[0] == shares[2] > 2 * shares[1]


def test_where_the_mean_shows_them_clearly_it_is_kept():
    assert channel_shares([dyes([9, 20, 9])], "objects") == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize("seed", range(5))
def test_chance_is_no_reason_to_leave_the_mean(seed):
    """Six channels of coarse noise, among which some differ where the strokes are."""
    rng = np.random.default_rng(seed)
    sample = dyes([0] * 6)
    coarse = np.kron(rng.normal(size=(6, 2, 10)), np.ones((1, 20, 20)))
    annotation = np.zeros(sample.annotation.shape, np.uint8)
    for number, (y, x) in enumerate(zip(rng.integers(0, 36, 13), rng.integers(0, 160, 13), strict=True)):
        annotation[y : y + 3, x : x + 40] = 1 + (number > 4)
    image = coarse + 0.1 * sample.image
    assert channel_shares([Sample(image, annotation, measure(image))], "objects") == pytest.approx([1 / 6] * 6)


def test_chance_is_told_by_an_analysis_of_variance_of_pieces():
    rng, pieces = np.random.default_rng(0), np.repeat(np.arange(12), 3)
    classes = np.array([1, 2, 5])[[0, 1, 2, 2, 0, 1, 0, 0, 0, 2, 1, 0]]
    values = rng.normal(size=(2, 12)) + classes
    noise = np.array([-1.0, 0, 1])[np.arange(36) % 3]  # within a piece it says nothing
    found = _significance(_Paint(values[:, pieces] + noise, classes[pieces], pieces), np.array([[1, 0], [0.25, 0.75]]))
    for mixed, one in zip((values[0], 0.25 * values[0] + 0.75 * values[1]), found, strict=True):
        assert one == pytest.approx(f_oneway(*(mixed[classes == value] for value in (1, 2, 5))).statistic)


def test_channels_that_would_cancel_each_other_are_not_averaged():
    shares = channel_shares([dyes([6, -6])], "objects")
    assert sorted(shares) == pytest.approx([0.125, 0.875])


def test_order_of_channels_and_brightness_of_the_camera_do_not_matter():
    sample = dyes([1, 9, 3])
    turned = sample.image[[2, 0, 1]] * 7 + 1000
    shares, others = (
        channel_shares([replace(sample, image=image, normalization=measure(image))], "objects")
        for image in (sample.image, turned)
    )
    assert others == pytest.approx([shares[2], shares[0], shares[1]])


def test_objects_are_one_class_and_classes_are_several():
    """Two classes that only the second channel tells apart, both brighter than background in the first alone."""
    sample = dyes([4, 0])
    annotation, image = sample.annotation.copy(), sample.image.copy()
    annotation[30:35, 5:190] = 3
    image[1, 28:] += 40
    annotation[28:30] = 0
    sample = Sample(image, annotation, measure(image))
    objects, classes = (channel_shares([sample], kind) for kind in ("objects", "classes"))
    assert objects[0] > objects[1]
    assert classes[1] > objects[1]


def test_validation_regions_do_not_count():
    image, annotation = dyes([0, 4]).image.copy(), dyes([0, 4]).annotation
    there = np.zeros(annotation.shape, bool)
    there[:, 100:] = True
    image[:, :, 100:] = image[::-1, :, 100:]  # there, the other channel shows them
    judged = Sample(image, annotation, measure(image), validation=there)
    assert channel_shares([judged], "objects") == pytest.approx((0.125, 0.875))
    assert channel_shares([replace(judged, validation=None)], "objects")[0] >= 0.5


def test_stained_nuclei_stand_out_more_than_in_the_mean_of_the_colours():
    opened = open_sample("nuclei_he")
    image, strokes = opened.image.plane(), opened.strokes
    sample = Sample(image, strokes, measure(image))
    gray = sample.normalization.apply(image)

    def apart(shares):
        mixture = np.tensordot(shares, gray, 1)
        background, nuclei = mixture[strokes == 1], mixture[strokes > 1]
        return (background.mean() - nuclei.mean()) ** 2 / (background.var() + nuclei.var())

    assert apart(channel_shares([sample], "objects")) > 1.05 * apart(np.full(3, 1 / 3))


def test_two_pixels_tell_nothing_and_flat_channels_do_no_harm():
    image = np.zeros((2, 60, 60))
    image[0, 3:] = 1
    annotation = np.zeros((60, 60), np.uint8)
    annotation[0, 0], annotation[5, 5] = 1, 2
    sample = Sample(image, annotation, measure(image))
    assert channel_shares([sample], "objects") == pytest.approx((0.5, 0.5))
    annotation[0, ::7], annotation[40, ::7] = 1, 2
    image[0] += np.random.default_rng(0).normal(0, 0.3, (60, 60))
    sample = Sample(image, annotation, measure(image))
    assert channel_shares([sample], "objects") == pytest.approx((0.875, 0.125))


def test_whole_masks_of_a_large_image_and_many_channels_take_a_moment():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 100, (12, 1500, 1500)).astype(np.uint8)
    annotation = np.ones(image.shape[1:], np.uint16)
    annotation[::3] = 2
    image[5, ::3] += 60
    began = time.perf_counter()
    shares = channel_shares([Sample(image, annotation, Normalization((0,) * 12, (100,) * 12))], "objects")
    assert time.perf_counter() - began < 3
    assert np.argmax(shares) == 5


def test_volumes_have_shares_too():
    flat = dyes([0, 4])
    deep = Sample(np.repeat(flat.image[:, None], 3, 1), np.repeat(flat.annotation[None], 3, 0), flat.normalization)
    assert channel_shares([deep], "objects") == channel_shares([flat], "objects") == (0.125, 0.875)


def test_hundreds_of_channels_take_a_moment():
    rng = np.random.default_rng(0)
    image = rng.normal(0, 1, (150, 60, 60)).astype(np.float32)
    annotation = np.zeros((60, 60), np.uint16)
    annotation[::5, :30], annotation[::5, 30:] = 1, 2
    image[77, :, 30:] += 3
    began = time.perf_counter()
    shares = channel_shares([Sample(image, annotation, Normalization((0,) * 150, (1,) * 150))], "objects")
    assert time.perf_counter() - began < 3
    assert np.argmax(shares) == 77
