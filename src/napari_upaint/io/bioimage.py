"""Models for other programs: packages as defined by https://bioimage.io."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from napari_upaint import __version__
from napari_upaint.core.normalize import CLIP, HIGH_PERCENTILE, LOW_PERCENTILE
from napari_upaint.io.atomic import replacing
from napari_upaint.io.model_facts import facts
from napari_upaint.io.model_header import ModelHeader

# Version of the description. Programs also read older ones.
_FORMAT = "0.5.3"
_PAPER = {
    "text": "Ronneberger, Fischer, Brox: U-Net: Convolutional Networks for Biomedical Image Segmentation. MICCAI 2015",
    "doi": "10.1007/978-3-319-24574-4_28",
}
_OTHERS = re.compile(r"[^A-Za-z0-9_+() -]+")  # characters that names must not contain


@dataclass(frozen=True, slots=True, eq=False)
class Exported:
    """A network that other programs can run.

    Attributes
    ----------
    script : bytes
        A TorchScript file: normalised tiles (B, C, [Z,] Y, X) in, scores (B, K, [Z,] Y, X) of the same size out.
    tile, halo : tuple of int
        Size of a tile, and width of the less reliable rim on each side, ([Z,] Y, X), in pixels of the image.
    scale : float
        Factor by which it resizes images.
    image, scores : numpy.ndarray
        float32, (1, C, [Z,] Y, X) and (1, K, [Z,] Y, X): raw gray values of a tile and the scores for it, for tests.
    torch : str
        Version of torch that wrote it.
    """

    script: bytes
    tile: tuple[int, ...]
    halo: tuple[int, ...]
    scale: float
    image: np.ndarray
    scores: np.ndarray
    torch: str


@dataclass(frozen=True, slots=True)
class PackageWritten:
    """Tells that a model was written for other programs.

    Attributes
    ----------
    path : pathlib.Path
    tile : tuple of int
        Size of the tiles that its network takes, ([Z,] Y, X), in pixels of the image.
    """

    path: Path
    tile: tuple[int, ...]


def write_package(
    path: str | Path, header: ModelHeader, exported: Exported, *, authors: Sequence[str] = (), terms: str = ""
) -> None:
    """Write a package: a zip file with the network, its description, and an image to test it with.

    Parameters
    ----------
    path : str or Path
        Replaced if it exists.
    header : ModelHeader
    exported : Exported
    authors : sequence of str
        Names; none: "unknown", since a package must name somebody. Slashes, which are not allowed, become blanks.
    terms : str
        Terms of use, as an identifier of https://spdx.org/licenses; "": none are given.

    Raises
    ------
    FileError
        If the package cannot be written; an older file is left as it was.
    """
    files = {
        "README.md": readme(header, exported).encode(),
        "weights.pt": exported.script,
        "image.npy": _npy(exported.image),
        "scores.npy": _npy(exported.scores),
    }
    entries = {name: {"source": name, "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()}
    about = _about(header, authors, terms) | {
        "documentation": "README.md",
        "inputs": [_input(header, exported, entries["image.npy"])],
        "outputs": [_output(header, exported, entries["scores.npy"])],
        "weights": {"torchscript": entries["weights.pt"] | {"pytorch_version": exported.torch}},
    }
    with replacing(path) as new, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as package:
        whole = {"rdf.yaml": json.dumps(about, indent=1, default=str).encode(), **files}  # JSON is YAML
        for name, data in whole.items():
            # Without the time of writing: a clock that begins in 1970, as it may without a battery, would be an error.
            package.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)


def readme(header: ModelHeader, exported: Exported) -> str:
    """Return what people should know about a package, as Markdown."""
    tile, halo = (" x ".join(map(str, sizes)) for sizes in (exported.tile, exported.halo))
    if header.kind == "classes":
        labels = "A pixel belongs to the class with the highest score."
    else:
        labels = f"Objects are the connected parts in which the score of `{header.classes[1]}` is above 0.5."
    border = " `border` is what lies between objects that touch; it belongs to none of them." * header.border
    return f"""# {header.name}

{header.summary}

## Use

The network takes tiles of {tile} pixels, whose gray values are normalised as the description says (percentiles
{LOW_PERCENTILE:g} and {HIGH_PERCENTILE:g} of the whole image, not of a tile). It sees them at {exported.scale:g}
of their size and returns scores of the size of the tile, which sum to 1: {", ".join(header.output_names)}.
Within {halo} pixels of the edge of a tile, scores are less reliable: let tiles overlap by twice as much.

{labels}{border}

## Validation

Compare it with labels that you drew yourself, on images that it has not learnt from.

## The model

{facts(header)}
"""


def _about(header: ModelHeader, authors: Sequence[str], terms: str) -> dict[str, Any]:
    named = _OTHERS.sub(" ", header.name).strip()
    about = {
        "format_version": _FORMAT,
        "type": "model",
        "name": f"{named} (U-Paint)".strip()[-128:],
        "description": header.summary[:1024] or f"A U-Net that finds {', '.join(header.classes[1:])}."[:1024],
        "authors": [{"name": re.sub(r"[/\\]", " ", name)} for name in authors or ["unknown"]],
        "cite": [_PAPER],
        "tags": ["unet", "segmentation", f"{header.architecture.ndim}d", "pytorch", "napari-upaint"],
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
        "config": {"upaint": {"version": __version__, "provenance": header.provenance}},
    }
    return about | ({"license": terms} if terms else {})


def _axes(header: ModelHeader) -> list[str]:
    return ["z", "y", "x"][-header.architecture.ndim :]


def _input(header: ModelHeader, exported: Exported, entry: dict[str, str]) -> dict[str, Any]:
    axes, channels = _axes(header), [f"channel{n}" for n in range(1, header.architecture.in_channels + 1)]
    return {
        "id": "image",
        "axes": [
            {"type": "batch"},
            {"type": "channel", "channel_names": channels},
            *({"type": "space", "id": axis, "size": n} for axis, n in zip(axes, exported.tile, strict=True)),
        ],
        "data": {"type": "float32"},
        "preprocessing": [
            {
                "id": "scale_range",
                "kwargs": {"axes": axes, "min_percentile": LOW_PERCENTILE, "max_percentile": HIGH_PERCENTILE},
            },
            {"id": "clip", "kwargs": {"min": CLIP[0], "max": CLIP[1]}},
        ],
        "test_tensor": entry,
    }


def _output(header: ModelHeader, exported: Exported, entry: dict[str, str]) -> dict[str, Any]:
    names = [re.sub(r"\W", "_", name).strip("_").lower() for name in header.output_names]
    distinct = len(set(names)) == len(names) and all(name.isidentifier() and name.isascii() for name in names)
    return {
        "id": "scores",
        "axes": [
            {"type": "batch"},
            {"type": "channel", "channel_names": names if distinct else [f"output{n}" for n in range(len(names))]},
            *(
                {"type": "space", "id": axis, "size": {"tensor_id": "image", "axis_id": axis}, "halo": halo}
                for axis, halo in zip(_axes(header), exported.halo, strict=True)
            ),
        ],
        "data": {"type": "float32"},
        "test_tensor": entry,
    }


def _npy(array: np.ndarray) -> bytes:
    np.save(file := io.BytesIO(), array)
    return file.getvalue()
