"""The models that can be chosen: bundled, the user's own, from scratch."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from napari_upaint.errors import ModelError
from napari_upaint.io.models import FORMAT, ModelFile, bundled_models, find_model, save_model
from napari_upaint.session.folders import data_folder
from napari_upaint.settings import Kind

# Older runs stay on the disk, but the list must not need scrolling.
_MOST_RUNS = 20
SCRATCH_SUMMARY = "A new network that knows nothing yet: needs more paint and more time."


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """One line of the list; `path` is None for a network from scratch."""

    name: str
    path: Path | None
    summary: str
    kind: Kind = "objects"


def models_folder() -> Path:
    """Return the folder of the user's own models (it need not exist yet)."""
    return data_folder() / "models"


def bundled_choices() -> list[ModelChoice]:
    """List the models of the package, the default first."""
    return [read_choice(path) for path in bundled_models()]


def own_choices() -> list[ModelChoice]:
    """List the user's newest models, the newest first."""
    files = sorted(models_folder().glob("*.safetensors"), key=lambda path: path.stat().st_mtime, reverse=True)
    choices = []
    for path in files[:_MOST_RUNS]:
        try:
            choices.append(read_choice(path))
        except ModelError:  # somebody else's file in our folder: not worth a message
            continue
    return choices


def read_choice(path: Path) -> ModelChoice:
    """Return the line for a model file: what it says of itself; its weights are not read.

    Raises
    ------
    ModelError
        If it is no model of this program.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(find_model(path), framework="numpy") as opened:
            metadata = opened.metadata() or {}
        if metadata.get("format") != FORMAT:
            raise ModelError(
                f"{path} is no U-Paint model (its format is {metadata.get('format')}); choose another file."
            )
        header = json.loads(metadata["header"])
        return ModelChoice(path.stem, path, str(header.get("summary", "")), header.get("kind", "objects"))
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise ModelError(f"{path} is no U-Paint model ({error}); choose another file.") from error


def save_run(model: ModelFile, image_name: str) -> Path:
    """Keep a trained model in the user's folder, named by image and date; returns its path."""
    kept = "".join(c if c.isalnum() or c in " ._-" else "_" for c in image_name).strip(" .")[:40] or "image"
    path = models_folder() / f"{kept} {time.strftime('%Y-%m-%d %H.%M.%S')}.safetensors"
    return save_model(model, path)
