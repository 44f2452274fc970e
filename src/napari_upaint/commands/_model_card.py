"""What a model's header says, in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_upaint.io.models import ModelCard, ModelHeader
from napari_upaint.io.provenance import own_summary

_LONGEST = 36  # characters of a cell


def overview(cards: Sequence[ModelCard]) -> list[tuple[str, ...]]:
    """Return one row for each model: name, size, dimension, network, channels, classes, one line; the head first."""
    rows: list[tuple[str, ...]] = [("name", "MB", "dim", "network", "channels", "classes", "what")]
    for card in cards:
        header, network = card.header, card.header.architecture
        size = f"{card.path.stat().st_size / 1e6:.1f}"
        channels, classes = _channels(header), _short(", ".join(header.output_names))
        kind = f"{network.variant} {network.width}x{network.depth}"
        rows.append((card.name, size, f"{network.ndim}D", kind, channels, classes, own_summary(header) or header.name))
    return rows


def describe(path: Path, header: ModelHeader) -> str:
    """Return the card of a model: the one beside its file, where there is one, and all that the file itself says."""
    beside = path.with_suffix(".md")
    own = f"# {path.stem}\n\n{own_summary(header)}"
    title = beside.read_text(encoding="utf-8") if beside.is_file() else own
    file = f"* **File**: {path}, {path.stat().st_size / 1e6:.1f} MB"
    return "\n".join([title.rstrip(), "", "## The file", "", file, facts(header)])


def facts(header: ModelHeader) -> str:
    """Return what a header says, a line for each fact."""
    return "\n".join(f"* **{name}**: {text}" for name, text in _facts(header) if text)


def _facts(header: ModelHeader) -> list[tuple[str, str]]:
    network, origin, training = header.architecture, header.provenance, header.training
    padding = {"valid": "unpadded", "same": "padded"}.get(network.padding, network.padding)
    return [
        ("Classes", f"{', '.join(header.output_names)}; painted as {header.kind}"),
        ("Channels", _channels(header) + _shares(training)),
        ("Network", f"{network.variant}, {network.ndim}D, {padding}, {network.depth} levels, {network.width} channels"),
        ("Normalisation", header.normalization),
        ("Scale", "found for each image" if header.sees_any_size else f"images are resized by {header.scale:.3g}"),
        ("Pixel size", _pixel_size(header)),
        ("Trained", _trained(origin, training)),
        ("Command", f"`{origin['command']}`" if origin.get("command") else ""),
        ("Images", _short(", ".join(map(str, origin.get("images", ()))), 200)),
        ("Data", _data(origin)),
        ("Loss on held-out paint", _losses(training)),
        ("Versions", _versions(origin)),
    ]


def _channels(header: ModelHeader) -> str:
    count = header.architecture.in_channels
    return "1, or any" if count == 1 and header.architecture.variant != "multimodal" else str(count)


def _shares(training: Any) -> str:
    shares = training.get("channel_shares")
    if not isinstance(shares, list | tuple) or len(shares) < 2:
        return ""
    return "; at first it saw " + ", ".join(f"{share:.0%}" for share in shares) + " of them"


def _pixel_size(header: ModelHeader) -> str:
    known: Any = header.provenance.get("pixel_size")
    if isinstance(known, list | tuple) and len(known) == 2:
        return " to ".join(dict.fromkeys(f"{edge:g}" for edge in known)) + ", in the unit of the images"
    if isinstance(known, str):
        return known
    return " x ".join(f"{edge:g}" for edge in header.spacing) if header.spacing else "unknown"


def _trained(origin: Any, training: Any) -> str:
    parts = [str(origin["date"])] if origin.get("date") else []
    parts += [f"start: {origin['start']}"] if origin.get("start") else []
    parts += [f"{training['steps_done']} steps"] if "steps_done" in training else []
    parts += [f"{origin['hours']} hours"] if "hours" in origin else []
    seed = origin.get("seed", training.get("seed"))
    return ", ".join([*parts, *([] if seed is None else [f"seed {seed}"])])


def _data(origin: Any) -> str:
    terms = origin.get("terms", {})
    names = origin.get("data", ())
    return "; ".join(f"{name} ({terms[name]})" if name in terms else str(name) for name in names)


def _losses(training: Any) -> str:
    before, after = training.get("validation_before"), training.get("validation_after")
    return f"{before:.3f} before, {after:.3f} after" if before is not None and after is not None else ""


def _versions(origin: Any) -> str:
    known = {"napari-upaint": "version", "Python": "python", "torch": "torch", "NumPy": "numpy"}
    return ", ".join(f"{name} {origin[key]}" for name, key in known.items() if origin.get(key))


def _short(text: str, most: int = _LONGEST) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."
