"""Laws of pretraining tiles: reproducible, of the right shapes, image and question in place."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from pretraining.data import Record
from pretraining.tiles import BACKGROUND, BORDER, IGNORED, OBJECT, draw, question

from napari_upaint.core.labels import borders
from napari_upaint.core.tiling import halo
from pretraining import tiles

RECIPE = tomllib.loads((Path(tiles.__file__).with_name("config.toml")).read_text())
INNER = 60
CONFIG = RECIPE | {"output": INNER, "depth": 3, "simulated": 0.0}


def record_of(channels=1, objects=True, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.zeros((120, 140), np.int32)
    if objects:
        labels[10:40, 10:50], labels[10:40, 50:80], labels[60:100, 30:60] = 1, 2, 3
        labels[:, 120:] = -1
    image = (labels > 0) + rng.normal(0, 0.1, (channels, *labels.shape))
    diameter = 34.0 if objects else 0.0
    return Record("some", "one", image.astype(np.float16), labels, diameter)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("objects", [True, False])
def test_tiles_are_of_the_shapes_that_the_network_takes(channels, objects):
    for number in range(12):
        tile = draw(record_of(channels, objects), np.random.default_rng(number), CONFIG)
        assert tile.image.shape == (1, 100, 100) and tile.image.dtype == np.float32
        assert tile.target.shape == tile.weights.shape == (INNER, INNER) and tile.target.dtype == np.int64
        assert np.isfinite(tile.image).all() and np.isfinite(tile.weights).all()
        assert set(np.unique(tile.target)) <= {IGNORED, BACKGROUND, OBJECT, BORDER}
        assert ((tile.weights == 0) == (tile.target == IGNORED)).all()


def test_the_same_chance_draws_the_same_tile():
    one, again, other = (draw(record_of(), np.random.default_rng(seed), CONFIG) for seed in (1, 1, 2))
    for name in ("image", "target", "weights"):
        np.testing.assert_array_equal(getattr(one, name), getattr(again, name))
    assert not np.array_equal(one.image, other.image)


def test_the_question_is_background_object_or_border():
    labels = record_of().labels
    target, weights = question(labels, CONFIG)
    border = borders(labels)
    assert border[20, 49] and border[20, 50]
    np.testing.assert_array_equal(target[border], BORDER)
    np.testing.assert_array_equal(target[~border & (labels > 0)], OBJECT)
    np.testing.assert_array_equal(target[~border & (labels == 0)], BACKGROUND)
    np.testing.assert_array_equal(target[~border & (labels < 0)], IGNORED)
    assert weights[20, 49] > weights[110, 20] >= 1 and weights[5, 130] == 0


def test_image_and_question_lie_on_each_other():
    """Objects are bright or, inverted, dark: either way the target tells them apart."""
    apart = []
    for number in range(30):
        tile = draw(record_of(), np.random.default_rng(number), CONFIG)
        image = tile.image[0, halo(3) : -halo(3), halo(3) : -halo(3)]
        inside, outside = tile.target == OBJECT, tile.target == BACKGROUND
        if min(inside.sum(), outside.sum()) > 50:
            spread = image[inside].std() + image[outside].std()
            apart.append(abs(image[inside].mean() - image[outside].mean()) / spread)
    assert len(apart) > 8 and np.median(apart) > 1


def volume_tile(seed, axial):
    labels = np.zeros((40, 60, 60), np.int32)
    labels[8:30, 10:32, 12:34], labels[8:30, 34:56, 12:34] = 1, 2
    record = Record("some", "one", (labels > 0)[None].astype(np.float16), labels, 22.0)
    config = RECIPE | {"output": 32, "depth": 3, "padding": "same", "simulated": 0.0, "axial": axial}
    return draw(record, np.random.default_rng(seed), config)


def test_volumes_seen_in_slices_apart_are_drawn_out_in_their_places():
    """Objects are bright or, inverted, dark; between two slices gray values run straight."""
    apart = []
    for seed in range(12):
        tile = volume_tile(seed, 1.0)
        assert tile.image.shape == (1, 32, 32, 32) and np.isfinite(tile.image).all()
        inside, outside = (tile.image[0][tile.target == answer] for answer in (OBJECT, BACKGROUND))
        if min(inside.size, outside.size) > 500:
            apart.append(abs(inside.mean() - outside.mean()) / (inside.std() + outside.std()))
    assert len(apart) > 5 and np.median(apart) > 1
    straight = [
        (np.abs(np.diff(volume_tile(seed, 1.0).image[0], 2, axis=0)).mean((1, 2)) < 1e-5).any() for seed in range(12)
    ]
    never = [
        (np.abs(np.diff(volume_tile(seed, 0.0).image[0], 2, axis=0)).mean((1, 2)) < 1e-5).any() for seed in range(12)
    ]
    assert np.mean(straight) > 0.4 and not any(never)


def test_planes_have_no_slices_that_could_lie_apart():
    one, other = (draw(record_of(), np.random.default_rng(1), CONFIG | {"axial": axial}) for axial in (0.0, 1.0))
    np.testing.assert_array_equal(one.image, other.image)
