"""The building blocks of all networks, in 2D and 3D."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from napari_upaint.errors import ModelError
from napari_upaint.settings import Padding

CONV = {2: nn.Conv2d, 3: nn.Conv3d}
POOL = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
_BATCH_NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
Network = TypeVar("Network", bound=nn.Module)


def channels_last(ndim: int) -> torch.memory_format:
    """Return the memory format that is fast for images with `ndim` spatial axes."""
    return torch.channels_last if ndim == 2 else torch.channels_last_3d


def layout_on(device: torch.device, ndim: int) -> torch.memory_format:
    """Return the memory format to compute in on a device.

    On Apple's graphics chips channels stay first: channels last gains nothing there, and some versions of torch compute
    wrong convolutions, gradients or normalisations with it.
    """
    return torch.contiguous_format if device.type == "mps" else channels_last(ndim)


def moved_to(device: torch.device, network: Network) -> Network:
    """Move a network to a device, with its weights in a memory format that suits it."""
    network.to(device)
    if device.type == "mps":
        network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return network


class Convolutions(nn.Sequential):
    """Two 3x3 convolutions from `a` to `b` channels, each with ReLU; the `groups` do not see one another."""

    def __init__(self, ndim: int, a: int, b: int, padding: Padding, norm: str | None, groups: int = 1) -> None:
        layers: list[nn.Module] = []
        for i, o in ((a, b), (b, b)):
            layers.append(CONV[ndim](i, o, kernel_size=3, padding=padding, groups=groups))
            layers += [normalization(norm, ndim, o, groups)] if norm else []
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


class Dropout(nn.Dropout):
    """Drop-out that can have its own random numbers, so that threads training side by side stay reproducible.

    Attributes
    ----------
    rng : numpy.random.Generator or None
        Source of the random numbers; None: torch's generator, which all threads share.
    """

    rng: np.random.Generator | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Set a fraction `p` of the numbers to 0 while training, and scale up the others to keep the expected sum."""
        if self.rng is None or not self.training or not self.p:
            return super().forward(x)
        kept = self.rng.random(x.shape, np.float32) >= self.p
        return x.mul(torch.from_numpy(kept).to(x.device, x.dtype).div_(1 - self.p))


def up_convolution(ndim: int, a: int, b: int, **options: Any) -> nn.Module:
    """Return a 2x2 up-convolution of stride 2: every pixel becomes four (eight in 3D) that depend on it alone."""
    return UP[ndim](a, b, kernel_size=2, stride=2, **options)


class _UpConvolution2d(nn.ConvTranspose2d):
    def forward(self, x: torch.Tensor, output_size: list[int] | None = None) -> torch.Tensor:
        return _spread(self, x) if _by_product(self, x) else super().forward(x, output_size)


class _UpConvolution3d(nn.ConvTranspose3d):
    def forward(self, x: torch.Tensor, output_size: list[int] | None = None) -> torch.Tensor:
        return _spread(self, x) if _by_product(self, x) else super().forward(x, output_size)


UP = {2: _UpConvolution2d, 3: _UpConvolution3d}


def _by_product(layer: nn.Module, x: torch.Tensor) -> bool:
    """Return whether to up-convolve by a matrix product: with channels last it halves the time on a CPU in training."""
    layout = channels_last(x.ndim - 2)
    return layer.training and x.device.type == "cpu" and x.is_contiguous(memory_format=layout)


def _spread(layer: nn.ConvTranspose2d | nn.ConvTranspose3d, x: torch.Tensor) -> torch.Tensor:
    """Up-convolve by 2: multiply a pixel's channels by the weights of its four (eight) pixels, and place these."""
    ndim, outputs = x.ndim - 2, layer.out_channels
    weight = layer.weight.permute(*range(2, 2 + ndim), 1, 0).reshape(-1, layer.in_channels)
    bias = None if layer.bias is None else layer.bias.repeat(2**ndim)
    batch, _, *shape = x.shape
    y = functional.linear(x.movedim(1, -1), weight, bias).view(batch, *shape, *(2,) * ndim, outputs)
    # Put each axis of the image next to the matching axis of the kernel.
    order = [axis for i in range(ndim) for axis in (1 + i, 1 + ndim + i)]
    y = y.permute(0, *order, -1).reshape(batch, *(2 * n for n in shape), outputs)
    return torch.movedim(y, -1, 1)


class _InstanceNorm(nn.Module):
    """Instance normalisation, which makes 0 of a single pixel: torch's layer refuses images that shrink to one."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        cudnn = torch.backends.cudnn.enabled
        return torch.instance_norm(x, self.weight, self.bias, None, None, True, 0.1, 1e-5, cudnn)


def normalization(name: str, ndim: int, channels: int, groups: int = 1) -> nn.Module:
    """Return a normalisation layer; `groups` of channels are not mixed.

    Raises
    ------
    ModelError
        If there is no normalisation with that name.
    """
    if name == "batch":
        return _BATCH_NORM[ndim](channels)
    if name == "instance":
        return _InstanceNorm(channels)
    if name == "group":
        most = min(8, channels // groups)
        equal = next(n for n in range(most, 0, -1) if channels // groups % n == 0)  # groups are equally large
        return nn.GroupNorm(num_groups=groups * equal, num_channels=channels)
    raise ModelError(f"The model asks for the normalisation {name!r}; known are batch, group and instance.")


def crop(skip: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Cut the middle of `skip`, (B, C, [Z,] Y, X), to the size of `like` (the grey arrows of the paper's fig. 1)."""
    margins = tuple((a - b) // 2 for a, b in zip(skip.shape[2:], like.shape[2:], strict=True))
    if not any(margins):
        return skip
    if not torch.is_grad_enabled():  # TorchScript, for one, cannot hold a Python function
        return _middle(skip, margins, like.shape[2:])
    return cast(torch.Tensor, _Middle.apply(skip, margins, like.shape[2:]))  # type: ignore[no-untyped-call]


def _middle(x: torch.Tensor, margins: tuple[int, ...], shape: tuple[int, ...]) -> torch.Tensor:
    return x[(slice(None), slice(None), *(slice(m, m + n) for m, n in zip(margins, shape, strict=True)))]


class _Middle(torch.autograd.Function):
    """A slice whose gradient keeps the memory format.

    The gradient of a plain slice has channels first. Added to one with channels last, it slows every layer that the
    gradient passes afterwards: a step took a quarter longer.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, margins: tuple[int, ...], shape: tuple[int, ...]) -> torch.Tensor:
        ctx.pads = [
            pad
            for m, n, inner in reversed(list(zip(margins, x.shape[2:], shape, strict=True)))
            for pad in (m, n - m - inner)
        ]
        return _middle(x, margins, shape)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return functional.pad(gradient, ctx.pads), None, None


def initialize(module: nn.Module) -> None:
    """Draw Gaussian weights of standard deviation sqrt(2 / N) (paper, sec. 3; He et al. 2015).

    N counts the incoming connections of one neuron: 9 * 64 for a 3x3 convolution of 64 channels. A neuron of a 2x2
    up-convolution with stride 2 sees one pixel of each channel, so there N is the number of channels.
    """
    if isinstance(module, nn.Conv2d | nn.Conv3d):
        incoming = module.weight[0].numel()
    elif isinstance(module, nn.ConvTranspose2d | nn.ConvTranspose3d):
        incoming = module.in_channels
    else:
        return
    nn.init.normal_(module.weight, std=(2 / incoming) ** 0.5)
    if module.bias is not None:
        nn.init.zeros_(module.bias)
