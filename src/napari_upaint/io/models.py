"""Model files: one .safetensors file each, weights and a JSON header; bundled and the user's own."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from napari_upaint.errors import FileError, ModelError
from napari_upaint.settings import Kind

FORMAT = "napari-upaint-1"


@dataclass(frozen=True, slots=True)
class Architecture:
    """Everything that is needed to build the network again."""

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
    """What a model file says of itself.

    Attributes
    ----------
    classes : tuple of str
        Names of the network's outputs without the border: "background" first.
    border : bool
        Whether the last output is the border between touching objects.
    kind : {"objects", "classes"}
        What the model was painted with.
    scale : float
        Factor by which images are resized before the network sees them.
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
    training: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of all outputs of the network, in order."""
        return (*self.classes, "border") if self.border else self.classes


@dataclass(frozen=True, slots=True, eq=False)
class ModelFile:
    """A model in memory: header and weights (NumPy, by parameter name)."""

    header: ModelHeader
    weights: Mapping[str, np.ndarray]


def save_model(model: ModelFile, path: str | Path) -> Path:
    """Write a model atomically; an older file of that name survives a failure."""
    from safetensors.numpy import save

    path = Path(path)
    header = {"format": FORMAT, "header": json.dumps(asdict(model.header))}
    content = save({name: np.ascontiguousarray(array) for name, array in model.weights.items()}, metadata=header)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as out:
            out.write(content)
        os.replace(out.name, path)
    except OSError as error:
        raise FileError(f"Cannot write the model to {path} ({error.strerror}); choose another folder.") from error
    return path


def load_model(name_or_path: str | Path) -> ModelFile:
    """Read a bundled model by its name or any model by its path.

    Raises
    ------
    ModelError
        If there is no such model, or the file is no U-Paint model.
    """
    from safetensors import SafetensorError, safe_open

    path = find_model(name_or_path)
    try:
        with safe_open(path, framework="numpy") as opened:
            metadata = opened.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ModelError(f"{path} is no U-Paint model (its format is {metadata.get('format')}); choose another file.")
            weights = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118 (no mapping)
        return ModelFile(_header(json.loads(metadata["header"])), weights)
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        raise ModelError(f"{path} is no U-Paint model ({error}); choose another file.") from error


def _header(raw: dict[str, Any]) -> ModelHeader:
    raw["architecture"] = Architecture(**raw["architecture"])
    raw["classes"] = tuple(raw["classes"])
    raw["spacing"] = tuple(raw["spacing"]) if raw.get("spacing") else None
    return ModelHeader(**raw)


def find_model(name_or_path: str | Path) -> Path:
    """Return the path of a bundled model (by name) or of a model file."""
    bundled = {path.stem: path for path in bundled_models()}
    if str(name_or_path) in bundled:
        return bundled[str(name_or_path)]
    path = Path(name_or_path).expanduser()
    if not path.is_file():
        raise ModelError(f"There is no model {name_or_path}; bundled are {', '.join(bundled) or 'none'}.")
    return path


def bundled_models() -> list[Path]:
    """Return the model files of the package, the default first."""
    folder = Path(str(files("napari_upaint") / "weights"))
    return sorted(folder.glob("*.safetensors"), key=lambda path: (path.stem != DEFAULT_MODEL, path.stem))


DEFAULT_MODEL = "generalist-fast"
