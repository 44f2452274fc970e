"""Attention U-Net (Oktay et al. 2018, arXiv:1804.03999): gates on the skip connections."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional

from napari_upaint.engine.blocks import CONV, crop
from napari_upaint.engine.unet import UNet
from napari_upaint.settings import Padding

_LINEAR = {2: "bilinear", 3: "trilinear"}
_OPEN = 2.0  # a sigmoid of 0.88


class AttentionGate(nn.Module):
    """Additive attention on a grid (Oktay et al. 2018, sec. 2, eq. 1 and 2).

    ``alpha = sigmoid(psi(relu(theta(x) + phi(g))))``, computed at the size of g, resampled to that of x.

    Parameters
    ----------
    channels, gating : int
        Of the skip connection x, and of the gating signal g from the next coarser level.
    padding : {"valid", "same"}
        Of the network. Padded networks resample alpha linearly, as Oktay et al. do. Unpadded ones repeat it: linear
        interpolation at the rim would need coefficients from outside the tile, and tiles would not meet exactly.
    """

    def __init__(self, ndim: int, channels: int, gating: int, padding: Padding) -> None:
        super().__init__()
        self.mode = "nearest" if padding == "valid" else _LINEAR[ndim]
        self.theta = CONV[ndim](channels, channels, kernel_size=2, stride=2, bias=False)
        self.phi = CONV[ndim](gating, channels, kernel_size=1)
        self.psi = CONV[ndim](channels, 1, kernel_size=1)

    def open(self) -> None:
        """Let nearly everything pass, so that training starts from the skip connections of a plain U-Net."""
        assert self.psi.bias is not None
        nn.init.constant_(self.psi.bias, _OPEN)

    def forward(self, x: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
        """Return x, (B, channels, 2n, ...), weighted by attention; g is (B, gating, n, ...)."""
        return x * self.attention(x, g)

    def attention(self, x: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
        """Return alpha, 0..1, (B, 1, 2n, ...)."""
        # The block of x below a pixel of g is the one that the up-convolution makes of that pixel: the two are aligned
        # wherever the tile lies.
        alpha = torch.sigmoid(self.psi(torch.relu(self.theta(x) + self.phi(g))))
        corners = None if self.mode == "nearest" else False
        return functional.interpolate(alpha, scale_factor=2, mode=self.mode, align_corners=corners)


class AttentionUNet(UNet):
    """U-Net with attention gates on all skip connections but the first.

    The first is left out as in Oktay et al. 2018, sec. 2: features at full resolution say too little. A network of two
    levels is therefore a plain one. Parameters and attributes are those of `UNet`.
    """

    def __init__(self, *, width: int = 64, **others: Any) -> None:
        super().__init__(width=width, **others)
        for gate in self.gates:
            cast(AttentionGate, gate).open()

    def _make_levels(self, width: int) -> int:
        ends = super()._make_levels(width)
        channels = [width * 2**level for level in range(1, self.depth)]
        self.gates = nn.ModuleList(AttentionGate(self.ndim, a, b, self.padding) for a, b in pairwise(channels))
        return ends

    def _join(self, level: int, skip: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        up = self.up[level](x)
        skip = crop(skip, up)
        if level:
            skip = self.gates[level - 1](skip, x)
        return cast(torch.Tensor, self.merge[level](torch.cat([skip, up], dim=1)))
