"""3D U-Net (Cicek et al. 2016, arXiv:1606.06650)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from napari_upaint.engine.blocks import CONV, up_convolution
from napari_upaint.engine.unet import UNet
from napari_upaint.errors import ModelError
from napari_upaint.settings import Padding


class ShiftedBatchNorm(nn.Module):
    """Batch normalisation with a learnt shift and no learnt scale.

    A scale before a ReLU is redundant: the next convolution has it already. Without it, and with a bias in the last
    layer only, the number of parameters is the one that Cicek et al. report.
    """

    mean: torch.Tensor
    variance: torch.Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise each channel of (B, C, [Z,] Y, X) by its own statistics in training, else by the running ones."""
        return functional.batch_norm(x, self.mean, self.variance, None, self.shift, self.training, momentum=0.1)


class UNet3D(UNet):
    """U-Net that doubles the channels before each pooling, with batch normalisation before each ReLU (sec. 2).

    On the way down, the first convolution of level l makes ``width * 2^l`` channels and the second twice as many, so
    pooling is not a bottleneck; the up-convolutions keep the number of channels. With ``in_channels=3, n_classes=3``
    and the defaults here it has the paper's 19,069,955 parameters, and makes 44x44x28 voxels out of 132x132x116.

    Parameters and attributes are those of `UNet`, but `norm` can only be None or "batch", which mean the same.
    """

    def __init__(
        self,
        *,
        ndim: int = 3,
        width: int = 32,
        depth: int = 4,
        norm: str | None = None,
        dropout: float = 0.0,
        **others: Any,
    ) -> None:
        if norm not in (None, "batch"):
            raise ModelError(f"The model asks for the normalisation {norm!r}; this network knows batch only.")
        super().__init__(ndim=ndim, width=width, depth=depth, norm="batch", dropout=dropout, **others)

    def _make_levels(self, width: int) -> int:
        leaving = [2 * width * 2**level for level in range(self.depth)]
        self.down.extend(
            _Convolutions(self.ndim, a, b // 2, b, self.padding) for a, b in pairwise([self.in_channels, *leaving])
        )
        self.up.extend(up_convolution(self.ndim, b, b, bias=False) for b in leaving[1:])
        self.merge.extend(_Convolutions(self.ndim, a + b, a, a, self.padding) for a, b in pairwise(leaving))
        return 2 * width


class _Convolutions(nn.Sequential):
    """3x3 convolutions from `a` to `m` to `b` channels, each with batch normalisation and ReLU."""

    def __init__(self, ndim: int, a: int, m: int, b: int, padding: Padding) -> None:
        layers: list[nn.Module] = []
        for i, o in ((a, m), (m, b)):
            # The normalisation would remove any bias.
            layers += [CONV[ndim](i, o, kernel_size=3, padding=padding, bias=False), ShiftedBatchNorm(o)]
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)
