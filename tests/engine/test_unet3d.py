"""The network of Cicek et al. 2016: figure 2, sec. 2."""

import pytest
import torch

from napari_upaint.engine.unet3d import ShiftedBatchNorm, UNet3D
from napari_upaint.errors import ModelError


def test_the_papers_parameters_by_hand():
    """19,069,955 (sec. 2): a weight for each connection, one shift for each normalised channel, a bias at the end."""
    convolutions = [  # fig. 2, from the left to the right
        (3, 32), (32, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512),
        (256 + 512, 256), (256, 256), (128 + 256, 128), (128, 128), (64 + 128, 64), (64, 64),
    ]  # fmt: skip
    weights = sum(27 * a * b for a, b in convolutions)
    shifts = sum(b for _, b in convolutions)
    up = sum(8 * c * c for c in (512, 256, 128))
    last = 64 * 3 + 3
    assert (weights, shifts, up, last) == (16_314_912, 2_336, 2_752_512, 195)
    assert weights + shifts + up + last == 19_069_955
    with torch.device("meta"):
        network = UNet3D(in_channels=3, n_classes=3)
    assert sum(one.numel() for one in network.parameters()) == 19_069_955


def test_the_papers_sizes_and_channels():
    """132 x 132 x 116 voxels become 44 x 44 x 28; the channels of fig. 2."""
    with torch.device("meta"):
        network = UNet3D(in_channels=3, n_classes=3).eval()
        seen = []
        for block in (*network.down, *reversed(network.merge)):
            block.register_forward_hook(lambda _, x, y: seen.append((x[0].shape[1], y.shape[1])))
        assert network(torch.empty(1, 3, 116, 132, 132)).shape == (1, 3, 28, 44, 44)
    assert seen == [(3, 64), (64, 128), (128, 256), (256, 512), (768, 256), (384, 128), (192, 64)]


def test_channels_double_before_pooling():
    for block in UNet3D(width=4, depth=3).down:
        assert block[3].out_channels == 2 * block[3].in_channels == 2 * block[0].out_channels


@pytest.mark.parametrize("ndim", [2, 3])
def test_the_normalisation_is_torchs_without_scale(ndim):
    torch.manual_seed(0)
    theirs = (torch.nn.BatchNorm2d if ndim == 2 else torch.nn.BatchNorm3d)(6)
    ours = ShiftedBatchNorm(6)
    with torch.no_grad():
        ours.shift.copy_(torch.randn(6))
        theirs.bias.copy_(ours.shift)
    for mode in (True, True, False):
        x = 3 * torch.randn(2, 6, *(5,) * ndim) + 1
        torch.testing.assert_close(ours.train(mode)(x), theirs.train(mode)(x))
    torch.testing.assert_close(ours.mean, theirs.running_mean)
    torch.testing.assert_close(ours.variance, theirs.running_var)


def test_a_prediction_does_not_change_the_statistics():
    network = UNet3D(ndim=2, width=2, depth=2)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    network.eval()(torch.rand(1, 1, 40, 40))
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    network.train()(torch.rand(1, 1, 40, 40))
    assert not torch.equal(network.down[0][1].mean, state["down.0.1.mean"])
    # averaged and saved with the weights: whole numbers among them could be neither
    assert all(value.is_floating_point() for value in state.values())


def test_other_normalisations_are_refused():
    UNet3D(width=2, depth=2, norm="batch")
    with pytest.raises(ModelError, match="'group'; this network knows batch only"):
        UNet3D(norm="group")
