"""Laws of the network: the paper's figures, sizes as computed, weights as drawn."""

import numpy as np
import pytest
import torch
from torch import nn

from napari_upaint.core import tiling
from napari_upaint.engine.blocks import normalization
from napari_upaint.engine.family import build
from napari_upaint.engine.unet import UNet
from napari_upaint.errors import ModelError
from napari_upaint.io.models import Architecture

CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def run(network, *shape):
    with torch.inference_mode():
        return network.eval()(torch.zeros(1, network.in_channels, *shape)).shape


@pytest.fixture(scope="module")
def paper():
    torch.manual_seed(0)
    return UNet()


def test_the_papers_network(paper):
    assert sum(isinstance(one, CONVOLUTIONS) for one in paper.modules()) == 23
    assert sum(one.numel() for one in paper.parameters()) == 31_030_658
    assert paper.halo == 92
    with torch.device("meta"):  # shapes only: no arithmetic on 31 million parameters
        found = UNet()(torch.empty(1, 1, 572, 572))
    assert found.shape == (1, 2, 388, 388)


def test_the_weights_are_drawn_as_he_et_al(paper):
    for one in paper.modules():
        if not isinstance(one, CONVOLUTIONS):
            continue
        up = isinstance(one, nn.ConvTranspose2d)
        incoming = one.in_channels * (1 if up else one.weight[0, 0].numel())
        weights = one.weight.detach()
        assert (one.bias == 0).all()
        tolerance = 5 / np.sqrt(2 * weights.numel())  # five times the error of a measured standard deviation
        assert float(weights.std()) == pytest.approx((2 / incoming) ** 0.5, rel=tolerance)
        assert abs(float(weights.mean())) < 5 * (2 / incoming / weights.numel()) ** 0.5
    assert paper.down[0][2].in_channels * 9 == 576  # the example of sec. 3
    second = paper.down[0][2].weight.detach()
    assert float(second.std()) == pytest.approx((2 / 576) ** 0.5, rel=0.02)


def test_weights_are_gaussian(paper):
    weights = paper.down[3][2].weight.detach().ravel()
    scaled = weights / weights.std()
    assert float((scaled**4).mean()) == pytest.approx(3, abs=0.05)  # uniform ones would give 1.8


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_every_valid_size_gives_what_was_computed_in_two_dimensions(depth):
    network = UNet(width=1, depth=depth)
    valid = [size for size in range(1, 260) if _valid(size, depth)]
    assert valid
    for size in valid[:: max(1, len(valid) // 8)]:
        other = valid[-1 - valid.index(size)]
        assert run(network, size, other)[2:] == (size - 2 * network.halo, other - 2 * network.halo)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_every_valid_size_gives_what_was_computed_in_three_dimensions(depth):
    network = UNet(ndim=3, width=1, depth=depth)
    valid = [size for size in range(1, 60) if _valid(size, depth)][:4]
    for shape in ((valid[0], valid[1], valid[2]), (valid[3], valid[0], valid[0])):
        assert run(network, *shape)[2:] == tuple(size - 2 * network.halo for size in shape)


def _valid(size, depth):
    output = size - 2 * tiling.halo(depth)
    return output > 0 and tiling.input_size(output, depth) == size


@pytest.mark.parametrize(("ndim", "depth"), [(2, 2), (2, 4), (3, 2), (3, 3)])
def test_padded_convolutions_keep_the_size(ndim, depth):
    network = UNet(ndim=ndim, width=2, depth=depth, padding="same", in_channels=3, n_classes=4)
    shape = tuple(2 ** (depth - 1) * n for n in (3, 5, 2)[:ndim])
    assert network.halo == 0
    assert run(network, *shape) == (1, 4, *shape)


def test_drop_out_is_at_the_end_of_the_contracting_path_only():
    torch.manual_seed(0)
    network = UNet(width=4, depth=3, dropout=0.5)
    assert sum(isinstance(one, nn.Dropout) for one in network.modules()) == 1
    seen = []
    for name in ("down", "up"):
        for level, block in enumerate(getattr(network, name)):
            block.register_forward_hook(lambda _, x, y, n=name, k=level: seen.append((n, k, x[0], y)))
    image = torch.rand(1, 1, 60, 60)
    network.train()(image)
    by_place = {(name, level): (x, y) for name, level, x, y in seen}
    bottom, first_up = by_place["down", 2][1], by_place["up", 1][0]
    alive = bottom != 0
    dropped = (first_up == 0) & alive
    assert 0.3 < float(dropped.sum() / alive.sum()) < 0.7
    torch.testing.assert_close(first_up[~dropped & alive], 2 * bottom[~dropped & alive])
    network.eval()
    torch.testing.assert_close(network(image), network(image))
    assert not torch.equal(network.train()(image), network(image))


def test_skips_are_cropped_in_the_middle():
    """A network whose deeper path is silenced shows the image itself, in place."""
    network = UNet(width=1, depth=2, n_classes=1).eval()
    image = torch.rand(1, 1, 36, 44)
    with torch.no_grad():
        for one in network.parameters():
            one.zero_()
        for block in (network.down[0], network.merge[0]):
            block[0].weight[0, 0, 1, 1] = block[2].weight[0, 0, 1, 1] = 1
        network.classify.weight[:] = 1
        found = network(image)
    h = network.halo
    torch.testing.assert_close(found, image[:, :, h:-h, h:-h])


@pytest.mark.parametrize("ndim", [2, 3])
def test_instance_normalisation_is_that_of_torch_and_takes_a_single_pixel(ndim):
    layer = nn.InstanceNorm2d if ndim == 2 else nn.InstanceNorm3d
    ours, theirs = normalization("instance", ndim, 4), layer(4, affine=True)
    nn.init.normal_(ours.weight)
    nn.init.normal_(ours.bias)
    theirs.load_state_dict(ours.state_dict())
    image = torch.randn(2, 4, *(5, 6, 7)[:ndim])
    assert torch.equal(ours(image), theirs(image))
    single = image[(..., *(slice(1),) * ndim)]
    torch.testing.assert_close(ours(single)[0].ravel(), ours.bias, atol=1e-3, rtol=0)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("norm", [None, "batch", "group", "instance"])
def test_norms(ndim, norm):
    network = UNet(ndim=ndim, width=2, depth=2, norm=norm)
    size = tiling.input_size(8, 2)
    found = network(torch.rand(2, 1, *(size,) * ndim))
    assert found.shape == (2, 2, *(size - 2 * network.halo,) * ndim)
    assert torch.isfinite(found).all()
    found.sum().backward()
    assert all(one.grad is not None for one in network.parameters())


def test_every_part_learns():
    torch.manual_seed(1)
    network = UNet(width=8, depth=3, dropout=0)
    network(torch.rand(1, 1, 60, 60))[:, 0].sum().backward()
    assert all(float(one.grad.abs().sum()) > 0 for name, one in network.named_parameters() if "weight" in name)


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_turned_kernels_see_turned_images_alike(turn):
    """A quarter turn of the image and of all kernels turns the output: no axis is treated otherwise."""
    torch.manual_seed(0)
    network, turned = UNet(width=2, depth=3).eval(), UNet(width=2, depth=3).eval()
    turned.load_state_dict(
        {n: torch.rot90(v, turn, (2, 3)) if v.ndim == 4 else v for n, v in network.state_dict().items()}
    )
    image = torch.rand(1, 1, 60, 60)
    with torch.inference_mode():
        expected = torch.rot90(network(image), turn, (2, 3))
        torch.testing.assert_close(turned(torch.rot90(image, turn, (2, 3))), expected, atol=1e-5, rtol=1e-4)


def test_a_network_is_built_as_described():
    network = build(Architecture(in_channels=3, n_outputs=4, width=2, depth=3, norm="batch", dropout=0.1))
    assert (network.in_channels, network.n_classes, network.depth) == (3, 4, 3)
    assert network.dropout.p == 0.1
    assert network.down[1][0].weight.is_contiguous(memory_format=torch.channels_last)
    assert build(Architecture(ndim=3, width=1, depth=2)).classify.weight.ndim == 5


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (dict(variant="mystery"), "mystery"),
        (dict(ndim=4), "4D"),
        (dict(norm="layer"), "normalisation 'layer'"),
    ],
)
def test_unknown_networks_are_refused(asked, says):
    with pytest.raises(ModelError, match=says):
        build(Architecture(width=1, depth=2, **asked))
