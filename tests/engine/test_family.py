"""Laws that every network of the family keeps, whatever its levels are made of."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from torch import nn

from napari_upaint.core import tiling
from napari_upaint.core.normalize import measure
from napari_upaint.core.sample import Sample
from napari_upaint.engine.checkpoint import from_network, replace_head, to_network
from napari_upaint.engine.family import FAMILY, build
from napari_upaint.engine.predict import predict_scores
from napari_upaint.engine.progress import PlaneResult, TrainResult
from napari_upaint.engine.segment import segment_plane
from napari_upaint.engine.tiled import tile_scores
from napari_upaint.engine.train import train
from napari_upaint.engine.unet import UNet
from napari_upaint.errors import ModelError
from napari_upaint.io.models import Architecture, ModelHeader, load_model, save_model
from napari_upaint.settings import TrainSettings

CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)
VARIANTS = sorted(FAMILY)
everyone = pytest.mark.parametrize(("variant", "ndim"), [(variant, ndim) for variant in VARIANTS for ndim in (2, 3)])


def lively(variant, ndim=2, *, depth=3, width=4, in_channels=2, **others):
    """Return a network that sees its whole halo: statistics of a normalisation are drawn, nothing is dropped."""
    torch.manual_seed(0)
    options = dict(ndim=ndim, in_channels=in_channels, n_classes=3, width=width, depth=depth, dropout=0.0)
    network = FAMILY[variant](**options | others)
    for name, value in network.named_buffers():
        value.uniform_(0.5, 2) if "var" in name else value.normal_(0, 0.1)
    return network.eval()


def run(network, x):
    with torch.inference_mode():
        return network(x)


@everyone
def test_unpadded_networks_take_and_give_what_was_computed(variant, ndim):
    depth = 3 if ndim == 2 else 2
    network = lively(variant, ndim, depth=depth)
    assert network.depth == depth
    assert network.halo == tiling.halo(depth)
    for wanted in (1, 7):
        size = tiling.input_size(wanted, depth)
        found = run(network, torch.zeros(2, 2, size + 2 ** (depth - 1), *(size,) * (ndim - 1))).shape
        output = size - 2 * network.halo
        assert found == (2, 3, output + 2 ** (depth - 1), *(output,) * (ndim - 1))


@everyone
@pytest.mark.parametrize("depth", [2, 3])
def test_padded_networks_keep_the_size(variant, ndim, depth):
    network = lively(variant, ndim, depth=depth, padding="same")
    shape = tuple(2 ** (depth - 1) * n for n in (3, 5, 2)[:ndim])
    assert network.halo == 0
    assert run(network, torch.zeros(1, 2, *shape)).shape == (1, 3, *shape)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("depth", [1, 2, 4, 5])
def test_any_depth(variant, depth):
    network = lively(variant, depth=depth, width=2)
    size = tiling.input_size(3, depth)
    assert network.halo == tiling.halo(depth)
    assert run(network, torch.zeros(1, 2, size, size)).shape[2:] == (size - 2 * network.halo,) * 2


@everyone
def test_weights_are_drawn_as_he_et_al(variant, ndim):
    """Standard deviation sqrt(2 / N), N the incoming connections of one neuron (paper, sec. 3)."""
    torch.manual_seed(0)
    for one in FAMILY[variant](ndim=ndim, in_channels=2, width=16, depth=3).modules():
        if not isinstance(one, CONVOLUTIONS):
            continue
        up = isinstance(one, nn.ConvTranspose2d | nn.ConvTranspose3d)
        kernel = int(np.prod(one.kernel_size))
        incoming = one.in_channels if up else one.in_channels // one.groups * kernel
        tolerance = 5 / np.sqrt(2 * one.weight.numel())  # five times the error of a measured standard deviation
        assert float((one.weight.detach() ** 2).mean()) ** 0.5 == pytest.approx((2 / incoming) ** 0.5, rel=tolerance)


@everyone
def test_every_parameter_learns(variant, ndim):
    network = lively(variant, ndim, width=8, depth=3 if ndim == 2 else 2).train()
    size = tiling.input_size(12, network.depth)
    found = network(torch.rand(1, 2, *(size,) * ndim))
    (found * torch.rand_like(found)).sum().backward()
    silent = [name for name, one in network.named_parameters() if one.grad is None or not one.grad.abs().sum() > 0]
    assert not silent


@everyone
def test_a_shift_on_the_pooling_grid_shifts_the_output(variant, ndim):
    depth = 3
    network, cells = lively(variant, ndim, depth=depth, width=2 if ndim == 3 else 4), tiling.grid(3)
    size = tiling.input_size(6 if ndim == 3 else 30, depth)
    image = torch.rand(1, 2, *(size + cells,) * ndim)
    inner = (slice(None), slice(None), *(slice(cells, None),) * ndim)
    torch.testing.assert_close(run(network, image[inner]), run(network, image)[inner], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("shape", "tile"), [((61, 83), 60), ((40, 40), 44), ((97, 33), 76)])
def test_tiles_meet_without_a_seam(variant, shape, tile):
    network = lively(variant)
    image = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    whole = in_tiles(network, image, 10_000)
    assert len(tiling.plan(shape, network.depth, tile)) > 1 or shape == (40, 40)
    np.testing.assert_allclose(in_tiles(network, image, tile), whole, atol=1e-5)
    assert whole.std() > 1e-3


@pytest.mark.parametrize("variant", VARIANTS)
def test_tiles_of_volumes_meet_without_a_seam(variant):
    network = lively(variant, 3, depth=2, width=2)
    image = np.random.default_rng(0).normal(size=(2, 9, 14, 11)).astype(np.float32)
    np.testing.assert_allclose(in_tiles(network, image, 24), in_tiles(network, image, 10_000), atol=1e-5)


def in_tiles(network, image, tile):
    plan = tiling.plan(image.shape[1:], network.depth, tile)
    scores = np.full((network.n_classes, *image.shape[1:]), np.nan, np.float32)
    for one in plan:
        part = run(network, torch.from_numpy(np.ascontiguousarray(tiling.cut(image, plan, one)))[None])
        part = torch.softmax(part, 1)[0].numpy()
        scores[(slice(None), *one.region)] = part[(slice(None), *(slice(n) for n in one.keep))]
    return scores


@pytest.mark.parametrize("variant", VARIANTS)
def test_chance_is_at_work_in_training_only(variant):
    network = lively(variant, dropout=0.5)
    image = torch.rand(1, 2, 60, 60)
    assert torch.equal(run(network, image), run(network, image))
    assert not torch.equal(run(network.train(), image), run(network, image))


@everyone
def test_bfloat16(variant, ndim):
    network = lively(variant, ndim, depth=3 if ndim == 2 else 2)
    image = torch.rand(1, 2, *(tiling.input_size(8, network.depth),) * ndim)
    exact = run(network, image)
    with torch.autocast("cpu", torch.bfloat16):
        found = network.train()(image)
        assert found.dtype == torch.bfloat16
        found.float().square().mean().backward()
        found = run(network.eval(), image)
    assert all(torch.isfinite(one.grad).all() for one in network.parameters())
    network = lively(variant, ndim, depth=network.depth)  # training has moved running statistics
    with torch.autocast("cpu", torch.bfloat16):
        found = run(network, image).float()
    assert float((found - exact).abs().max()) < 0.05 * float(exact.std() + exact.abs().mean())


@pytest.mark.parametrize("variant", VARIANTS)
def test_channels_last_changes_the_memory_and_nothing_else(variant):
    torch.manual_seed(0)
    network = build(Architecture(variant, in_channels=2, n_outputs=3, width=4, depth=3)).eval()
    weights = [one.weight for one in network.modules() if isinstance(one, nn.Conv2d)]
    assert all(one.is_contiguous(memory_format=torch.channels_last) for one in weights)
    image = torch.rand(1, 2, 60, 60)
    found = run(network, image.contiguous(memory_format=torch.channels_last))
    expected = run(network.to(memory_format=torch.contiguous_format), image)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@everyone
def test_a_model_file_holds_the_network(variant, ndim, tmp_path):
    network = lively(variant, ndim, depth=2)
    shape = Architecture(variant, ndim, in_channels=2, n_outputs=3, width=4, depth=2, dropout=0.0)
    header = ModelHeader("one", shape, classes=("background", "a", "b"))
    again = to_network(load_model(save_model(from_network(network, header), tmp_path / "one.safetensors"))).eval()
    assert type(again) is FAMILY[variant]
    image = torch.rand(1, 2, *(20,) * ndim)
    torch.testing.assert_close(run(again, image), run(network, image))


@pytest.mark.parametrize("variant", VARIANTS)
def test_other_outputs_can_be_had(variant):
    network = lively(variant)
    before = torch.softmax(run(network, torch.ones(1, 2, 60, 60)), 1)
    replace_head(network, ("background", "a", "b"), ("background", "object"))
    after = torch.softmax(run(network, torch.ones(1, 2, 60, 60)), 1)
    assert after.shape == (1, 2, *before.shape[2:])
    assert network.n_classes == 2


@pytest.mark.parametrize("variant", [one for one in VARIANTS if one != "multimodal"])
def test_images_of_more_channels_look_like_their_mean_at_first(variant):
    network = lively(variant, in_channels=1)
    header = ModelHeader("one", Architecture(variant, n_outputs=3, width=4, depth=3), classes=("background", "a", "b"))
    adapted = to_network(from_network(network, header), in_channels=3).eval()
    image = torch.rand(1, 3, 60, 60)
    torch.testing.assert_close(run(adapted, image), run(network, image.mean(1, keepdim=True)), atol=1e-5, rtol=1e-4)


def test_an_unknown_network_is_refused():
    with pytest.raises(ModelError, match=r"2D transformer network; known are .*plain"):
        build(Architecture("transformer"))
    with pytest.raises(ModelError, match="4D dense"):
        build(Architecture("dense", ndim=4))


def test_the_settings_offer_the_whole_family():
    declared = next(one for one in fields(TrainSettings) if one.name == "variant")
    assert set(declared.metadata["choices"]) == set(FAMILY)
    assert FAMILY[declared.default] is UNet


def painted(channels):
    """Return two bright squares on a dark ground, with a little paint on each and on the ground."""
    rng = np.random.default_rng(0)
    image = rng.normal(100, 5, (channels, 80, 90)).astype(np.float32)
    annotation = np.zeros((80, 90), np.uint16)
    for number, (y, x) in enumerate(((10, 10), (45, 50)), start=2):
        image[:, y : y + 25, x : x + 25] += 80
        annotation[y + 8 : y + 12, x + 4 : x + 20] = number
    annotation[70:74, 5:60] = annotation[2:5, 40:80] = 1
    return Sample(image, annotation, measure(image))


def last(generator):
    return list(generator)[-1]


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_trains_and_predicts_through_the_engine(variant):
    sample = painted(2)
    settings = TrainSettings(steps=3, seconds=1e6, width=4, depth=3, variant=variant, scale=1.0)
    result = last(train([sample], kind="objects", start=None, settings=settings, device="cpu"))
    assert isinstance(result, TrainResult)
    assert result.steps == 3
    assert result.model.header.architecture.variant == variant
    assert all(np.isfinite(one).all() for one in result.model.weights.values())
    plane = last(segment_plane(sample.image, sample.normalization, result.model, device="cpu"))
    assert isinstance(plane, PlaneResult)
    assert plane.labels.shape == (80, 90)
    np.testing.assert_allclose(plane.scores.sum(0), 1, atol=0.01)
    more = TrainSettings(steps=1, seconds=1e6, scale=1.0)
    again = last(train([sample], kind="objects", start=result.model, settings=more, device="cpu"))
    assert again.model.header.architecture.variant == variant


@pytest.mark.parametrize("variant", VARIANTS)
def test_scores_do_not_depend_on_what_was_predicted_before(variant):
    network = lively(variant)
    tile = np.random.default_rng(0).normal(size=(2, 60, 60)).astype(np.float32)
    first = tile_scores(network, tile)
    tile_scores(network, tile * 5 + 3)
    np.testing.assert_array_equal(tile_scores(network, tile), first)


@everyone
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_the_engine_tiles_padded_networks_and_volumes_too(variant, ndim, padding, monkeypatch):
    monkeypatch.setenv("UPAINT_EXACT", "1")
    network = lively(variant, ndim, depth=3 if ndim == 2 else 2, padding=padding)
    shape, tile = ((61, 83), 64) if ndim == 2 else ((9, 14, 21), 24)
    image = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    parts, at_once = (scores_of(network, image, edge) for edge in (tile, 0))
    assert parts.shape == (3, *shape)
    np.testing.assert_allclose(parts.sum(0), 1, atol=1e-5)
    if padding == "valid":  # padded ones are blended: near, not equal
        np.testing.assert_allclose(parts, at_once, atol=1e-5)


def scores_of(network, image, tile):
    steps = predict_scores(network, image, 1.0, tile=tile)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
