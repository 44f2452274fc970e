"""The family of networks by name, and how to build one from the description in a model file."""

from __future__ import annotations

from typing import cast

from napari_upaint.engine.attention import AttentionUNet
from napari_upaint.engine.blocks import channels_last
from napari_upaint.engine.dense import DenseUNet
from napari_upaint.engine.multimodal import MultimodalUNet
from napari_upaint.engine.unet import UNet
from napari_upaint.engine.unet3d import UNet3D
from napari_upaint.errors import ModelError
from napari_upaint.io.models import Architecture
from napari_upaint.settings import Padding

FAMILY: dict[str, type[UNet]] = {
    "plain": UNet,
    "attention": AttentionUNet,
    "dense": DenseUNet,
    "multimodal": MultimodalUNet,
    "cicek": UNet3D,
}


def build(architecture: Architecture) -> UNet:
    """Build the network that a model file describes, with fresh weights, channels last in memory.

    Raises
    ------
    ModelError
        If the variant, the number of axes or the normalisation is unknown.
    """
    variant, ndim = architecture.variant, architecture.ndim
    if variant not in FAMILY or ndim not in (2, 3):
        raise ModelError(f"The model is a {ndim}D {variant} network; known are 2D and 3D ones: {', '.join(FAMILY)}.")
    network = FAMILY[variant](
        ndim=ndim,
        in_channels=architecture.in_channels,
        n_classes=architecture.n_outputs,
        width=architecture.width,
        depth=architecture.depth,
        padding=cast(Padding, architecture.padding),
        norm=architecture.norm,
        dropout=architecture.dropout,
    )
    # 1.1-1.5 times as fast, in 3D 1.8 times; weights loaded later keep this format.
    network.to(memory_format=channels_last(ndim))  # type: ignore[call-overload]
    return network
