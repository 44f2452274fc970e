"""A network without its batch normalisation is still the same function."""

import pytest
import torch
from pretraining.folding import fold_batch_norm

from napari_upaint.engine.unet import UNet


@pytest.mark.parametrize("ndim", [2, 3])
def test_folding_batch_normalisation_keeps_the_function(ndim):
    torch.manual_seed(0)
    net = UNet(ndim=ndim, width=4, depth=2, norm="batch")
    size = (28,) * ndim
    for _ in range(5):  # statistics and gains away from where they start
        net(torch.randn(2, 1, *size) * 3 + 1)
    with torch.no_grad():
        for one in net.parameters():
            if one.ndim == 1:
                one.add_(torch.randn_like(one) * 0.3)
        image = torch.randn(1, 1, *size)
        folded = fold_batch_norm(net)
        torch.testing.assert_close(folded.eval()(image), net.eval()(image), rtol=1e-4, atol=1e-5)
    assert any("BatchNorm" in type(one).__name__ for one in net.modules())  # the original is left alone


def test_a_folded_network_is_the_papers():
    folded = fold_batch_norm(UNet(width=4, depth=2, norm="batch"))
    assert not any("BatchNorm" in type(one).__name__ for one in folded.modules())
    assert folded.state_dict().keys() == UNet(width=4, depth=2).state_dict().keys()
