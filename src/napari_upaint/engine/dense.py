"""Dense U-Net: dense blocks on every level (Jegou et al. 2017, arXiv:1611.09326, FC-DenseNet)."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from napari_upaint.core import tiling
from napari_upaint.engine.blocks import CONV, crop, normalization, up_convolution
from napari_upaint.engine.unet import UNet
from napari_upaint.settings import Padding


class DenseUNet(UNet):
    """U-Net whose layers see all layers before them on their level.

    Each layer of a dense block (Jegou et al., fig. 2), normalisation - ReLU - 3x3 convolution, adds `growth` channels
    to the concatenation of all before, cropped if convolutions are unpadded. A transition, normalisation - ReLU - 1x1
    convolution, precedes each pooling. On the way up, only what a block has added goes up (sec. 3.2 there).

    Parameters and attributes are those of `UNet`. `width` is both the channels of the first convolution and the growth
    rate. As in the U-Net, every level has two 3x3 convolutions down, the first one included, and two up, so sizes and
    halo are those of the U-Net.

    Attributes
    ----------
    growth : int or None
        Set by subclasses: growth rate; None: `width`.
    down_layers, up_layers : tuple of int or None
        Set by subclasses: layers per block, the deepest level last; None: as said above.
    """

    growth: int | None = None
    down_layers: tuple[int, ...] | None = None
    up_layers: tuple[int, ...] | None = None

    def _layers(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        levels = self.depth - 1
        return self.down_layers or (1, *(2,) * levels), self.up_layers or (2,) * levels

    def _context(self) -> int:
        """Return the halo: each layer takes one pixel of its level on each side, and so does the first convolution."""
        down, up = self._layers()
        return 1 + sum(n * tiling.grid(level) for layers in (down, up) for level, n in enumerate(layers, start=1))

    def _make_levels(self, width: int) -> int:
        growth = self.growth or width
        down, up = self._layers()
        first = CONV[self.ndim](self.in_channels, width, kernel_size=3, padding=self.padding)
        leaving, channels = [], width
        for level, layers in enumerate(down):
            block = DenseBlock(self.ndim, channels, growth, layers, self.padding, self.norm)
            self.down.append(block if level else nn.Sequential(first, block))
            channels += layers * growth
            leaving.append(channels)
        added = [n * growth for n in (*up[1:], down[-1])]  # by the block of the level below
        for level, layers in enumerate(up):
            self.up.append(up_convolution(self.ndim, added[level], added[level]))
            entering = leaving[level] + added[level]
            self.merge.append(DenseBlock(self.ndim, entering, growth, layers, self.padding, self.norm))
        self.transitions = nn.ModuleList(_layer(self.ndim, c, c, 1, self.padding, self.norm) for c in leaving[:-1])
        return leaving[0] + (added[0] + up[0] * growth if up else 0)

    def _descend(self, level: int, x: torch.Tensor) -> torch.Tensor:
        return super()._descend(level, self.transitions[level - 1](x))

    def _join(self, level: int, skip: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        up = cast(nn.Conv2d, self.up[level])
        # ReLU first: He's initialisation assumes it.
        x = up(torch.relu(x[:, -up.in_channels :]))
        return cast(torch.Tensor, self.merge[level](torch.cat([crop(skip, x), x], dim=1)))


class DenseBlock(nn.Module):
    """`layers` 3x3 convolutions of `growth` channels, each on all channels before it; all channels are handed on."""

    def __init__(self, ndim: int, channels: int, growth: int, layers: int, padding: Padding, norm: str | None) -> None:
        super().__init__()
        entering = range(channels, channels + layers * growth, growth)
        self.layers = nn.ModuleList(_layer(ndim, c, growth, 3, padding, norm) for c in entering)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the concatenation of x and of all layers, (B, channels + layers * growth, [Z,] Y, X)."""
        for layer in self.layers:
            new = layer(x)
            x = torch.cat([crop(x, new), new], dim=1)
        return x


def _layer(ndim: int, a: int, b: int, kernel: int, padding: Padding, norm: str | None) -> nn.Sequential:
    # Not in place: such a ReLU would change the channels before later layers normalise them.
    before = [normalization(norm, ndim, a)] if norm else []
    return nn.Sequential(*before, nn.ReLU(), CONV[ndim](a, b, kernel_size=kernel, padding=padding))
