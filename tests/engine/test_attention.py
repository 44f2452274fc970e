"""Attention gates: the formula of Oktay et al. 2018, its arithmetic by hand, and where they are."""

import pytest
import torch
from torch.nn import functional

from napari_upaint.engine.attention import AttentionGate, AttentionUNet
from napari_upaint.engine.unet import UNet


def parameters(network):
    return sum(one.numel() for one in network.parameters())


def gate(ndim=2, channels=4, gating=8, padding="valid"):
    torch.manual_seed(0)
    made = AttentionGate(ndim, channels, gating, padding)
    x, g = torch.randn(1, channels, *(12,) * ndim), torch.randn(1, gating, *(6,) * ndim)
    return made, x, g


def test_the_parameters_are_those_of_the_formula():
    """A gate on C channels with a signal of 2C: theta 2x2 without bias, phi 1x1, psi 1x1 to one channel."""
    gates = {c: (2 * 2 * c * c) + (2 * c * c + c) + (c + 1) for c in (128, 256, 512)}
    assert gates == {128: 98_561, 256: 393_729, 512: 1_573_889}
    with torch.device("meta"):
        assert parameters(AttentionUNet()) == 31_030_658 + sum(gates.values()) == 33_096_837
        solid = AttentionUNet(ndim=3, width=16)  # the widths of Oktay et al.
        assert parameters(solid) - parameters(UNet(ndim=3, width=16)) == sum(
            (8 * c * c) + (2 * c * c + c) + (c + 1) for c in (32, 64, 128)
        )


def test_the_sizes_are_the_papers():
    with torch.device("meta"):
        assert AttentionUNet()(torch.empty(1, 1, 572, 572)).shape == (1, 2, 388, 388)


def test_attention_is_the_formula_at_every_pixel():
    made, x, g = gate()
    alpha = made.attention(x, g)
    assert alpha.shape == (1, 1, 12, 12)
    for row, column in ((0, 0), (3, 4), (5, 5)):
        block = x[0, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        theta = torch.einsum("ocij,cij->o", made.theta.weight, block)
        phi = made.phi.weight[:, :, 0, 0] @ g[0, :, row, column] + made.phi.bias
        q = made.psi.weight[0, :, 0, 0] @ torch.relu(theta + phi) + made.psi.bias
        found = alpha[0, 0, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        torch.testing.assert_close(found, torch.sigmoid(q).expand(2, 2))
    torch.testing.assert_close(made(x, g), x * alpha)


@pytest.mark.parametrize("ndim", [2, 3])
def test_padded_gates_are_smooth_and_unpadded_ones_are_local(ndim):
    made, x, g = gate(ndim, padding="same")
    rough = gate(ndim)[0]
    rough.load_state_dict(made.state_dict())
    coarse = rough.attention(x, g)[(slice(None), slice(None), *(slice(None, None, 2),) * ndim)]
    mode = "bilinear" if ndim == 2 else "trilinear"
    smooth = functional.interpolate(coarse, scale_factor=2, mode=mode, align_corners=False)
    torch.testing.assert_close(made.attention(x, g), smooth)
    other = g.clone()
    other[(0, slice(None), *(2,) * ndim)] += 5
    changed = (rough.attention(x, other) != rough.attention(x, g)).nonzero()[:, 2:]
    assert changed.min() == 4
    assert changed.max() == 5


@pytest.mark.parametrize(("ndim", "depth", "size"), [(2, 4, 92), (3, 3, 44)])
def test_open_gates_leave_a_plain_network(ndim, depth, size):
    torch.manual_seed(0)
    attentive = AttentionUNet(ndim=ndim, width=2, depth=depth).eval()
    plain = UNet(ndim=ndim, width=2, depth=depth).eval()
    plain.load_state_dict(attentive.state_dict(), strict=False)
    image = torch.rand(1, 1, *(size,) * ndim)
    different = attentive(image)
    with torch.no_grad():
        for one in attentive.gates:
            one.psi.bias.fill_(1e4)
    torch.testing.assert_close(attentive(image), plain(image))
    assert not torch.allclose(different, plain(image))


def test_closed_gates_leave_the_first_skip_only():
    """What passes none of the gates comes from the first level or from the deepest one."""
    torch.manual_seed(0)
    network = AttentionUNet(width=2, depth=3).eval()
    with torch.no_grad():
        network.gates[0].psi.bias.fill_(-1e4)
    silent = []
    network.merge[1].register_forward_hook(lambda _, x, y: silent.append(x[0]))
    network(torch.rand(1, 1, 60, 60))
    assert not silent[0][:, :4].any()
    assert silent[0][:, 4:].any()


def test_gates_start_open_and_are_on_all_levels_but_the_first():
    torch.manual_seed(0)
    network = AttentionUNet(width=8, depth=4)
    assert [one.theta.in_channels for one in network.gates] == [16, 32]
    assert [one.phi.in_channels for one in network.gates] == [32, 64]
    assert [one.psi.bias.item() for one in network.gates] == [2, 2]
    assert torch.sigmoid(torch.tensor(2.0)) > 0.88
    assert len(AttentionUNet(width=2, depth=2).gates) == 0
