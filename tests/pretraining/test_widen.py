"""The law of widening: twice the channels, the same function, and copies that learn different things."""

import pytest
import torch
from pretraining.widen import widened

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
