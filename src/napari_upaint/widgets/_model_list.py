"""The models that can be chosen: bundled, the user's own, from scratch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_upaint.io.models import ModelHeader, describe_models, read_header
from napari_upaint.io.provenance import own_summary
from napari_upaint.settings import Kind

# Older runs stay on the disk, but the list must not need much scrolling.
_MOST_RUNS = 20


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """One line of the list; `path` is None for a network from scratch."""

    name: str
    path: Path | None
    summary: str
    kind: Kind = "objects"
    ndim: int = 2


SCRATCH = ModelChoice(
    "From scratch", None, "A new network that knows nothing yet: needs more paint and more time than a trained one."
)


def model_choices() -> tuple[list[ModelChoice], list[ModelChoice]]:
    """List the models of the package, the default first, and the user's own, newest first."""
    bundled, own = list[ModelChoice](), list[ModelChoice]()
    for card in describe_models():
        summary = card.header.summary if card.bundled else own_summary(card.header)
        (bundled if card.bundled else own).append(_choice(card.name, card.path, card.header, summary))
        if len(own) == _MOST_RUNS:  # each is a file to be read while the window waits
            break
    return bundled, own


def read_choice(path: Path) -> ModelChoice:
    """Return the line for a model file; its weights are not read.

    Raises
    ------
    ModelError
        If the file is not a model of this program.
    """
    header = read_header(path)
    return _choice(path.stem, path, header, own_summary(header))


def _choice(name: str, path: Path, header: ModelHeader, summary: str) -> ModelChoice:
    ndim = header.architecture.ndim
    return ModelChoice(name, path, f"{summary} For volumes (3D)." if ndim == 3 else summary, header.kind, ndim)
