"""A model for other programs: TorchScript that takes tiles at the size of the image and gives scores."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import torch
from scipy import ndimage
from torch import nn
from torch.nn import functional

from napari_upaint.core import tiling
from napari_upaint.core.normalize import measure
from napari_upaint.core.resize import resizing, scale_factors, scaled_shape
from napari_upaint.engine.checkpoint import to_network
from napari_upaint.engine.unet import UNet
from napari_upaint.io.bioimage import Exported, PackageWritten, write_package
from napari_upaint.io.models import ModelFile

# Edge of a tile as the network sees it, px. The rim of a tile (the halo) is computed twice: on each side it is at most
# a quarter of the edge.
_SEEN, _SHARE = {2: 320, 3: 64}, 4
_CELLS = 12.0  # size of the spots in the invented image, px


def write_model(
    model: ModelFile, path: Path, *, scale: float = 0.0, authors: Sequence[str] = (), terms: str = ""
) -> PackageWritten:
    """Write a model as a package for other programs; see `export_model` and `io.bioimage.write_package`.

    Raises
    ------
    ModelError
        If the weights do not fit the architecture that the file names.
    FileError
        If the package cannot be written.
    """
    exported = export_model(model, scale)
    write_package(path, model.header, exported, authors=authors, terms=terms)
    return PackageWritten(path, exported.tile)


def export_model(model: ModelFile, scale: float = 0.0) -> Exported:
    """Export a model's network so that it resizes images to its scale itself.

    Parameters
    ----------
    model : ModelFile
    scale : float
        At which the network sees images; 0: the one that the model has learnt.

    Raises
    ------
    ModelError
        If the weights do not fit the architecture that the file names.
    """
    header, scale = model.header, scale or model.header.scale
    ndim = header.architecture.ndim
    factors = scale_factors(ndim, scale, header.spacing)
    network = to_network(model).eval()
    # Whole cells of the deepest level, so that tiles see the same grid as an image that is predicted at once.
    whole_cells = partial(tiling.input_size, depth=network.depth, padded=True)
    halo = whole_cells(network.halo or _SEEN[ndim] // _SHARE)
    edge = whole_cells(max(_SEEN[ndim], _SHARE * halo))
    tile = tuple(round(edge / factor) for factor in factors)
    whole = _Whole(network, tile, scaled_shape(tile, scale, header.spacing)).eval()
    image = _invented(header.architecture.in_channels, tile)
    normalised = torch.from_numpy(measure(image).apply(image))[None]
    with torch.no_grad(), warnings.catch_warnings():
        # Torch warns that all sizes are fixed, which is intended, and that TorchScript will be replaced some day; but
        # it is what other programs read.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(whole, normalised, check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(traced, file := io.BytesIO())
        scores: np.ndarray = traced(normalised).numpy()
    around = tuple(math.ceil(halo / factor) for factor in factors)
    return Exported(file.getvalue(), tile, around, scale, image[None], scores, torch.__version__.split("+")[0])


class _Whole(nn.Module):
    """A network with all that comes before and after it: resize, mirror at the edges, predict, resize back."""

    def __init__(self, network: UNet, tile: tuple[int, ...], seen: tuple[int, ...]) -> None:
        super().__init__()
        self.network, self._seen = network, seen
        padded = network.padding == "same"
        taken = [tiling.input_size(n, network.depth, padded=padded) for n in seen]
        after = [m - n - network.halo for n, m in zip(seen, taken, strict=True)]
        self._pads = [pad for one in reversed(after) for pad in (network.halo, one)]  # the last axis first
        self._axes = [axis for axis, (a, b) in enumerate(zip(tile, seen, strict=True), 2) if a != b]
        for axis in self._axes:
            a, b = tile[axis - 2], seen[axis - 2]
            self.register_buffer(f"into{axis}", torch.from_numpy(resizing(a, b)))
            self.register_buffer(f"back{axis}", torch.from_numpy(resizing(b, a)))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the scores of tiles, (B, C, [Z,] Y, X)."""
        seen = functional.pad(self._resized(image, "into"), self._pads, mode="reflect")
        logits = self.network(seen)[(..., *(slice(0, n) for n in self._seen))]
        return self._resized(torch.softmax(logits, 1), "back")

    def _resized(self, x: torch.Tensor, way: str) -> torch.Tensor:
        for axis in self._axes:
            matrix = cast(torch.Tensor, getattr(self, f"{way}{axis}"))
            x = torch.movedim(torch.tensordot(x, matrix, ([axis], [1])), -1, axis)
        return x


def _invented(channels: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return an image (C, [Z,] Y, X) of bright spots in noise, the same every time."""
    rng = np.random.default_rng(2015)
    noise = rng.normal(size=(channels, *shape))
    spots = ndimage.gaussian_filter(noise, (0, *[_CELLS / 2] * len(shape)), mode="wrap")
    return np.asarray(1000 * (spots > spots.std()) + 100 * noise + 1000, np.float32)
