"""Laws of prediction: tile by tile is the whole, rotations are undone exactly, memory limits and stops are heeded."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from upaint_small import end_of, header_of, image_of, network_of, unit

from napari_upaint.core import tiling
from napari_upaint.core.normalize import measure
from napari_upaint.core.resize import resize_image, scaled_shape
from napari_upaint.engine import predict, tiled
from napari_upaint.engine.checkpoint import from_network, to_network
from napari_upaint.engine.crew import Crew
from napari_upaint.engine.predict import automatic_rotations, cached_network, predict_mean, predict_scores, whole
from napari_upaint.engine.progress import PredictProgress, Stop
from napari_upaint.engine.segment import segment_plane
from napari_upaint.errors import EngineError
from napari_upaint.io.samples import open_sample
from napari_upaint.settings import PredictSettings

SHAPES = [(1, 1), (3, 200), (1, 33), (37, 53), (64, 64), (131, 90)]


pytestmark = pytest.mark.usefixtures("float32")


def scores(network, image, scale=1.0, **settings):
    return end_of(predict_mean(network, image, scaled_shape(image.shape[1:], scale), **settings))[1]


def straight(network, image):
    """The network on the mirrored image at once, nothing of the tiling used."""
    h, sizes = network.halo, [tiling.input_size(n, network.depth) for n in image.shape[1:]]
    pad = [(h, size - n - h) for size, n in zip(sizes, image.shape[1:], strict=True)]
    padded = np.pad(image, [(0, 0), *pad], mode="reflect")
    with torch.inference_mode():
        found = torch.softmax(network(torch.from_numpy(padded)[None]), 1)[0].numpy()
    return found[(slice(None), *(slice(n) for n in image.shape[1:]))]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("depth", [2, 3, 4])
def test_whole_is_one_pass_over_the_mirrored_image(shape, depth):
    network, image = network_of(depth), image_of(shape)
    np.testing.assert_allclose(whole(network, image), straight(network, image), atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("depth", "tile"), [(2, 20), (2, 41), (3, 60), (3, 77), (4, 1), (4, 130)])
def test_tile_by_tile_is_the_whole(shape, depth, tile):
    network, image = network_of(depth), image_of(shape)
    np.testing.assert_allclose(scores(network, image, tile=tile), straight(network, image), atol=1e-5)


@pytest.mark.parametrize("tile", [204, 252, 380])
def test_tile_by_tile_is_the_whole_for_the_bundled_model_on_a_real_image(bundled, tile):
    network = to_network(bundled).eval()
    image = np.asarray(open_sample("membranes_em").image.data)[None, :217, 3:]
    image = measure(image).apply(image)
    np.testing.assert_allclose(scores(network, image, tile=tile), straight(network, image), atol=1e-5)


@pytest.mark.parametrize("variant", ["fortran", "reversed", "view"])
def test_the_layout_in_memory_does_not_matter(variant):
    network, image = network_of(3), image_of((50, 61), channels=1)
    strange = {
        "fortran": np.asfortranarray(image),
        "reversed": image[:, ::-1].copy()[:, ::-1],
        "view": image_of((50, 61)).repeat(2, 2)[:, :, ::2],
    }[variant]
    np.testing.assert_allclose(scores(network, strange, tile=60), scores(network, image, tile=60), atol=1e-6)


@pytest.fixture
def mirror(monkeypatch):
    """In place of the network's arithmetic: its output is its input, cut to size."""

    def show(network, tiles):
        h = network.halo
        return tiles[..., h : tiles.shape[2] - h, h : tiles.shape[3] - h].astype(np.float32)

    monkeypatch.setattr(tiled, "batch_scores", show)


@pytest.mark.parametrize("rotations", range(1, 9))
@pytest.mark.parametrize("shape", [(1, 7), (35, 48), (70, 41)], ids=str)
def test_turns_are_undone_exactly(mirror, rotations, shape):
    network, image = network_of(3), image_of(shape, channels=3)
    np.testing.assert_allclose(scores(network, image, tile=60, rotations=rotations), image, atol=1e-6)


def test_all_eight_turns_differ():
    image = np.arange(6.0).reshape(1, 2, 3)
    turned = [predict._turn(image, turn) for turn in range(8)]
    assert len({(one.shape, one.tobytes()) for one in turned}) == 8
    for turn, one in enumerate(turned):
        np.testing.assert_array_equal(predict._turn_back(one, turn), image)


def test_eight_rotations_of_a_symmetric_image_are_symmetric():
    image = image_of((45, 45))
    image = sum(predict._turn(image, turn) for turn in range(8)) / 8
    network = network_of(3)
    plain, averaged = scores(network, image), scores(network, image, rotations=8)
    for turn in range(1, 8):
        np.testing.assert_allclose(predict._turn(averaged, turn), averaged, atol=1e-5)
    assert np.abs(np.rot90(plain, axes=(1, 2)) - plain).max() > 1e-3
    np.testing.assert_allclose(averaged.sum(0), 1, atol=1e-5)


def test_a_network_that_knows_no_directions_predicts_the_same_in_all_of_them():
    network = network_of(3)
    with torch.no_grad():
        for one in network.parameters():
            if one.ndim == 4:
                one.copy_(sum(torch.rot90(one, k, (2, 3)) for k in range(4)) / 4)
                one.copy_((one + one.flip(3)) / 2)
    image = image_of((48, 72))  # multiples of the grid: the poolings of all turns fall on the same pixels
    plain = scores(network, image, tile=60)
    for rotations in (2, 7, 8):
        np.testing.assert_allclose(scores(network, image, tile=60, rotations=rotations), plain, atol=1e-5)


@pytest.mark.parametrize("scale", [0.5, 0.7, 1.4])
def test_another_scale_is_a_resized_image(scale):
    network, image = network_of(3), image_of((61, 80))
    small = resize_image(image, scaled_shape((61, 80), scale))
    expected = resize_image(straight(network, small), (61, 80))
    found = scores(network, image, scale)
    assert found.shape == (3, 61, 80)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-5)


def test_progress_counts_every_tile_of_every_turn():
    seen, _ = end_of(predict_mean(network_of(2), image_of((60, 45)), (60, 45), tile=40, rotations=3))
    total = len(tiling.plan((60, 45), 2, 40)) * 3
    assert total > 9
    assert seen == [PredictProgress(done, total) for done in range(1, total + 1)]


def test_a_stop_in_the_middle_ends_without_a_result(bundled):
    image = image_of((100, 100))
    model = from_network(network_of(2), header_of(2))
    generator = segment_plane(image, unit(), model, settings=PredictSettings(tile=40), device="cpu")
    seen, _ = end_of(generator, send=Stop(), after=2)
    assert len(seen) == 3 and all(isinstance(one, PredictProgress) for one in seen)
    network = network_of(2)
    assert end_of(predict_scores(network, image, 1.0, tile=40), send=Stop())[1] is None


def limited(monkeypatch, edge, error=None):
    """Let tiles above an edge fail; return the sizes that were asked for."""
    real, asked = tiled.batch_scores, []

    def batch_scores(network, tiles):
        asked.append(max(tiles.shape[2:]))
        if asked[-1] > edge:
            raise error or RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 7 bytes")
        return real(network, tiles)

    monkeypatch.setattr(tiled, "batch_scores", batch_scores)
    return asked


@pytest.mark.parametrize("error", [None, MemoryError(), torch.OutOfMemoryError("CUDA out of memory.")], ids=repr)
def test_out_of_memory_halves_the_tile_and_goes_on(monkeypatch, error):
    network, image = network_of(3), image_of((300, 310))
    expected = straight(network, image)
    asked = limited(monkeypatch, 130, error)
    np.testing.assert_allclose(scores(network, image, tile=400), expected, atol=1e-5)
    assert asked[0] > 300 and 60 < asked[-1] <= 130


def test_out_of_memory_for_the_smallest_tile_gets_a_sentence(monkeypatch):
    asked = limited(monkeypatch, 0)
    with pytest.raises(EngineError, match="smallest tile"):
        scores(network_of(3), image_of((300, 300)))
    assert len(asked) < 12


def test_other_errors_are_not_taken_for_lack_of_memory(monkeypatch):
    asked = limited(monkeypatch, 0, RuntimeError("mat1 and mat2 have different dtypes"))
    with pytest.raises(RuntimeError, match="mat1"):
        scores(network_of(3), image_of((300, 300)))
    assert len(asked) == 1


def test_the_network_of_a_model_is_made_once():
    model = from_network(network_of(2), header_of(2))
    first = cached_network(model, 1, "cpu")
    assert cached_network(model, 1, "cpu") is first and not first.training
    assert cached_network(from_network(network_of(2), header_of(2)), 1, "cpu") is not first


@pytest.mark.parametrize("channels", [1, 3])
def test_threads_are_compared_by_pixels_whatever_their_channels(channels, monkeypatch):
    network, image = network_of(2, in_channels=channels), image_of((40, 40), channels)
    told = []
    monkeypatch.setattr(Crew, "end", lambda self, began, pixels: told.append(pixels))
    scores(network, image)
    assert told == [(40 + 2 * network.halo) ** 2]


def test_the_quick_arithmetic_agrees_with_the_exact_one(bundled, monkeypatch):
    network = to_network(bundled).eval()
    raw = np.asarray(open_sample("nuclei_fluorescence").image.data)[None, :256, :256]
    image = measure(raw).apply(raw)
    exact = whole(network, image)
    monkeypatch.delenv("UPAINT_EXACT")
    quick = whole(network, image)
    assert (exact.argmax(0) == quick.argmax(0)).mean() > 0.995
    assert np.abs(exact - quick).mean() < 0.01


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("depth", [2, 4])
def test_a_padded_network_sees_a_small_image_at_once(shape, depth):
    network, image = network_of(depth, padding="same"), image_of(shape)
    sizes = [tiling.input_size(n, depth, padded=True) for n in shape]
    padded = np.pad(image, [(0, 0), *((0, a - n) for a, n in zip(sizes, shape, strict=True))], mode="reflect")
    with torch.inference_mode():
        expected = torch.softmax(network(torch.from_numpy(padded)[None]), 1)[0].numpy()
    found = whole(network, image)
    np.testing.assert_allclose(found, expected[(slice(None), *(slice(n) for n in shape))], atol=1e-5)


def test_tiles_of_a_padded_network_are_blended():
    network, image = network_of(3, padding="same"), image_of((150, 190))
    at_once, blended = whole(network, image), scores(network, image, tile=96)
    np.testing.assert_allclose(blended.sum(0), 1, atol=1e-5)
    difference = np.abs(at_once - blended)
    # The zeros at a tile's edges reach 22 px far at this depth, where the window trusts little.
    assert difference.max() > 1e-6
    # Beyond the last pixels of the image the tile goes on, mirrored, where the whole has its zeros.
    assert difference[:, :128, :168].max() < 0.15


@pytest.mark.parametrize("variant", ["plain", "cicek"])
def test_volumes_tile_by_tile_are_the_whole(variant):
    network, image = network_of(2, ndim=3, variant=variant, width=2), image_of((11, 37, 30))
    np.testing.assert_allclose(scores(network, image, tile=24), straight(network, image), atol=1e-5)
    np.testing.assert_allclose(whole(network, image), straight(network, image), atol=1e-5)


@pytest.mark.parametrize("rotations", [3, 8])
def test_turns_of_a_volume_are_in_its_planes_and_undone_exactly(monkeypatch, rotations):
    def show(network, tiles):
        inner = (..., *(slice(network.halo, n - network.halo) for n in tiles.shape[2:]))
        return tiles[inner].astype(np.float32)

    monkeypatch.setattr(tiled, "batch_scores", show)
    network, image = network_of(2, ndim=3), image_of((5, 20, 31), channels=3)
    np.testing.assert_allclose(scores(network, image, tile=24, rotations=rotations), image, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "count"), [((3, 5), 4), ((512, 512), 4), ((600, 600), 2), ((1024, 1024), 1), ((8, 16, 16), 1)], ids=str
)
def test_small_planes_are_averaged_over_rotations_of_themselves(shape, count):
    assert automatic_rotations(shape) == count


@given(st.tuples(st.integers(1, 5000), st.integers(1, 5000)))
def test_averaging_takes_no_longer_than_a_plane_of_a_million_pixels(shape):
    count, pixels = automatic_rotations(shape), shape[0] * shape[1]
    assert 1 <= count <= 4 and (count == 1 or count * pixels <= 2**20)
    assert count == 4 or (count + 1) * pixels > 2**20


def test_rotations_tell_how_far_they_are_apart():
    network, image = network_of(3), image_of((37, 53))
    turns = [end_of(tiled.predict_tiled(network, predict._turn(image, t), 0, (0, 1)))[1] for t in range(5)]
    turns = [predict._turn_back(scores, t) for t, scores in enumerate(turns)]
    one, several = (end_of(predict.predict_averaged(network, image, (37, 53), rotations=n))[1] for n in (1, 5))
    assert one[1] is None
    found, spread = several
    assert (spread.dtype, spread.shape) == (np.float16, (37, 53))
    expected = 2 * np.std(turns, axis=0).max(0)
    assert expected.max() > 0.1
    np.testing.assert_allclose(spread, expected, atol=1e-3)
    np.testing.assert_allclose(found, np.mean(turns, axis=0), atol=1e-5)
