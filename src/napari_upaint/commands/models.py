"""List all models, bundled and your own, or print the cards of some.

A training starts from the first one, unless --model names another.
"""

from __future__ import annotations

import argparse

USAGE = "[NAME|FILE...]"
EXAMPLE = "upaint models generalist-fast"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("models", nargs="*", metavar="NAME|FILE", help="models whose cards to print (default: a list)")


def run(args: argparse.Namespace) -> int:
    """Print a table of all models, or cards."""
    from napari_upaint.commands._model_card import describe, overview
    from napari_upaint.commands._table import table
    from napari_upaint.io.models import describe_models, find_model, read_header

    if args.models:
        print("\n\n".join(describe(find_model(name), read_header(name)) for name in args.models))
    elif cards := list(describe_models()):
        print(table(overview(cards), numbers=False))
    else:
        print("No model is bundled; upaint train --model none starts from scratch.")
    return 0
