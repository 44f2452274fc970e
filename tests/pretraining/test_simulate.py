"""Laws of invented images: objects of the sizes asked for, something to tell them by, the same for the same chance."""

import numpy as np
import pytest
from pretraining.__main__ import CONFIG, read_config
from pretraining.data import Record
from pretraining.simulate import picture, shapes
from pretraining.simulate_volumes import volume_shapes
from pretraining.tiles import draw
from scipy import ndimage

SIZE = 140


@pytest.mark.parametrize("seed", range(12))
def test_shapes_are_objects_of_about_the_sizes_asked_for(seed):
    labels = shapes(np.random.default_rng(seed), SIZE, 12, 30)
    assert labels.shape == (SIZE, SIZE) and labels.dtype == np.int32 and labels.min() >= 0
    areas = np.bincount(labels.ravel())[1:]
    areas = areas[areas > 0]
    assert len(areas) >= 2 and 4 < np.median(np.sqrt(areas)) < 45


def test_there_are_touching_and_lone_objects():
    def touches(labels):
        wide = ndimage.maximum_filter(labels, 3)
        return bool(((labels > 0) & (wide != labels)).any())

    found = {touches(shapes(np.random.default_rng(seed), SIZE, 12, 30)) for seed in range(30)}
    assert found == {True, False}


@pytest.mark.parametrize("seed", range(12))
def test_pictures_are_finite_and_about_0_to_1(seed):
    rng = np.random.default_rng(seed)
    plane = picture(rng, shapes(rng, SIZE, 9, 40))
    assert plane.shape == (SIZE, SIZE) and plane.dtype == np.float32 and np.isfinite(plane).all()
    assert -1 < np.percentile(plane, 2) < np.percentile(plane, 98) < 2


@pytest.mark.parametrize("seed", range(6))
def test_volumes_hold_objects_of_about_the_sizes_asked_for(seed):
    rng = np.random.default_rng(seed)
    labels, apart = volume_shapes(rng, 48, 9, 20)
    assert labels.shape == (48, 48, 48) and labels.dtype == np.int32 and labels.min() >= 0 and 1 <= apart <= 3
    volumes = np.bincount(labels.ravel())[1:] * apart  # in voxels that are cubes
    volumes = volumes[volumes > 0]
    assert len(volumes) >= 2 and 4 < np.median(np.cbrt(volumes)) < 25
    image = picture(rng, labels, apart)
    assert image.shape == labels.shape and image.dtype == np.float32 and np.isfinite(image).all()
    assert -1 < np.percentile(image, 2) < np.percentile(image, 98) < 2


def test_nothing_to_see_and_ignored_pixels_do_no_harm():
    labels = np.full((60, 60), -1, np.int32)
    labels[20:] = 0
    assert np.isfinite(picture(np.random.default_rng(0), labels)).all()


def test_objects_can_be_told():
    """Gray value, texture or edges differ in nearly every picture."""
    told = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        labels = shapes(rng, SIZE, 15, 30)
        plane = picture(rng, labels)
        slope = np.hypot(*np.gradient(plane))
        inside, edge = labels > 0, ndimage.maximum_filter(labels, 3) != ndimage.minimum_filter(labels, 3)
        if inside.all() or not inside.any():
            continue
        differences = [
            abs(plane[inside].mean() - plane[~inside].mean()) / plane.std(),
            abs(slope[edge].mean() - slope[~edge].mean()) / slope.std(),
            abs(np.log(slope[inside].mean() / slope[~inside].mean())),
        ]
        told.append(max(differences) > 0.2)
    assert len(told) > 20 and np.mean(told) > 0.85


@pytest.mark.parametrize(
    ("model", "shape", "edge"), [("generalist-fast", (120, 140), 60), ("generalist-3d", (30, 40, 50), 16)]
)
def test_tiles_are_invented_as_often_as_the_recipe_says(model, shape, edge):
    config = read_config(CONFIG, model) | {"output": edge, "depth": 3}
    labels = np.zeros(shape, np.int32)
    labels[(slice(10, 25),) * len(shape)] = 1
    record = Record("some", "one", np.full((1, *shape), np.nan, np.float16), labels, 15.0)  # what is real is NaN
    tiles = [draw(record, np.random.default_rng(seed), config) for seed in range(60)]
    invented = np.mean([np.isfinite(tile.image).all() for tile in tiles])
    assert abs(invented - config["simulated"]) < 0.2
    never = [draw(record, np.random.default_rng(seed), config | {"simulated": 0.0}) for seed in range(5)]
    assert not any(np.isfinite(tile.image).all() for tile in never)
