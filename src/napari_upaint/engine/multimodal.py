"""Multi-modal U-Net: one encoder for each channel, fused on every level (as in Dolz et al. 2018, IVD-Net)."""

from __future__ import annotations

from itertools import pairwise

from napari_upaint.engine.blocks import up_convolution
from napari_upaint.engine.unet import UNet


class MultimodalUNet(UNet):
    """U-Net with a separate contracting path for every image channel, and one expanding path for all.

    The paths are made of grouped convolutions: no path sees another. The features of all paths are concatenated where
    the expanding path takes them: at its start, and in the skip connection of every level. With one channel it is the
    plain U-Net.

    Parameters and attributes are those of `UNet`; `width` is that of one path. Images must have exactly `in_channels`
    channels.
    """

    takes_any_channels = False

    def _make_levels(self, width: int) -> int:
        paths = self.in_channels
        channels: list[int] = [width * 2**level for level in range(self.depth)]
        every = [paths * c for c in channels]
        self.down.extend(self._convolutions(a, b, groups=paths) for a, b in pairwise([paths, *every]))
        rising = [*channels[:-1], every[-1]]  # the expanding path starts with the channels of all paths
        self.up.extend(up_convolution(self.ndim, b, a) for a, b in pairwise(rising))
        self.merge.extend(self._convolutions(a + b, a) for a, b in zip(rising[:-1], every[:-1], strict=True))
        return rising[0]
