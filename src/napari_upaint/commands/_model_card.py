"""Describe models in words, as a list or as cards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_upaint.io.model_facts import channels, facts, short
from napari_upaint.io.models import ModelCard, ModelHeader
from napari_upaint.io.provenance import own_summary

_LONGEST = 36  # characters of a cell


def overview(cards: Sequence[ModelCard]) -> list[tuple[str, ...]]:
    """Return one row for each model: name, size, dimension, network, channels, classes, one line; the header first."""
    rows: list[tuple[str, ...]] = [("name", "MB", "dim", "network", "channels", "classes", "what")]
    for card in cards:
        header, network = card.header, card.header.architecture
        size = f"{card.path.stat().st_size / 1e6:.1f}"
        classes = short(", ".join(header.output_names), _LONGEST)
        kind, what = f"{network.variant} {network.width}x{network.depth}", own_summary(header) or header.name
        rows.append((card.name, size, f"{network.ndim}D", kind, channels(header), classes, what))
    return rows


def describe(path: Path, header: ModelHeader) -> str:
    """Return the card of a model: the one next to its file, if there is one, and all that the file itself says."""
    beside = path.with_suffix(".md")
    own = f"# {path.stem}\n\n{own_summary(header)}"
    title = beside.read_text("utf-8", errors="replace") if beside.is_file() else own
    file = f"* **File**: {path}, {path.stat().st_size / 1e6:.1f} MB"
    return "\n".join([title.rstrip(), "", "## The file", "", file, facts(header)])
