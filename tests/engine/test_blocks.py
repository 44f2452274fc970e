"""Laws of the parts: the fast ways of training give what the plain ones do."""

import pytest
import torch
from torch import nn

from napari_upaint.engine.blocks import UP, Dropout, channels_last, crop, layout_on, moved_to, normalization
from napari_upaint.engine.family import build
from napari_upaint.engine.step import seed_dropout
from napari_upaint.io.models import Architecture


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("ndim", [2, 3])
def test_an_up_convolution_trains_as_it_predicts(ndim, bias):
    layout = channels_last(ndim)
    layer = UP[ndim](6, 4, kernel_size=2, stride=2, bias=bias).double().to(memory_format=layout)
    image = torch.randn(2, 6, *(3, 4, 5)[:ndim]).double().contiguous(memory_format=layout).requires_grad_()
    found = []
    for training in (True, False):
        layer.train(training).zero_grad()
        image.grad = None
        y = layer(image)
        (y * torch.linspace(-1, 1, y.numel()).reshape(y.shape)).sum().backward()
        found.append([y.detach(), image.grad, *(one.grad for one in layer.parameters())])
        assert y.is_contiguous(memory_format=layout) or not training
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(("channels", "groups"), [(16, 8), (8, 8), (4, 4), (6, 6), (10, 5), (12, 6), (11, 1)])
def test_groups_of_a_normalisation_are_equally_large(channels, groups):
    assert normalization("group", 2, channels).num_groups == groups
    assert normalization("group", 3, 3 * channels, 3).num_groups == 3 * groups


def test_channels_come_first_on_apples_chips_and_last_elsewhere(monkeypatch):
    real = nn.Module.to
    here = torch.device("cpu")  # in place of the chip
    monkeypatch.setattr(nn.Module, "to", lambda self, *to, **how: real(self, *(here for _ in to), **how))
    network = build(Architecture(in_channels=2, width=4, depth=2))
    for name, layout in (("cpu", torch.channels_last), ("cuda", torch.channels_last), ("mps", torch.contiguous_format)):
        device = torch.device(name)
        assert layout_on(device, 2) == layout
        assert moved_to(device, network) is network
        assert all(one.is_contiguous(memory_format=layout) for one in network.parameters() if one.ndim == 4)


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_crop_is_a_slice_with_a_gradient_in_the_layout_of_the_image(ndim):
    x = torch.randn(2, 3, *(9, 10, 8)[:ndim]).double().contiguous(memory_format=channels_last(ndim)).requires_grad_()
    like = torch.zeros(2, 1, *(5, 4, 8)[:ndim])
    cut = crop(x, like)
    middle = (slice(None), slice(None), *(slice(2, 7), slice(3, 7), slice(0, 8))[:ndim])
    assert torch.equal(cut, x[middle])
    assert torch.autograd.gradcheck(lambda one: crop(one, like), (x,))
    cut.square().sum().backward()
    assert x.grad.is_contiguous(memory_format=channels_last(ndim))
    assert crop(x, x) is x


def test_drop_out_of_ones_own_chance():
    layer, x = Dropout(0.3), torch.ones(1, 50, 20, 20)
    assert layer.eval()(x) is not None and torch.equal(layer(x), x)
    layer.train()
    found = []
    for seed in ((1, 2), (1, 2), (1, 3)):
        seed_dropout(layer, seed)
        torch.rand(3)  # what others draw does not matter
        found.append(layer(x))
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])
    assert (found[0] == 0).float().mean() == pytest.approx(0.3, abs=0.02)
    assert found[0].mean() == pytest.approx(1, abs=0.02)
    assert found[0].unique().tolist() == [0, pytest.approx(1 / 0.7)]
    assert torch.equal(Dropout(0.0)(x), x)
