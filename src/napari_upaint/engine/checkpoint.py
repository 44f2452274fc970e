"""Turn model files into networks, and networks into model files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from napari_upaint.engine.family import build
from napari_upaint.engine.unet import UNet
from napari_upaint.errors import ModelError
from napari_upaint.io.models import ModelFile, ModelHeader


def to_network(model: ModelFile, in_channels: int | None = None, shares: Sequence[float] | None = None) -> UNet:
    """Build a model's network and load its weights.

    Parameters
    ----------
    model : ModelFile
    in_channels : int or None
        Channels of the image; if the model has another number, its first layer is adapted, see `adapt_input`.
    shares : sequence of float or None
        How much of each channel the adapted layer sees; None: the same of all.

    Raises
    ------
    ModelError
        If the weights do not fit the architecture that the file names, or its padding is unknown.
    """
    padding = model.header.architecture.padding
    if padding not in ("valid", "same"):
        raise ModelError(f"{model.header.name} asks for the padding {padding!r}; known are valid and same.")
    # copied: weights read from a file are read-only, and training changes them
    weights = {name: torch.tensor(np.asarray(value, np.float32)) for name, value in model.weights.items()}
    try:
        # First without memory: somebody else's file may describe a network that no memory can hold.
        with torch.device("meta"):
            build(model.header.architecture).load_state_dict(weights, assign=True)
        network = build(model.header.architecture)
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelError(
            f"The weights of {model.header.name} do not fit the network that the file describes; the file is damaged."
        ) from error
    if in_channels is not None:
        adapt_input(network, in_channels, shares)
    return network


def adapt_input(network: UNet, in_channels: int, shares: Sequence[float] | None = None) -> None:
    """Make a network take `in_channels` channels.

    The first kernels of a one-channel network are repeated and weighted by `shares`: at first it sees a mixture of the
    channels, and training may tell them apart. Kernels of a network with more channels are summed first.

    Parameters
    ----------
    network : UNet
    in_channels : int
    shares : sequence of float or None
        Weight of each channel in the mixture; they sum to 1. None: the mean of the channels.

    Raises
    ------
    ModelError
        If the network has an encoder for each channel, and another number of channels.
    """
    if network.in_channels == in_channels:
        return
    if not network.takes_any_channels:
        raise ModelError(
            f"The model has one encoder for each channel, {network.in_channels} in all, and the image's number of"
            f" channels is {in_channels}; choose another model or other images."
        )
    first = network.down[0][0]  # type: ignore[index]
    assert isinstance(first, nn.Conv2d | nn.Conv3d)
    with torch.no_grad():
        gray = first.weight.sum(1, keepdim=True)
        share = gray.new_tensor(shares or [1 / in_channels] * in_channels).reshape(-1, *(1,) * (gray.ndim - 2))
        first.weight = nn.Parameter((gray * share).contiguous())
    first.in_channels = network.in_channels = in_channels


def from_network(network: UNet, header: ModelHeader, *, dtype: type[np.floating] = np.float32) -> ModelFile:
    """Copy a network's weights into a model; the channels and outputs in its header become those of the network."""
    weights = {
        name: value.detach().float().cpu().contiguous().numpy().astype(dtype)
        for name, value in network.state_dict().items()
    }
    architecture = replace(
        header.architecture,
        in_channels=network.in_channels,
        n_outputs=network.n_classes,
    )
    return ModelFile(replace(header, architecture=architecture), weights)


def replace_head(network: UNet, old_names: tuple[str, ...], new_names: tuple[str, ...]) -> None:
    """Give the last 1x1 convolution other outputs, starting from what it knows.

    Outputs with a known name stay what they are. Every new class starts as the mean of the old classes, and shares
    their probability: with k classes for each old one, the bias is lowered by log k, and background keeps its score.
    """
    old = network.classify
    known: Mapping[str, int] = {name: index for index, name in enumerate(old_names)}
    classes = [index for name, index in known.items() if name not in ("background", "border")]
    assert isinstance(old, nn.Conv2d | nn.Conv3d)
    make = nn.Conv2d if isinstance(old, nn.Conv2d) else nn.Conv3d
    fresh = make(old.in_channels, len(new_names), kernel_size=1)
    count = sum(name not in ("background", "border") for name in new_names)
    with torch.no_grad():
        for index, name in enumerate(new_names):
            sources = [known[name]] if name in known else classes
            fresh.weight[index] = old.weight[sources].mean(0)
            assert old.bias is not None and fresh.bias is not None
            fresh.bias[index] = old.bias[sources].mean()
            if name not in known:
                fresh.bias[index] -= float(np.log(count / max(1, len(classes))))
    network.classify = fresh.to(old.weight.device)
    network.n_classes = len(new_names)
