"""The laws of beginning with another network: it computes what the other did."""

import pytest
import torch
from pretraining.begin import inflated, widened

from napari_upaint.engine.unet import UNet


@pytest.mark.parametrize(("ndim", "norm"), [(2, None), (2, "batch"), (3, None)])
def test_a_widened_network_computes_what_the_narrow_one_did(ndim, norm):
    torch.manual_seed(3)
    narrow, wide = (UNet(ndim=ndim, n_classes=3, width=width, depth=3, norm=norm).eval() for width in (4, 8))
    image = torch.randn(1, 1, *(44,) * ndim)
    for module in narrow.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    wide.load_state_dict(widened(narrow.state_dict(), wide.state_dict(), torch.Generator().manual_seed(5)))
    with torch.inference_mode():
        torch.testing.assert_close(wide(image), narrow(image), atol=1e-5, rtol=1e-4)
    kernel = wide.down[1][0].weight
    assert not torch.allclose(*kernel.chunk(2, 1))  # what reads the two copies tells them apart


def test_an_inflated_network_sees_in_equal_planes_what_the_flat_one_saw():
    torch.manual_seed(4)
    flat, deep = (UNet(ndim=ndim, n_classes=3, width=4, depth=3, norm="batch").eval() for ndim in (2, 3))
    deep.load_state_dict(inflated(flat.state_dict(), deep.state_dict()))
    plane = torch.randn(1, 1, 44, 44)
    with torch.inference_mode():
        volume = deep(plane[:, :, None].expand(-1, -1, 44, -1, -1))
        torch.testing.assert_close(volume[:, :, 1], flat(plane), atol=1e-5, rtol=1e-4)
