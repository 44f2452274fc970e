"""What the header of a model says, as text."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from napari_upaint.io.model_header import Architecture, ModelHeader


def facts(header: ModelHeader) -> str:
    """Return what a header says, one line per fact, as Markdown, without what another version has written otherwise."""
    lines = []
    for name, tell in _FACTS.items():
        with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):
            lines += [f"* **{name}**: {text}"] if (text := tell(header)) else []
    return "\n".join(lines)


def _network(network: Architecture) -> str:
    padding = {"valid": "unpadded", "same": "padded"}.get(network.padding, network.padding)
    return f"{network.variant}, {network.ndim}D, {padding}, {network.depth} levels, {network.width} channels"


def channels(header: ModelHeader) -> str:
    """Return the number of channels that a model takes, as text."""
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
    parts += [steps(training["steps_done"])] if training.get("steps_done") is not None else []
    parts += [f"{origin['hours']} hours"] if "hours" in origin else []
    seed = origin.get("seed", training.get("seed"))
    return ", ".join([*parts, *([] if seed is None else [f"seed {seed}"])])


def steps(number: int) -> str:
    """Return a number of steps in words: '1 step', '12 steps'."""
    return f"{number} step{'s' * (number != 1)}"


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


_FACTS: Mapping[str, Callable[[ModelHeader], str]] = {
    "Classes": lambda of: f"{', '.join(of.output_names)}; painted as {of.kind}",
    "Channels": lambda of: channels(of) + _shares(of.training),
    "Network": lambda of: _network(of.architecture),
    "Normalisation": lambda of: of.normalization,
    "Scale": lambda of: "found for each image" if of.sees_any_size else f"images are resized by {of.scale:.3g}",
    "Pixel size": _pixel_size,
    "Trained": lambda of: _trained(of.provenance, of.training),
    "Command": lambda of: f"`{of.provenance['command']}`",
    "Images": lambda of: short(", ".join(map(str, of.provenance["images"])), 200),
    "Data": lambda of: _data(of.provenance),
    "Loss on held-out paint": lambda of: _losses(of.training),
    "Versions": lambda of: _versions(of.provenance),
}


def short(text: str, most: int) -> str:
    """Return a text of at most `most` characters; the end of a longer one is replaced by dots."""
    return text if len(text) <= most else text[: most - 3] + "..."
