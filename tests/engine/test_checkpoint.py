"""Laws of model files and networks: the same function comes back, adapted ones start from what was known."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_upaint.engine.checkpoint import adapt_input, from_network, replace_head, to_network
from napari_upaint.engine.family import build
from napari_upaint.errors import ModelError
from napari_upaint.io.models import Architecture, ModelFile, ModelHeader, bundled_models, load_model, save_model

SMALL = Architecture(width=4, depth=3, n_outputs=3)
HEADER = ModelHeader(name="small", architecture=SMALL, border=True)
IMAGE = torch.rand(1, 1, 60, 68, generator=torch.Generator().manual_seed(0))


def network(**changes):
    torch.manual_seed(0)
    return build(replace(SMALL, **changes)).eval()


def logits(net, image=IMAGE):
    with torch.inference_mode():
        return net.eval()(image)


def test_there_and_back_is_the_same_network(tmp_path):
    net = network()
    model = from_network(net, HEADER)
    assert all(isinstance(array, np.ndarray) and array.dtype == np.float32 for array in model.weights.values())
    back = to_network(load_model(save_model(model, tmp_path / "small.safetensors")))
    torch.testing.assert_close(logits(back), logits(net), rtol=0, atol=0)


def test_a_model_is_a_copy_that_later_training_does_not_change():
    net = network()
    model = from_network(net, HEADER)
    before = {name: value.copy() for name, value in model.weights.items()}
    with torch.no_grad():
        for one in net.parameters():
            one.add_(1)
        for one in to_network(model).parameters():
            one.add_(1)
    for name, value in model.weights.items():
        np.testing.assert_array_equal(value, before[name])


def test_half_precision_files_give_nearly_the_same():
    net = network()
    model = from_network(net, HEADER, dtype=np.float16)
    assert {value.dtype for value in model.weights.values()} == {np.dtype(np.float16)}
    torch.testing.assert_close(logits(to_network(model)), logits(net), rtol=0.01, atol=0.02)


def test_the_header_follows_the_network():
    net = network()
    adapt_input(net, 3)
    header = from_network(net, HEADER).header
    assert header.architecture == replace(SMALL, in_channels=3)
    assert header.name == "small"


def test_weights_that_do_not_fit_are_refused():
    model = from_network(network(), HEADER)
    for damaged in (
        {**model.weights, "classify.bias": np.zeros(7)},
        {name: value for name, value in model.weights.items() if name != "classify.bias"},
        {**model.weights, "surplus": np.zeros(1)},
    ):
        with pytest.raises(ModelError, match="weights of small do not fit"):
            to_network(ModelFile(HEADER, damaged))


def test_a_header_of_a_network_larger_than_memory_is_refused_without_making_it():
    model = from_network(network(), HEADER)
    huge = replace(HEADER, architecture=replace(SMALL, width=2**16 - 1, depth=7))
    with pytest.raises(ModelError, match="weights of small do not fit"):
        to_network(replace(model, header=huge))


def test_padded_models_come_back_padded_and_unknown_padding_is_refused():
    header = replace(HEADER, architecture=replace(SMALL, padding="same"))
    model = from_network(build(header.architecture), header)
    assert to_network(model).halo == 0
    strange = replace(header, architecture=replace(SMALL, padding="mirror"))
    with pytest.raises(ModelError, match="padding 'mirror'"):
        to_network(replace(model, header=strange))


@pytest.mark.parametrize("channels", [2, 3, 5])
def test_one_channel_becomes_the_mean_of_many(channels):
    net, image = network(), torch.rand(1, channels, 60, 60)
    expected = logits(net, image.mean(1, keepdim=True))
    adapt_input(net, channels)
    torch.testing.assert_close(logits(net, image), expected, rtol=1e-4, atol=1e-5)
    assert net.in_channels == channels


def test_one_channel_becomes_a_mixture_of_many():
    net, image, shares = network(), torch.rand(1, 3, 60, 60), (0.6, 0.0, 0.4)
    expected = logits(net, 0.6 * image[:, :1] + 0.4 * image[:, 2:])
    adapt_input(net, 3, shares)
    torch.testing.assert_close(logits(net, image), expected, rtol=1e-4, atol=1e-5)


def test_a_gray_image_is_seen_as_colour_with_equal_channels():
    net = network(in_channels=3)
    expected = logits(net, IMAGE.expand(-1, 3, -1, -1))
    adapt_input(net, 1)
    torch.testing.assert_close(logits(net), expected, rtol=1e-4, atol=1e-5)


def test_the_same_channels_change_nothing_and_others_can_be_trained():
    net = network()
    first = net.down[0][0].weight
    adapt_input(net, 1)
    assert net.down[0][0].weight is first
    adapt_input(net, 2)
    net(torch.rand(1, 2, 60, 60)).sum().backward()
    assert float(net.down[0][0].weight.grad.abs().sum()) > 0


@pytest.mark.parametrize("count", [1, 2, 4])
def test_new_classes_share_the_score_of_the_old_one(count):
    net = network()
    before = torch.softmax(logits(net), 1)
    classes = tuple(f"class {k + 2}" for k in range(count))
    replace_head(net, ("background", "object", "border"), ("background", *classes, "border"))
    after = torch.softmax(logits(net), 1)
    assert net.n_classes == count + 2 and after.shape[1] == count + 2
    torch.testing.assert_close(after[:, 0], before[:, 0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(after[:, -1], before[:, 2], rtol=1e-4, atol=1e-5)
    for k in range(count):
        torch.testing.assert_close(after[:, 1 + k], before[:, 1] / count, rtol=1e-4, atol=1e-5)


def test_known_outputs_stay_and_may_change_place():
    net = network()
    before = logits(net)
    replace_head(net, ("background", "object", "border"), ("background", "object", "class 3", "border"))
    after = logits(net)
    for old, new in ((0, 0), (1, 1), (2, 3)):
        torch.testing.assert_close(after[:, new], before[:, old])
    torch.testing.assert_close(after[:, 2], before[:, 1] - math.log(2), rtol=1e-4, atol=1e-5)


def test_a_new_head_can_be_trained():
    net = network()
    replace_head(net, ("background", "object", "border"), ("background", "class 2", "class 3", "border"))
    net.train()(IMAGE).sum().backward()
    assert net.classify.weight.grad is not None and net.classify.weight.requires_grad


@pytest.mark.parametrize("path", bundled_models(), ids=lambda path: path.stem)
def test_bundled_models_load_and_are_the_papers_kind_of_network(path):
    model = load_model(path)
    net = to_network(model)
    assert model.header.border and model.header.output_names == ("background", "object", "border")
    # Of volumes nine tenths of an unpadded tile would be halo.
    assert model.header.architecture.norm is None and (net.halo > 0) == (net.ndim == 2)
    assert all(np.isfinite(value).all() for value in model.weights.values())
