"""The U-Net of Ronneberger et al. 2015, in two and three dimensions.

With its defaults the network is exactly the paper's (sec. 2, fig. 1): 23 convolutions, 31,030,658 parameters for one
channel and two classes, 572 -> 388 pixels.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, cast

import torch
from torch import nn

from napari_upaint.core import tiling
from napari_upaint.errors import ModelError
from napari_upaint.io.models import Architecture

Padding = Literal["valid", "same"]
_CONV = {2: nn.Conv2d, 3: nn.Conv3d}
_UP = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
_POOL = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
_BATCH_NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_INSTANCE_NORM = {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}


class UNet(nn.Module):
    """U-Net, axes (B, C, [Z,] Y, X) in and out.

    Parameters
    ----------
    ndim : {2, 3}
        Spatial axes.
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
        At the end of the contracting path (sec. 3.1).

    Attributes
    ----------
    halo : int
        Pixels that the output lacks on each side.
    """

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
        self.in_channels, self.n_classes, self.depth = in_channels, n_classes, depth
        self.halo = tiling.halo(depth) if padding == "valid" else 0
        channels = [width * 2**level for level in range(depth)]
        down = [(a, b) for a, b in pairwise([in_channels, *channels])]
        up = [(b, a) for a, b in pairwise(channels)]
        self.down = nn.ModuleList(_Convolutions(ndim, a, b, padding, norm) for a, b in down)
        self.pool = _POOL[ndim](2)
        self.dropout = nn.Dropout(dropout)
        # Kept in the order of the levels, so that up[0] works at full resolution.
        self.up = nn.ModuleList(_UP[ndim](a, b, kernel_size=2, stride=2) for a, b in up)
        self.merge = nn.ModuleList(_Convolutions(ndim, a, b, padding, norm) for a, b in up)
        self.classify = _CONV[ndim](width, n_classes, kernel_size=1)
        self.apply(_initialize)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits, (B, n_classes, [Z,] Y, X), smaller by `halo` on each side."""
        return cast(torch.Tensor, self.classify(self.features(x)))

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Return what the last 1x1 convolution sees, (B, width, [Z,] Y, X)."""
        skips: list[torch.Tensor] = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else self.pool(x))
            skips.append(x)
        x = self.dropout(skips.pop())
        for level in reversed(range(self.depth - 1)):
            x = self.up[level](x)
            x = self.merge[level](torch.cat([_crop(skips[level], x), x], dim=1))
        return x


class _Convolutions(nn.Sequential):
    """Two 3x3 convolutions, each with ReLU."""

    def __init__(self, ndim: int, a: int, b: int, padding: Padding, norm: str | None) -> None:
        layers: list[nn.Module] = []
        for i, o in ((a, b), (b, b)):
            layers.append(_CONV[ndim](i, o, kernel_size=3, padding=padding))
            layers += [_norm(norm, ndim, o)] if norm else []
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


def _norm(name: str, ndim: int, channels: int) -> nn.Module:
    if name == "batch":
        return _BATCH_NORM[ndim](channels)
    if name == "instance":
        return _INSTANCE_NORM[ndim](channels, affine=True)
    if name == "group":
        return nn.GroupNorm(num_groups=min(8, channels), num_channels=channels)
    raise ModelError(f"The model asks for the normalisation {name!r}; known are batch, group and instance.")


def _crop(skip: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Cut the middle of `skip` to the size of `like` (the grey arrows of the paper's fig. 1)."""
    margins = [(a - b) // 2 for a, b in zip(skip.shape[2:], like.shape[2:], strict=True)]
    middle = tuple(slice(m, m + n) for m, n in zip(margins, like.shape[2:], strict=True))
    return skip[(slice(None), slice(None), *middle)]


def _initialize(module: nn.Module) -> None:
    """Draw Gaussian weights of standard deviation sqrt(2 / N) (paper, sec. 3; He et al. 2015).

    N counts the incoming connections of one neuron: 9 * 64 for a 3x3 convolution of 64 channels. A neuron of a 2x2
    up-convolution with stride 2 sees one pixel of each channel, so there N is the number of channels.
    """
    if isinstance(module, nn.Conv2d | nn.Conv3d):
        incoming = module.in_channels * module.weight[0, 0].numel()
    elif isinstance(module, nn.ConvTranspose2d | nn.ConvTranspose3d):
        incoming = module.in_channels
    else:
        return
    nn.init.normal_(module.weight, std=(2 / incoming) ** 0.5)
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def build(architecture: Architecture) -> UNet:
    """Build the network that a model file describes, with fresh weights, channels last in memory.

    Raises
    ------
    ModelError
        If the description asks for something unknown.
    """
    if architecture.variant != "plain" or architecture.ndim not in _CONV:
        raise ModelError(
            f"The model is a {architecture.ndim}D {architecture.variant} network; known are plain 2D and 3D ones."
        )
    network = UNet(
        ndim=architecture.ndim,
        in_channels=architecture.in_channels,
        n_classes=architecture.n_outputs,
        width=architecture.width,
        depth=architecture.depth,
        padding=cast(Padding, architecture.padding),
        norm=architecture.norm,
        dropout=architecture.dropout,
    )
    if architecture.ndim == 2:  # 1.1-1.5 times as fast; weights loaded later keep the layout
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network
