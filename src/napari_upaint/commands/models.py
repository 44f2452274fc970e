"""List the models there are, bundled and your own, or describe model files.

The first one is where a training starts if nothing else is said.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_upaint.io.models import ModelHeader

USAGE = "[NAME|FILE...]"
EXAMPLE = "upaint models cells.safetensors"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("models", nargs="*", metavar="NAME|FILE", help="models to describe (default: all)")


def run(args: argparse.Namespace) -> int:
    """Print a paragraph about each model."""
    from napari_upaint.io.models import describe_models, find_model, read_header

    for name in args.models:
        print(_describe(find_model(name), read_header(name)))
    cards = [] if args.models else describe_models()
    for card in cards:
        print(_describe(card.path, card.header))
    if not (args.models or cards):
        print("No model is bundled; upaint train --model none starts from scratch.")
    return 0


def _describe(path: Path, header: ModelHeader) -> str:
    network = header.architecture
    channels = f"{network.in_channels} channel" + "s" * (network.in_channels != 1)
    lines = [
        f"{path.stem}: {header.summary or header.name}",
        f"  {header.kind}: {', '.join(header.output_names)}",
        f"  {network.ndim}D, {channels}, {network.depth} levels from {network.width} channels, scale {header.scale:g}",
        f"  {path}",
    ]
    return "\n".join(lines)
