"""The side-by-side picture shows what it is given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from skimage.io import imread

from napari_upaint.commands import _picture as picture
from napari_upaint.core.colours import BACKGROUND_COLOUR, CLASS_COLOURS, rgb


def test_strokes_hide_nothing_else() -> None:
    base = picture.gray(np.linspace(0, 1, 400, dtype=np.float32).reshape(1, 20, 20))
    annotation = np.zeros((20, 20), np.uint16)
    annotation[3, 3:9], annotation[7, 3:9], annotation[9, 3:9] = 1, 2, 900
    shown = picture.strokes(base, annotation)
    assert np.array_equal(shown[annotation == 0], base[annotation == 0])
    assert tuple(shown[3, 4]) == rgb(BACKGROUND_COLOUR)
    assert tuple(shown[7, 4]) == rgb(CLASS_COLOURS[0])


def test_three_channels_are_colours_and_others_gray() -> None:
    image = np.random.default_rng(0).uniform(-1, 3, (3, 8, 9)).astype(np.float32)
    assert len(np.unique(picture.gray(image), axis=-1)) == 8
    assert (np.ptp(picture.gray(image[:2]), axis=-1) == 0).all()


def test_scores_grow_lighter() -> None:
    lightness = picture.ramp(np.linspace(0, 2, 50)[None], 2.0).astype(int).sum(axis=-1)[0]
    assert (np.diff(lightness) >= 0).all()
    assert picture.ramp(np.zeros((4, 4)), 0.0).shape == (4, 4, 3)


@pytest.mark.parametrize("shape", [(30, 40), (2000, 50), (50, 900)])
def test_panels_stand_side_by_side(shape: tuple[int, int], tmp_path: Path) -> None:
    panels = [(f"Panel {number}", np.full((*shape, 3), 40 * number, np.uint8)) for number in range(1, 4)]
    picture.side_by_side(panels, tmp_path / "p.png", height=100)
    sheet = imread(tmp_path / "p.png")
    found = [int(v) for v in dict.fromkeys(sheet[-60, :, 0]) if v != 255]
    assert found == [40, 80, 120]
