"""What is exported computes what the program itself computes, on tiles of the image as it is."""

import io
import warnings

import numpy as np
import pytest
import torch

from napari_upaint.core.normalize import measure
from napari_upaint.core.resize import scaled_shape
from napari_upaint.engine.checkpoint import from_network
from napari_upaint.engine.exported import export_model
from napari_upaint.engine.family import build
from napari_upaint.engine.predict import predict_mean
from napari_upaint.engine.telling import returned
from napari_upaint.io.models import Architecture, ModelHeader, load_model

pytestmark = pytest.mark.usefixtures("float32")


def model_of(seed=0, scale=1.0, spacing=None, **changes):
    torch.manual_seed(seed)
    network = Architecture(**{"width": 4, "depth": 3, "n_outputs": 3} | changes)
    header = ModelHeader("mine", network, border=True, scale=scale, spacing=spacing)
    return from_network(build(network), header)


def run(exported, tiles):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        script = torch.jit.load(io.BytesIO(exported.script))
    with torch.inference_mode():
        return script(torch.from_numpy(tiles)).numpy()


def predicted(model, image, scale, spacing=None):
    """Predict as the program does."""
    network = build(model.header.architecture).eval()
    network.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in model.weights.items()})
    return returned(predict_mean(network, image, scaled_shape(image.shape[1:], scale, spacing)))


@pytest.mark.parametrize(
    ("scale", "changes"),
    [(1.0, {}), (0.5, {}), (1.4, {}), (0.7, {"padding": "same", "norm": "group"}), (0.7, {"variant": "attention"})],
)
def test_planes(scale, changes):
    model = model_of(scale=scale, in_channels=2, **changes)
    exported = export_model(model)
    image = np.random.default_rng(1).random((2, *exported.tile), np.float32)
    np.testing.assert_allclose(run(exported, image[None])[0], predicted(model, image, scale), atol=1e-4)


@pytest.mark.parametrize(("spacing", "depth_of_tile"), [(None, 64), ((1.0, 1.0, 1.0), 128), ((4.0, 1.0, 1.0), 32)])
def test_volumes(spacing, depth_of_tile):
    model = model_of(ndim=3, padding="same", depth=2, spacing=spacing)
    exported = export_model(model, 0.5)
    assert exported.tile == (depth_of_tile, 128, 128) and exported.scale == 0.5
    image = np.random.default_rng(1).random((1, *exported.tile), np.float32)
    np.testing.assert_allclose(run(exported, image[None])[0], predicted(model, image, 0.5, spacing), atol=1e-4)


def test_several_tiles_at_once():
    exported = export_model(model_of())
    tiles = np.random.default_rng(1).random((2, 1, *exported.tile), np.float32)
    together, alone = run(exported, tiles), np.concatenate([run(exported, one[None]) for one in tiles])
    np.testing.assert_allclose(together, alone, atol=1e-6)


@pytest.mark.parametrize("depth", [3, 4, 5])
def test_tiles_that_overlap_by_the_halo_are_the_whole_image(depth):
    model = model_of(depth=depth, width=2)
    exported = export_model(model)
    (edge, _), (halo, _) = exported.tile, exported.halo
    step = edge - 2 * halo
    image = np.random.default_rng(1).random((1, edge + step, edge), np.float32)
    scores = predicted(model, image, 1.0)
    for start in (0, step):
        found = run(exported, image[None, :, start : start + edge])[0]
        inner = slice(start + halo, start + halo + step)
        np.testing.assert_allclose(found[:, halo : halo + step], scores[:, inner], atol=1e-5)


def test_the_image_for_tests_is_raw_and_tells_something():
    model = load_model("generalist-fast")
    exported = export_model(model)
    assert exported.image.shape == (1, 1, *exported.tile) and exported.image.max() > 1000
    normalised = measure(exported.image[0]).apply(exported.image[0])
    np.testing.assert_allclose(run(exported, normalised[None]), exported.scores, atol=1e-5)
    np.testing.assert_allclose(exported.scores.sum(1), 1, atol=1e-5)
    assert (exported.scores.argmax(1) == 1).mean() > 0.01  # it finds some of the spots
    np.testing.assert_array_equal(export_model(model).image, exported.image)
