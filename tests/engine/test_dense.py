"""Dense blocks: channels and parameters of Jegou et al. 2017, what a block passes on."""

import pytest
import torch
from torch import nn

from napari_upaint.core import tiling
from napari_upaint.engine.dense import DenseBlock, DenseUNet


class Tiramisu103(DenseUNet):
    """FC-DenseNet103 (table 2 there)."""

    growth, down_layers, up_layers = 16, (4, 5, 7, 10, 12, 15), (4, 5, 7, 10, 12)


class Tiramisu67(DenseUNet):
    """FC-DenseNet67: five layers everywhere."""

    growth, down_layers, up_layers = 16, (5,) * 6, (5,) * 5


def tiramisu(made):
    with torch.device("meta"):
        return made(in_channels=3, n_classes=11, width=48, depth=6, padding="same", norm="batch")


def parameters(network):
    return sum(one.numel() for one in network.parameters())


def test_the_channels_are_those_of_the_paper():
    """Table 2 there; its 578 is a slip: 160 brought up, 304 skipped and 7 * 16 new ones are 576."""
    network, seen = tiramisu(Tiramisu103), []
    for block in (*network.down, *reversed(network.merge)):
        block.register_forward_hook(lambda _, x, y: seen.append(y.shape[1]))
    found = network(torch.empty(1, 3, 224, 224, device="meta"))
    assert seen == [112, 192, 304, 464, 656, 896, 1088, 816, 576, 384, 256]
    assert found.shape == (1, 11, 224, 224)


@pytest.mark.parametrize(("made", "millions"), [(Tiramisu103, 9.4), (Tiramisu67, 3.5)])
def test_the_parameters_are_those_of_the_paper(made, millions):
    """Table 3 there, in millions.

    Two differences: its up-convolutions are 3x3 and ours 2x2 (so that tiles meet), which is 9 - 4 = 5 weights for each
    pair of channels; and it counts mean and variance of the batch normalisation as parameters.
    """
    network = tiramisu(made)
    up = sum(5 * one.in_channels**2 for one in network.modules() if isinstance(one, nn.ConvTranspose2d))
    statistics = sum(2 * one.num_features for one in network.modules() if isinstance(one, nn.BatchNorm2d))
    assert round((parameters(network) + up + statistics) / 1e6, 1) == millions


def test_the_layers_are_counted_as_in_the_papers_name():
    """103 = 38 down + 15 + 38 up in blocks, 5 transitions each way, the first and the last; 67 likewise."""
    convolutions = (nn.Conv2d, nn.ConvTranspose2d)
    assert sum(isinstance(one, convolutions) for one in tiramisu(Tiramisu103).modules()) == 103
    assert sum(isinstance(one, convolutions) for one in tiramisu(Tiramisu67).modules()) == 67


def test_the_default_by_hand():
    """Two levels, width and growth 4, one channel, two classes."""

    def conv(a, b, kernel):
        return kernel * kernel * a * b + b

    # first 1 -> 4, one layer: 8 leave; transition 8; two layers on 8: 16 at the bottom, 8 of them new
    down = conv(1, 4, 3) + conv(4, 4, 3) + conv(8, 8, 1) + conv(8, 4, 3) + conv(12, 4, 3)
    # 8 come up to the 8 of the skip, two layers on 16: 24 to the classes
    up = conv(8, 8, 2) + conv(16, 4, 3) + conv(20, 4, 3) + conv(24, 2, 1)
    assert parameters(DenseUNet(width=4, depth=2)) == down + up == 2_606


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5, 6])
def test_two_convolutions_a_level_make_the_unets_halo(depth):
    assert DenseUNet(width=1, depth=depth).halo == tiling.halo(depth)


def test_the_halo_follows_the_layers():
    class Longer(DenseUNet):
        down_layers, up_layers = (2, 3), (4,)

    network = Longer(width=2, depth=2).eval()
    assert network.halo == 1 + 2 + 2 * 3 + 4
    assert network(torch.rand(1, 1, 48, 60)).shape[2:] == (48 - 26, 60 - 26)


@pytest.mark.parametrize(("padding", "lost"), [("valid", 3), ("same", 0)])
@pytest.mark.parametrize("ndim", [2, 3])
def test_a_block_hands_on_all_that_it_saw(ndim, padding, lost):
    torch.manual_seed(0)
    block = DenseBlock(ndim, channels=5, growth=2, layers=3, padding=padding, norm=None)
    x = torch.randn(1, 5, *(9,) * ndim)
    kept = x.clone()
    found = block(x)
    inner = (slice(None), slice(None), *(slice(lost, 9 - lost),) * ndim)
    assert found.shape == (1, 5 + 3 * 2, *(9 - 2 * lost,) * ndim)
    torch.testing.assert_close(x, kept)  # nothing was rectified in place
    torch.testing.assert_close(found[:, :5], x[inner])
    assert [layer[-1].in_channels for layer in block.layers] == [5, 7, 9]


def test_every_layer_sees_every_one_before():
    torch.manual_seed(0)
    block = DenseBlock(2, channels=3, growth=2, layers=3, padding="valid", norm=None)
    for number, layer in enumerate(block.layers):
        reach = layer[-1].weight.abs().sum((0, 2, 3))
        assert reach.shape == (3 + 2 * number,)
        assert (reach > 0).all()
    outputs = []
    for layer in block.layers:
        layer.register_forward_hook(lambda _, x, y: outputs.append(y))
    found = block(torch.randn(1, 3, 11, 11))
    torch.testing.assert_close(found[:, 3:5], outputs[0][:, :, 2:-2, 2:-2])
    torch.testing.assert_close(found[:, 5:7], outputs[1][:, :, 1:-1, 1:-1])
    torch.testing.assert_close(found[:, 7:], outputs[2])


def test_only_what_a_block_added_is_brought_up():
    network, seen = DenseUNet(width=4, depth=3).eval(), []
    for block in network.up:
        block.register_forward_hook(lambda _, x, y: seen.append(x[0]))
    bottom = []
    network.down[2].register_forward_hook(lambda _, x, y: bottom.append(y))
    network(torch.rand(1, 1, 60, 60))
    assert [one.shape[1] for one in seen] == [8, 8]
    torch.testing.assert_close(seen[0], torch.relu(bottom[0][:, -8:]))
