"""The U-Net of Ronneberger et al. 2015, in 2D and 3D.

With its defaults the network is exactly the paper's (sec. 2, fig. 1): 23 convolutions, 31,030,658 parameters for one
channel and two classes, 572 -> 388 pixels. The others of the family (see `engine.family`) have different levels.
"""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import nn

from napari_upaint.core import tiling
from napari_upaint.engine.blocks import (
    CONV,
    POOL,
    Convolutions,
    Dropout,
    crop,
    initialize,
    up_convolution,
)
from napari_upaint.settings import Padding


class UNet(nn.Module):
    """U-Net, axes (B, C, [Z,] Y, X) in and out.

    It takes gray values that `core.normalize.Normalization` has adjusted, at the scale in the header of its model. All
    edges must be lengths that `core.tiling.input_size` returns: with others, some of the features that are merged do
    not lie on the same pixels.

    Parameters
    ----------
    ndim : {2, 3}
        Number of spatial axes.
    in_channels, n_classes : int
        Channels of the image, and outputs (logits, no softmax).
    width : int
        Channels of the first level; they double on every level (64 .. 1024 in the paper).
    depth : int
        Levels (5 in the paper).
    padding : {"valid", "same"}
        Unpadded convolutions as in the paper, or padded with zeros.
    norm : {None, "batch", "group", "instance"}
        Normalisation between convolution and ReLU; none in the paper.
    dropout : float
        Probability of drop-out at the end of the contracting path (sec. 3.1).

    Attributes
    ----------
    halo : int
        Pixels that the output lacks on each side.
    """

    takes_any_channels = True  # whether the first layer can be adapted to images with other channels

    def __init__(
        self,
        *,
        ndim: int = 2,
        in_channels: int = 1,
        n_classes: int = 2,
        width: int = 64,
        depth: int = 5,
        padding: Padding = "valid",
        norm: str | None = None,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.ndim, self.padding, self.norm = ndim, padding, norm
        self.in_channels, self.n_classes, self.depth = in_channels, n_classes, depth
        self.halo = self._context() if padding == "valid" else 0
        self.pool = POOL[ndim](2)
        self.dropout = Dropout(dropout)
        # In the order of the levels, so that up[0] works at full resolution.
        self.down, self.up, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        self.classify = CONV[ndim](self._make_levels(width), n_classes, kernel_size=1)
        self.apply(initialize)

    @property
    def features(self) -> int:
        """The largest number of features per pixel at full resolution; the memory that a tile takes grows with it."""
        first = [one.out_channels for one in self.down[0].modules() if isinstance(one, nn.Conv2d | nn.Conv3d)]
        return max(self.classify.in_channels, *first)

    def _context(self) -> int:
        return tiling.halo(self.depth)

    def _make_levels(self, width: int) -> int:
        """Fill `down`, `up` and `merge`; return the number of channels at their end."""
        channels = [width * 2**level for level in range(self.depth)]
        self.down.extend(self._convolutions(a, b) for a, b in pairwise([self.in_channels, *channels]))
        self.up.extend(up_convolution(self.ndim, b, a) for a, b in pairwise(channels))
        self.merge.extend(self._convolutions(b, a) for a, b in pairwise(channels))
        return width

    def _convolutions(self, a: int, b: int, groups: int = 1) -> nn.Module:
        return Convolutions(self.ndim, a, b, self.padding, self.norm, groups)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits, (B, n_classes, [Z,] Y, X), smaller than `x` by `halo` on each side."""
        skips: list[torch.Tensor] = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else self._descend(level, x))
            skips.append(x)
        x = self.dropout(skips.pop())
        for level in reversed(range(self.depth - 1)):
            x = self._join(level, skips[level], x)
        return cast(torch.Tensor, self.classify(x))

    def _descend(self, level: int, x: torch.Tensor) -> torch.Tensor:
        """Bring `x` of the level above down to `level`."""
        return cast(torch.Tensor, self.pool(x))

    def _join(self, level: int, skip: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Bring `x` of the level below up and merge it with the features of the way down."""
        x = self.up[level](x)
        return cast(torch.Tensor, self.merge[level](torch.cat([crop(skip, x), x], dim=1)))
