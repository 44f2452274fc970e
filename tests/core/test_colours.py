"""Colours of labels."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from skimage.color import rgb2lab

from napari_upaint.core.colours import BACKGROUND_COLOUR, CLASS_COLOURS, found_rgba, label_rgb, label_rgba, rgb


def test_background_has_a_colour_of_its_own() -> None:
    shown = label_rgb(np.arange(1, 40))
    assert tuple(shown[0]) == rgb(BACKGROUND_COLOUR) == (86, 180, 233)
    assert not (shown[1:] == shown[0]).all(axis=1).any()


def test_objects_go_round_the_colours() -> None:
    shown = label_rgb(np.array([[2, 3], [2 + len(CLASS_COLOURS), 60_000]], np.uint16))
    assert shown.shape == (2, 2, 3)
    assert shown.dtype == np.uint8
    assert (shown[0, 0] == shown[1, 0]).all()
    assert not (shown[0, 0] == shown[0, 1]).all()


def test_unlabelled_is_transparent() -> None:
    colours = label_rgba()
    assert not colours[0].any()
    assert (colours[1:, 3] == 1).all()
    assert np.allclose(colours[1:9, :3] * 255, label_rgb(np.arange(1, 9)))


# How people who lack one kind of cones see linear RGB: Machado et al. (2009), severity 1.
SEEN_BY = {
    "all cones": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def seen_as(colours: np.ndarray, cones: str) -> np.ndarray:
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    seen = (linear @ np.array(SEEN_BY[cones]).T).clip(0, 1)
    return np.asarray(rgb2lab(np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)))


# A difference of 2.3 can just be seen side by side; these colours lie apart from each other, and on thin things.


@pytest.mark.parametrize("cones", SEEN_BY)
def test_the_first_eight_colours_can_be_told_apart_with_any_cones(cones) -> None:
    lab = seen_as(label_rgb(np.arange(1, 9)) / 255, cones)
    apart = [float(np.linalg.norm(a - b)) for a, b in combinations(lab, 2)]
    assert min(apart) > 15


@pytest.mark.parametrize("cones", ["all cones", "protanopia", "deuteranopia"])
@pytest.mark.parametrize("gray", [0.1, 0.4, 0.8])
def test_found_objects_that_touch_can_be_told_apart_on_any_image(cones, gray) -> None:
    """Their numbers lie near each other. napari's own 49 colours come as near as 1.5."""
    colours = found_rgba()
    assert not colours[0].any()
    assert (colours[1:, 3] == 1).all()
    lab = seen_as(0.5 * colours[1:, :3] + 0.5 * gray, cones)
    apart = [np.linalg.norm(lab - np.roll(lab, -step, axis=0), axis=1).min() for step in range(1, len(lab) // 2)]
    assert apart[0] > 20
    assert min(apart) > 10
