"""Compare labels with a ground truth, or a model's.

Files, or two folders whose files go together by name. 0 is background in both; objects match from an overlap
(IoU) of 0.5 on. Stacks are compared slice by slice. With --model the first argument holds images, which are segmented
first.

--isbi computes the measures of the ISBI 2012 challenge from scores and labels of the insides of cells, each a stack or
a folder of slices; or, with --model, from a folder that holds test-volume.tif and test-labels.tif. Every measure is at
the threshold (0, 0.1, ..., 0.9) that suits it best.

  upaint evaluate --isbi em_scores.tif test-labels.tif

--ctc computes SEG of the Cell Tracking Challenge for all sequences of a folder with 01_GT/SEG/man_seg000.tif ... and
01_RES/mask000.tif ..., the latter maybe in a second folder; or, with --model, from the images 01/t000.tif ...

  upaint evaluate --ctc PhC-C2DH-U373 --model phc.safetensors
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from napari_upaint.commands._files import pair
from napari_upaint.commands._options import add_device, add_kind, add_settings, settings_from
from napari_upaint.errors import AnnotationError, FileError
from napari_upaint.settings import Kind, ObjectSettings, PredictSettings

if TYPE_CHECKING:
    import numpy as np

    from napari_upaint.commands._running import Interrupt
    from napari_upaint.commands._segmenting import Segment

USAGE = "RESULTS TRUTH [--classes] | --isbi SCORES LABELS | --ctc FOLDER [RESULTS] [--model NAME|FILE]"
EXAMPLE = "upaint evaluate results/cells_labels.tif truth/cells.tif"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "results", type=Path, metavar="RESULTS", help="file or folder of results; with --model: of images"
    )
    parser.add_argument("truth", type=Path, nargs="?", metavar="TRUTH", help="file or folder of ground truth")
    layout = parser.add_mutually_exclusive_group()
    layout.add_argument("--isbi", action="store_true", help="laid out and scored as in the ISBI 2012 challenge")
    layout.add_argument("--ctc", action="store_true", help="laid out and scored as in the Cell Tracking Challenge")
    for name in ("scores", "labels"):
        parser.add_argument(
            f"--{name}-of",
            choices=("cells", "membranes"),
            default="cells",
            help=f"with --isbi: what high {name} mean (default: cells)",
        )
    add_kind(parser)
    parser.add_argument("--model", metavar="NAME|FILE", help="segment with this model first")
    add_settings(parser.add_argument_group("network, with --model"), PredictSettings)
    add_settings(parser.add_argument_group("objects, with --model"), ObjectSettings)
    add_device(parser)


def run(args: argparse.Namespace) -> int:
    """Print a table: one row per file or sequence, and their mean."""
    from napari_upaint.commands._running import Interrupt
    from napari_upaint.commands._table import table

    if args.model is None:
        print(table(_rows(args, None)))
        return 0
    with Interrupt() as interrupt:
        print(table(_rows(args, _segmenter(args, interrupt))))
    return 0


def _segmenter(args: argparse.Namespace, interrupt: Interrupt) -> Segment:
    """Return what segments an image with the model asked for."""
    from napari_upaint.commands._segmenting import How, segment_image
    from napari_upaint.io.models import load_model

    settings, objects = settings_from(PredictSettings, args), settings_from(ObjectSettings, args)
    how = How(load_model(args.model), settings, objects, args.device, args.isbi)
    return lambda image, name: segment_image(image, name, how, interrupt)


def _rows(args: argparse.Namespace, segment: Segment | None) -> list[tuple[str, ...]]:
    """Compute what was asked for; the first row is the head."""
    if args.ctc:
        from napari_upaint.commands import _ctc

        return _ctc.rows(args.results, args.truth or args.results, segment)
    if args.isbi:
        from napari_upaint.commands import _isbi

        membranes = args.scores_of == "membranes", args.labels_of == "membranes"
        return _isbi.rows(args.results, args.truth, segment, membranes)
    return _plain(args, segment)


def _plain(args: argparse.Namespace, segment: Segment | None) -> list[tuple[str, ...]]:
    from napari_upaint.commands._planes import load_labels, shape

    if args.truth is None:
        raise FileError("Only one file or folder was given; name results and ground truth.")
    rows: list[tuple[str, dict[str, float]]] = []
    for truth, labels in pair([args.truth], [args.results]) if segment is None else _images(args):
        (_, expected), found = load_labels(truth), _labels(labels, segment)
        if found.shape != expected.shape:
            raise AnnotationError(
                f"{labels.name} is {shape(found.shape)} pixels, {truth.name} {shape(expected.shape)};"
                " compare labels and truth of one shape."
            )
        rows.append((labels.name, compare(found, expected, args.kind or "objects")))
    if len(rows) > 1:
        rows.append(("mean", {key: sum(row[key] for _, row in rows) / len(rows) for key in rows[0][1]}))
    return [("file", *rows[0][1]), *((name, *(f"{value:.3f}" for value in row.values())) for name, row in rows)]


def _images(args: argparse.Namespace) -> list[tuple[Path, Path]]:
    return [(truth, image) for image, truth in pair([args.results], [args.truth])]


def _labels(path: Path, segment: Segment | None) -> np.ndarray:
    """Return labels of a file, (N, Y, X): its own, or what a model makes of it."""
    from napari_upaint.commands._planes import load_labels
    from napari_upaint.io.images import read_image

    if segment is None:
        return load_labels(path)[1]
    labels = segment(read_image(path), path.name).labels
    return labels.reshape(-1, *labels.shape[-2:])


def compare(labels: np.ndarray, truth: np.ndarray, kind: Kind = "objects") -> dict[str, float]:
    """Return measures by name: the mean over all planes, axes (N, Y, X), that hold anything in either.

    For objects: IoU of the foreground; F1, precision and recall of the objects. For classes: IoU of each class.
    """
    import numpy as np

    from napari_upaint.core.metrics import iou, object_scores

    if kind == "classes":
        return {f"IoU {k}": float(iou(labels == k, truth == k)) for k in np.unique(truth[truth > 0])}
    filled = [at for at in range(len(truth)) if labels[at].any() or truth[at].any()]
    rows = []
    for at in filled:
        objects = object_scores(labels[at], truth[at])
        rows.append((float(iou(labels[at] > 0, truth[at] > 0)), objects.f1, objects.precision, objects.recall))
    means = np.mean(rows, axis=0) if rows else np.ones(4)
    return dict(zip(("IoU", "F1", "precision", "recall"), map(float, means), strict=True))
