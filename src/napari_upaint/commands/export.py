"""Write a model as a package for other programs, as https://bioimage.io describes them.

The network in it takes images at their own size and gives scores; README.md in the package says how they become labels.
Only U-Paint finds the scale for a bundled model: in other programs it sees images as they are, or resized by --scale.
"""

from __future__ import annotations

import argparse
import re

from napari_upaint.commands._options import add_output, add_settings, settings_from
from napari_upaint.commands._outputs import output_file
from napari_upaint.errors import UserError
from napari_upaint.io.file_names import PACKAGE_ENDING
from napari_upaint.settings import PredictSettings

USAGE = "NAME|FILE -o FILE [options]"
EXAMPLE = 'upaint export my_model.safetensors -o my_model.zip --author "Rosalind Franklin"'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", metavar="NAME|FILE", help="a model, bundled or your own")
    add_output(parser, "FILE", "package to write; .zip is added if the ending is missing")
    parser.add_argument("--author", action="append", metavar="NAME", help="who made the model; may be given repeatedly")
    parser.add_argument(
        "--license", default="", metavar="ID", help="terms of use, as spdx.org/licenses calls them: CC-BY-4.0"
    )
    add_settings(parser, PredictSettings, only=("scale",))


def run(args: argparse.Namespace) -> int:
    """Write the package."""
    settings = settings_from(PredictSettings, args)
    if not re.fullmatch(r"[A-Za-z0-9.+-]*", args.license):  # other programs refuse the whole package
        raise UserError(
            f"{args.license!r} is no identifier of a license; find yours on spdx.org/licenses, such as CC-BY-4.0."
        )

    from napari_upaint.io.models import find_model, load_model

    path = find_model(args.model)
    model = load_model(path)
    output = output_file(args.output, "packages", PACKAGE_ENDING, inputs=[path])

    from napari_upaint.engine.exported import write_model

    written = write_model(model, output, scale=settings.scale, authors=args.author or (), terms=args.license)
    size, tile = output.stat().st_size / 1e6, " x ".join(map(str, written.tile))
    print(f"{output}: {size:.1f} MB, takes tiles of {tile} pixels")
    return 0
