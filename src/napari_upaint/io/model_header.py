"""What a model file says about itself: dataclasses, written to JSON and read back with checks."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, get_args

import numpy as np

from napari_upaint.core.usual_object import Usual
from napari_upaint.settings import Kind

_LARGEST_SCALE, _DEEPEST = 8, 7  # as in the settings: beyond these, a damaged header would fill the memory


@dataclass(frozen=True, slots=True)
class Architecture:
    """Everything that is needed to rebuild the network.

    Attributes
    ----------
    variant : str
        As in `TrainSettings`: "plain", "attention", "dense", "multimodal" or "cicek".
    ndim : int
        2 for planes, 3 for volumes.
    in_channels, n_outputs : int
        Channels of the image, and outputs: the classes, background included, and the border if there is one.
    width, depth : int
        Channels of the first level, and number of levels.
    padding : str
        "valid": unpadded convolutions; "same": padded with zeros.
    norm : str or None
        Normalisation between convolution and ReLU: "batch", "group", "instance" or None.
    dropout : float
        Share of the deepest features that a training step leaves out.
    """

    variant: str = "plain"
    ndim: int = 2
    in_channels: int = 1
    n_outputs: int = 2
    width: int = 64
    depth: int = 5
    padding: str = "valid"
    norm: str | None = None
    dropout: float = 0.5


@dataclass(frozen=True, slots=True)
class ModelHeader:
    """What a model file says about itself.

    Attributes
    ----------
    name : str
        What the user calls the model.
    architecture : Architecture
    classes : tuple of str
        Names of the network's outputs without the border; "background" is first.
    border : bool
        Whether the last output is the border between touching objects.
    kind : {"objects", "classes"}
        What was painted for the model.
    scale : float
        Factor by which images are resized before the network sees them.
    summary, normalization : str
        What it finds, and how gray values are adjusted, in words.
    spacing : tuple of float or None
        Physical size of a pixel, ([Z,] Y, X), of the images that it was trained on, or None if unknown.
    object_size : float
        Median size of the painted objects, in pixels (in volumes: cubes of a pixel) of the images; 0 if unknown.
    least_score : float
        Objects with a lower score are unlike the painted ones, see `core.usual_object`; 0 if unknown.
    training, provenance : mapping
        Settings, hashes, versions, seed, metrics: anything that JSON holds.
    """

    name: str
    architecture: Architecture
    classes: tuple[str, ...] = ("background", "object")
    border: bool = False
    kind: Kind = "objects"
    scale: float = 1.0
    summary: str = ""
    normalization: str = "percentiles 1 and 99.8 of each channel of the whole image become 0 and 1, clipped to -1..3"
    spacing: tuple[float, ...] | None = None
    object_size: float = 0.0
    least_score: float = 0.0
    training: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def usual_object(self) -> Usual:
        """What the painted objects are like."""
        return Usual(self.object_size, self.least_score)

    @property
    def sees_any_size(self) -> bool:
        """Whether it has learnt from many kinds of resized images and not from paint: it has no scale of its own."""
        return "diameter" in self.training

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of all outputs of the network, in order."""
        return (*self.classes, "border") if self.border else self.classes


def to_json(header: ModelHeader) -> str:
    """Return a header as JSON; NumPy's numbers and arrays become plain ones, other objects strings."""
    return json.dumps(asdict(header), default=_plain)


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)


def from_json(text: str) -> ModelHeader:
    """Return the header that JSON describes.

    Entries that this version does not know are left out of the header. In an architecture they are refused, since the
    network would be a different one.

    Raises
    ------
    ValueError, TypeError
        If it is not a header, or contradicts itself.
    """
    raw = json.loads(text)
    if not isinstance(raw, dict) or not isinstance(raw.get("architecture"), dict):
        raise TypeError("the header does not describe a network")
    network, unknown = raw["architecture"], set(raw["architecture"]) - {one.name for one in fields(Architecture)}
    if unknown:
        raise ValueError(f"it needs a newer version: unknown {', '.join(sorted(unknown))}")
    _check_network(architecture := Architecture(**network))
    known = {one.name: raw[one.name] for one in fields(ModelHeader) if one.name in raw}
    for name in ("classes", "spacing"):
        if isinstance(known.get(name), list):
            known[name] = tuple(known[name])
    header = ModelHeader(**known | {"architecture": architecture})
    _check_header(header)
    return header


def _check_network(network: Architecture) -> None:
    for name in ("ndim", "in_channels", "n_outputs", "width", "depth"):
        value = getattr(network, name)
        _expect(type(value) is int and 0 < value < 2**16, name, value)
    _expect(network.ndim in (2, 3), "ndim", network.ndim)
    _expect(network.depth <= _DEEPEST, "depth", network.depth)
    for name in ("variant", "padding"):
        _expect(isinstance(getattr(network, name), str), name, getattr(network, name))
    _expect(network.norm is None or isinstance(network.norm, str), "norm", network.norm)
    _expect(_is_number(network.dropout) and 0 <= network.dropout < 1, "dropout", network.dropout)


def _check_header(header: ModelHeader) -> None:
    for name in ("name", "summary", "normalization"):
        _expect(isinstance(getattr(header, name), str), name, getattr(header, name))
    classes: Any = header.classes  # Any: the file may hold anything
    named = isinstance(classes, tuple) and all(isinstance(one, str) for one in classes)
    _expect(named and len(classes) >= 2, "classes", classes)
    _expect(isinstance(header.border, bool), "border", header.border)
    _expect(header.kind in get_args(Kind), "kind", header.kind)
    _expect(_is_number(header.scale) and 0 < header.scale <= _LARGEST_SCALE, "scale", header.scale)
    for name in ("object_size", "least_score"):
        _expect(_is_number(value := getattr(header, name)) and value >= 0, name, value)
    steps: Any = header.spacing
    sizes = isinstance(steps, tuple) and all(_is_number(step) and step > 0 for step in steps)
    _expect(steps is None or (sizes and len(steps) >= header.architecture.ndim), "spacing", steps)
    for name in ("training", "provenance"):
        _expect(isinstance(getattr(header, name), dict), name, getattr(header, name))
    outputs = header.architecture.n_outputs
    _expect(len(header.output_names) == outputs, f"classes for {outputs} outputs", header.output_names)


def _expect(good: bool, name: str, value: object) -> None:
    if not good:
        raise ValueError(f"its {name} is {value!r}"[:200])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
