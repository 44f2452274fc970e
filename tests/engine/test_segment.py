"""Planes and volumes become labels and scores; what cannot be segmented gets a sentence; memory limits are heeded."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from upaint_small import header_of, image_of, network_of, unit

from napari_upaint.core import bands, tiling
from napari_upaint.core.normalize import Normalization, measure
from napari_upaint.core.usual_object import Usual
from napari_upaint.engine import segment, tiled
from napari_upaint.engine.checkpoint import from_network
from napari_upaint.engine.crew import Crew
from napari_upaint.engine.predict import predict_scores
from napari_upaint.engine.progress import PlaneResult, PredictProgress, Sight
from napari_upaint.engine.segment import segment_plane
from napari_upaint.engine.telling import returned
from napari_upaint.engine.unet import UNet
from napari_upaint.errors import ImageError, ModelError
from napari_upaint.io.models import Architecture
from napari_upaint.io.samples import open_sample
from napari_upaint.settings import ObjectSettings, PredictSettings

pytestmark = pytest.mark.usefixtures("float32")


def scores(network, image, scale=1.0):
    return returned(predict_scores(network, np.clip(image, -1, 3), scale))


def segmented(image, model, rotations=1, **how):
    """Return the result for gray values from 0 to 1."""
    settings = PredictSettings(rotations=rotations)
    *_, result = segment_plane(image, unit(len(image)), model, settings=settings, device="cpu", **how)
    return result


def test_a_plane_becomes_labels_and_scores(bundled):
    raw = np.asarray(open_sample("nuclei_fluorescence").image.data)[None, :200, :230]
    *before, result = segment_plane(raw, measure(raw), bundled, objects=ObjectSettings(smallest=10), device="cpu")
    assert isinstance(result, PlaneResult) and all(isinstance(one, PredictProgress) for one in before)
    assert result.labels.shape == (200, 230) and result.labels.dtype == np.int32
    assert result.scores.shape == (3, 200, 230) and result.scores.dtype == np.float16
    assert result.names == ("background", "object", "border")
    np.testing.assert_allclose(result.scores.astype(float).sum(0), 1, atol=3e-3)


def test_the_scale_of_the_model_is_used():
    network, image = network_of(2), image_of((60, 50))
    model = from_network(network, header_of(2, scale=0.5))
    np.testing.assert_allclose(segmented(image, model).scores, scores(network, image, 0.5), atol=2e-3)


def test_colour_images_pass_through_a_model_of_one_channel():
    network, image = network_of(2), image_of((50, 40), channels=3)
    result = segmented(image, from_network(network, header_of(2)))
    expected = scores(network, np.clip(image, -1, 3).mean(0, keepdims=True))
    np.testing.assert_allclose(result.scores, expected, atol=2e-3)


@pytest.mark.parametrize("dtype", ["u1", ">u2", "<i4", "f8", "?"])
def test_planes_of_every_type(dtype, bundled):
    model = from_network(network_of(2), header_of(2))
    image = (np.arange(900).reshape(1, 30, 30) % 7).astype(dtype)
    *_, result = segment_plane(image, measure(image), model, device="cpu")
    assert np.isfinite(result.scores).all()


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.zeros((5, 6)), "three axes"),
        (np.zeros((1, 2, 5, 6)), "three axes"),
        (np.full((1, 5, 6), np.nan), "NaN or infinite"),
        (np.full((1, 5, 6), -np.inf), "NaN or infinite"),
        (np.zeros((1, 0, 6)), "no pixels"),
        (np.zeros((2, 5, 6)), "2 channels, expected 1"),
    ],
)
def test_bad_planes_get_a_sentence(image, says):
    with pytest.raises(ImageError, match=says):
        list(segment_plane(image, unit(), from_network(network_of(2), header_of(2)), device="cpu"))


def test_models_of_volumes_get_a_sentence():
    architecture = Architecture(ndim=3, width=1, depth=2, n_outputs=3)
    header = replace(header_of(2), architecture=architecture)
    model = from_network(UNet(ndim=3, width=1, depth=2, n_classes=3), header)
    with pytest.raises(ModelError, match="3D model"):
        list(segment_plane(image_of((20, 20)), unit(), model, device="cpu"))


@pytest.mark.parametrize(("scale", "count"), [(1.0, 4), (10.0, 3)])
def test_a_plane_is_averaged_by_itself_over_as_many_rotations_as_the_network_sees_pixels(scale, count):
    model, image = from_network(network_of(2), header_of(2)), image_of((60, 50))
    found, asked, one = (segmented(image, model, n, sight=Sight(scale)) for n in (0, count, 1))
    np.testing.assert_array_equal(found.scores, asked.scores)
    np.testing.assert_array_equal(found.spread, asked.spread)
    assert one.spread is None and np.abs(one.scores - found.scores).max() > 0.01


def test_padded_networks_predict_through_the_model():
    network, image = network_of(2, padding="same"), image_of((60, 50))
    header = replace(header_of(2), architecture=Architecture(width=4, depth=2, n_outputs=3, padding="same"))
    result = segmented(image, from_network(network, header))
    np.testing.assert_allclose(result.scores, scores(network, image), atol=2e-3)


def test_a_volume_becomes_labels_and_scores():
    sample = np.asarray(open_sample("nuclei_3d").image.data)[None, :12, :40, :30]
    network = network_of(2, ndim=3)
    header = replace(header_of(2, scale=0.7), architecture=Architecture(ndim=3, width=4, depth=2, n_outputs=3))
    model = from_network(network, header)
    settings = PredictSettings(rotations=2)
    *_, result = segment_plane(sample, measure(sample), model, settings=settings, device="cpu")
    assert result.labels.shape == (12, 40, 30) and result.labels.dtype == np.int32
    assert result.scores.shape == (3, 12, 40, 30)
    np.testing.assert_allclose(result.scores.astype(float).sum(0), 1, atol=3e-3)
    with pytest.raises(ImageError, match="four axes"):
        list(segment_plane(np.zeros((4, 5)), unit(), model, device="cpu"))


@pytest.mark.parametrize(
    ("channels", "scale", "rotations", "split", "bytes_each"),
    [(3, 1.0, 1, False, 30), (1, 0.5, 1, True, 48), (1, 1.5, 1, False, 56), (1, 1.0, 2, False, 52)],
)
def test_memory_grows_no_more_than_it_did(bundled, monkeypatch, channels, scale, rotations, split, bytes_each):
    tile = np.pad(np.full((24, 24), 200, np.uint8), ((8, 0), (8, 0)))
    image = np.broadcast_to(np.tile(tile, (24, 24)), (channels, 768, 768))
    sight = Sight(scale, Usual(300.0, 0.3))

    def lone_tiles(network, shape, tile, *, exact):
        return Crew(tiling.plan(shape, network.depth, 216), 1, 1)

    def found(network, tiles):  # quick, and what it takes is counted
        inside = tiles[0, 0, 44:-44, 44:-44] * np.float32(0.9)
        return np.stack([1 - inside, 0.9 * inside, 0.1 * inside])[None]

    monkeypatch.setattr(tiled, "crew_for", lone_tiles)
    monkeypatch.setattr(tiled, "batch_scores", found)
    monkeypatch.setattr(bands, "_PIXELS", 2**16)  # as small beside this image as they are beside a large one
    settings, objects = PredictSettings(rotations=rotations), ObjectSettings(split=split)
    normalization = Normalization((0.0,) * channels, (200.0,) * channels)
    tracemalloc.start()
    try:
        *_, result = segment_plane(image, normalization, bundled, settings=settings, objects=objects, sight=sight)
        peak = tracemalloc.get_traced_memory()[1] / image[0].size
    finally:
        tracemalloc.stop()
    assert result.labels.max() == 24 * 24
    assert peak < bytes_each <= segment._bytes_per_pixel(channels, bundled.header, rotations, objects, scale**2), peak


def test_a_large_plane_that_would_fill_the_memory_is_refused(bundled, monkeypatch):
    given_back = []
    monkeypatch.setattr(segment, "give_back", lambda: given_back.append(True))
    monkeypatch.setattr(segment, "available", lambda: 10**4 if given_back else 0)
    image, normalization = image_of((33, 40)), Normalization((0.0,), (1.0,))
    assert list(segment_plane(image, normalization, bundled))
    monkeypatch.setattr(segment, "_LARGE", 1000)
    with pytest.raises(
        ImageError, match=r"^The image has 0 million pixels\. They need .* are free; close other programs"
    ):
        list(segment_plane(image, normalization, bundled))
    monkeypatch.setattr(segment, "available", lambda: 10**6 if given_back else 0)
    assert isinstance(list(segment_plane(image, normalization, bundled))[-1], PlaneResult)


def test_a_plane_that_a_model_wants_many_times_as_large_is_refused(bundled, monkeypatch):
    monkeypatch.setattr(segment, "available", lambda: 0)
    monkeypatch.setattr(segment, "_LARGE", 10_000)
    image, normalization = image_of((33, 40)), Normalization((0.0,), (1.0,))
    assert list(segment_plane(image, normalization, bundled, settings=PredictSettings(scale=1)))
    with pytest.raises(ImageError, match="GB of memory at once"):
        list(segment_plane(image, normalization, bundled, settings=PredictSettings(scale=8)))
