"""Takes batch normalisation out of a trained network: the shipped one has none, as in the paper."""

from __future__ import annotations

import copy
from itertools import pairwise

import torch
from torch import nn

from napari_upaint.engine.unet import UNet


def fold_batch_norm(network: UNet) -> UNet:
    """Return an equal network without batch normalisation: its statistics are folded into the convolutions.

    This makes it the network of the paper again: nothing depends on what else lies in a tile or a batch.
    """
    folded: UNet = copy.deepcopy(network).eval()
    for block in [*folded.down, *folded.merge]:
        assert isinstance(block, nn.Sequential)
        layers = list(block)
        for convolution, norm in pairwise(layers):
            if isinstance(norm, nn.BatchNorm2d | nn.BatchNorm3d):
                _fold(convolution, norm)
        kept = [layer for layer in layers if not isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d)]
        del block[:]
        block.extend(kept)
    return folded


def _fold(convolution: nn.Module, norm: nn.BatchNorm2d | nn.BatchNorm3d) -> None:
    assert isinstance(convolution, nn.Conv2d | nn.Conv3d)
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None and variance is not None and convolution.bias is not None
    with torch.no_grad():
        gain = norm.weight / torch.sqrt(variance + norm.eps)
        convolution.weight.mul_(gain.reshape(-1, *(1,) * (convolution.weight.ndim - 1)))
        convolution.bias.copy_((convolution.bias - mean) * gain + norm.bias)
