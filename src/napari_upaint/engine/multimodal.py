"""Multi-modal U-Net: one encoder for each channel, fused on every level (as in Dolz et al. 2018, IVD-Net)."""

from __future__ import annotations

from itertools import pairwise

from napari_upaint.engine.blocks import up_convolution
from napari_upaint.engine.unet import UNet


class MultimodalUNet(UNet):
    """U-Net with a contracting path of its own for every image channel, and one expanding path for all.

    The paths are one grouped convolution after the other: no path sees another one. The features of all are
    concatenated where the expanding path takes them: at its start, and by the skip connection of every level. With
    one channel it is the plain U-Net.

    Parameters and attributes are those of `UNet`; `width` is that of one path. Images must have `in_channels`
    channels: there is no path for others.
    """

    takes_any_channels = False

    def _make_levels(self, width: int) -> int:
        paths = self.in_channels
        channels: list[int] = [width * 2**level for level in range(self.depth)]
        every = [paths * c for c in channels]
        self.down.extend(self._convolutions(a, b, groups=paths) for a, b in pairwise([paths, *every]))
        rising = [*channels[:-1], every[-1]]  # all paths start the way up, from then on it is one
        self.up.extend(up_convolution(self.ndim, b, a) for a, b in pairwise(rising))
        self.merge.extend(self._convolutions(a + b, a) for a, b in zip(rising[:-1], every[:-1], strict=True))
        return rising[0]
