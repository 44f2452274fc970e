"""Compute the weight map of the loss for painted or fully labelled images (paper, eq. 2).

Unlabelled pixels (0) weigh nothing; gaps between objects weigh most. It is the map that the training uses.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_upaint.commands._options import add_kind, add_output, add_settings, settings_from
from napari_upaint.commands._outputs import output_file
from napari_upaint.settings import Kind, WeightSettings

USAGE = "LABELS -o FILE [options]"
EXAMPLE = "upaint weights cells_annotation.tif -o cells_weights.tif --w0 10 --sigma 5"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "labels",
        type=Path,
        metavar="LABELS",
        help="painted file: 0 unlabelled, 1 background, 2 and up objects or classes",
    )
    add_output(parser, "FILE", "TIFF to write, 32 bit; .tif is added if the ending is missing")
    add_kind(parser, default="default")
    add_settings(parser, WeightSettings)


def run(args: argparse.Namespace) -> int:
    """Write the weight map, slice by slice for stacks."""
    settings = settings_from(WeightSettings, args)
    kind: Kind = args.kind or "objects"

    import numpy as np

    from napari_upaint.commands._planes import load_painted, write_planes
    from napari_upaint.core.labels import check_highest
    from napari_upaint.core.weight_map import weight_map

    image, painted = load_painted(args.labels, kind)
    check_highest(int(painted.max()), kind)
    output = output_file(args.output, "weight maps", ".tif", ".tiff", inputs=[args.labels])
    maps = np.stack([weight_map(plane, kind, settings, spacing=image.plane_spacing) for plane in painted])
    write_planes(output, maps, image)
    print(f"{output}: weights up to {maps.max():.2f}")
    return 0
