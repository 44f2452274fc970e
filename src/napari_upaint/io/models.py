"""Model files, bundled and the user's own: one .safetensors file each, with weights and a JSON header."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from napari_upaint.core.fingerprint import fingerprint
from napari_upaint.errors import FileError, ModelError, reason
from napari_upaint.io.atomic import replacing
from napari_upaint.io.file_names import MODEL_ENDING, files_in, from_home
from napari_upaint.io.folders import user_models_folder
from napari_upaint.io.model_header import Architecture, ModelHeader, from_json, to_json

__all__ = [
    "DEFAULT_MODEL",
    "FORMAT",
    "Architecture",
    "ModelCard",
    "ModelFile",
    "ModelHeader",
    "bundled_models",
    "describe_models",
    "find_model",
    "list_models",
    "load_model",
    "model_fingerprint",
    "read_header",
    "save_model",
]

_FORMATS = "napari-upaint-"
FORMAT = f"{_FORMATS}1"
DEFAULT_MODEL = "generalist-fast"


@dataclass(frozen=True, slots=True, eq=False)
class ModelFile:
    """A model in memory: header and weights (NumPy, by parameter name)."""

    header: ModelHeader
    weights: Mapping[str, np.ndarray] = field(repr=False)  # a notebook would show thousands of lines


@dataclass(frozen=True, slots=True)
class ModelCard:
    """An entry in a list of models."""

    path: Path
    header: ModelHeader
    bundled: bool

    @property
    def name(self) -> str:
        """The name by which `load_model` finds it."""
        return self.path.stem


def save_model(model: ModelFile, path: str | Path) -> Path:
    """Write a model atomically; an older file with that name survives a failure.

    Raises
    ------
    FileError
        If the file cannot be written, or could not be read back, for instance because a size in the header is NaN.
    """
    from safetensors.numpy import save

    path = from_home(path)
    metadata = {"format": FORMAT, "header": to_json(model.header)}
    try:
        from_json(metadata["header"])
    except (TypeError, ValueError) as error:
        raise FileError(f"Cannot write {path}: it could not be read back ({error}); report this.") from error
    content = save({name: np.ascontiguousarray(array) for name, array in model.weights.items()}, metadata=metadata)
    with replacing(path) as new:
        new.write_bytes(content)
    return path


def load_model(name_or_path: str | Path) -> ModelFile:
    """Read a model by its name (bundled or the user's own) or by its path.

    Raises
    ------
    ModelError
        If there is no such model, or the file is not a U-Paint model.
    """
    header, weights = _read(find_model(name_or_path), with_weights=True)
    return ModelFile(header, weights)


def model_fingerprint(name_or_path: str | Path) -> str:
    """Return the fingerprint of a model file's content; the file is read again only if it was replaced since.

    Raises
    ------
    ModelError
        If there is no such model.
    OSError
        If the file cannot be read.
    """
    path = find_model(name_or_path)
    state = os.stat(path)
    return _fingerprint(path, state.st_mtime_ns, state.st_size)


@lru_cache(8)
def _fingerprint(path: Path, _changed: int, _size: int) -> str:
    return fingerprint(np.fromfile(path, np.uint8))


def read_header(name_or_path: str | Path) -> ModelHeader:
    """Read the header of a model, without its weights.

    Raises
    ------
    ModelError
        If there is no such model, or the file is not a U-Paint model.
    """
    return _read(find_model(name_or_path), with_weights=False)[0]


def _read(path: Path, *, with_weights: bool) -> tuple[ModelHeader, dict[str, np.ndarray]]:
    from safetensors import safe_open

    try:
        path.open("rb").close()  # `safe_open` reports a file that it may not read as missing
        with safe_open(path, framework="numpy") as opened:
            metadata = opened.metadata() or {}
            written = str(metadata.get("format"))
            if written != FORMAT and written.startswith(_FORMATS):
                raise ModelError(f"{path} is of a newer U-Paint (format {written}); update U-Paint to use it.")
            if written != FORMAT:
                raise ModelError(f"{path} is not a U-Paint model (format {written}); choose another file.")
            header = from_json(metadata["header"])
            names: list[Any] = list(opened.keys()) if with_weights else []
            weights = {name: opened.get_tensor(name) for name in names}
        if not all(np.isfinite(array).all() for array in weights.values()):  # such a model would silently find nothing
            raise ModelError(f"{path} holds weights that are NaN or infinite; it is damaged, choose another file.")
        return header, weights
    except ModelError:
        raise
    # For anything wrong inside: SafetensorError, KeyError, RecursionError (nested JSON), MemoryError (absurd size).
    except Exception as error:
        raise ModelError(f"{path} is not a U-Paint model ({reason(error)}); choose another file.") from error


def find_model(name_or_path: str | Path) -> Path:
    """Return the path of a model, given its name (bundled or the user's own; bundled first) or its path.

    Raises
    ------
    ModelError
        If there is no such model.
    """
    named = {path.stem: path for path in reversed(list_models())}
    if str(name_or_path) in named:
        return named[str(name_or_path)]
    path = from_home(name_or_path)
    if os.path.isdir(path):  # not the path's own method, which fails if its drive is disconnected
        raise ModelError(f"{path} is a folder, not a model; choose a {MODEL_ENDING} file.")
    if not os.path.isfile(path):
        bundled = ", ".join(one.stem for one in bundled_models())
        raise ModelError(f"There is no model {name_or_path}; choose another one ({bundled}) or a file.")
    return path


def list_models() -> list[Path]:
    """Return the model files of the package, the default first, then the user's own, newest first."""
    return bundled_models() + _own_models()


def bundled_models() -> list[Path]:
    """Return the model files of the package, the default first."""
    folder = Path(str(files("napari_upaint") / "weights"))
    return sorted(folder.glob(f"*{MODEL_ENDING}"), key=lambda path: (path.stem != DEFAULT_MODEL, path.stem))


def _own_models() -> list[Path]:
    dated = []
    for path in files_in(user_models_folder(), f"[!.]*{MODEL_ENDING}"):
        try:
            dated.append((-path.stat().st_mtime, path))
        except OSError:  # deleted meanwhile, or a broken link
            continue
    return [path for _, path in sorted(dated)]


def describe_models() -> Iterator[ModelCard]:
    """Yield a card for each of `list_models()`, read one by one; files that are not models are left out."""
    bundled = set(bundled_models())
    for path in list_models():
        # A foreign file in the user's folder is not worth a message.
        with contextlib.suppress(ModelError):
            yield ModelCard(path, _read(path, with_weights=False)[0], path in bundled)
