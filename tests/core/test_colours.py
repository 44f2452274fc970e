"""Colours of labels."""

from __future__ import annotations

import numpy as np

from napari_upaint.core.colours import BACKGROUND_COLOUR, CLASS_COLOURS, label_rgb, label_rgba, rgb


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
