"""The family of networks behind one name each."""

from __future__ import annotations

from napari_upaint.engine.attention import AttentionUNet
from napari_upaint.engine.dense import DenseUNet
from napari_upaint.engine.multimodal import MultimodalUNet
from napari_upaint.engine.unet import UNet
from napari_upaint.engine.unet3d import UNet3D
from napari_upaint.errors import ModelError

FAMILY: dict[str, type[UNet]] = {
    "plain": UNet,
    "attention": AttentionUNet,
    "dense": DenseUNet,
    "multimodal": MultimodalUNet,
    "cicek": UNet3D,
}


def member(variant: str, ndim: int) -> type[UNet]:
    """Return the class of a variant.

    Raises
    ------
    ModelError
        If there is none of that name, or not in so many dimensions.
    """
    if variant not in FAMILY or ndim not in (2, 3):
        raise ModelError(f"The model is a {ndim}D {variant} network; known are 2D and 3D ones: {', '.join(FAMILY)}.")
    return FAMILY[variant]
