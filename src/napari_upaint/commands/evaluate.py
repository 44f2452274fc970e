"""Compare labels, or those that a model makes, with a ground truth.

Give two files, or two folders whose files go together by name. 0 is background in both; objects match if they overlap
(IoU) by 0.5 or more. Stacks are compared slice by slice. With --model the first argument holds images, which are
segmented first; a model of classes is compared by classes.

--isbi computes the measures of the ISBI 2012 challenge from scores and labels of the insides of cells, each a stack or
a folder of slices; or, with --model, from a folder that holds test-volume.tif and test-labels.tif. Every measure is at
the threshold (0, 0.1, ..., 0.9) that suits it best.

  upaint evaluate --isbi em_scores.tif test-labels.tif

--ctc computes SEG of the Cell Tracking Challenge for all sequences of a folder with 01_GT/SEG/man_seg000.tif ... and
01_RES/mask000.tif ..., the latter may be in a second folder; or, with --model, from the images 01/t000.tif ...

  upaint evaluate --ctc PhC-C2DH-U373 --model phc.safetensors
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_upaint.commands._files import expand, listed
from napari_upaint.commands._options import (
    add_channel,
    add_device,
    add_kind,
    add_settings,
    refuse_without_effect,
    settings_from,
)
from napari_upaint.commands._pairs import left_out, pair
from napari_upaint.errors import FileError, UserError
from napari_upaint.settings import Kind, ObjectSettings, PredictSettings

if TYPE_CHECKING:
    import numpy as np

    from napari_upaint.commands._running import Interrupt
    from napari_upaint.commands._segmenting import Segment
    from napari_upaint.io.images import Image

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
            help=f"with --isbi: what high {name} mean (default: cells)",
        )
    add_kind(parser, first=1)  # in results and truth 0 is background
    parser.add_argument("--model", metavar="NAME|FILE", help="segment with this model first")
    add_channel(parser)
    add_settings(parser.add_argument_group("network, with --model"), PredictSettings)
    add_settings(parser.add_argument_group("objects, with --model"), ObjectSettings)
    add_device(parser)


def run(args: argparse.Namespace) -> int:
    """Print a table: one row per file or sequence, and their mean."""
    from napari_upaint.commands._running import Interrupt
    from napari_upaint.commands._table import table

    _refuse_unused(args)
    if args.model is None:
        why = "nothing is segmented; add --model, or leave them out"
        refuse_without_effect(args, why, PredictSettings, ObjectSettings)
        if args.channel:
            raise UserError(f"--channel would have no effect: {why}.")
        print(table(_rows(args, None)))
        return 0
    # Not entered: there is nothing to save, so Ctrl-C ends the program at once, even while it computes the measures.
    print(table(_rows(args, _segmenter(args, Interrupt()))))
    return 0


def _refuse_unused(args: argparse.Namespace) -> None:
    """Refuse options without effect: whoever gives one believes that it counts.

    Raises
    ------
    UserError
        If there is such an option, or results that a model is to make as well.
    """
    if args.ctc and args.model and args.truth:
        raise UserError(f"The results in {args.truth} would be ignored: --model makes its own; leave one of them out.")
    given = [f"--{name}-of" for name in ("scores", "labels") if getattr(args, f"{name}_of") and not args.isbi]
    if given:
        raise UserError(f"{', '.join(given)} would have no effect: it belongs to --isbi; add that, or leave it out.")
    if args.kind and (args.isbi or args.ctc):
        layout = "--isbi" if args.isbi else "--ctc"
        raise UserError(f"--{args.kind} would have no effect: {layout} has measures of its own; leave it out.")


def _segmenter(args: argparse.Namespace, interrupt: Interrupt) -> Segment:
    """Return a function that segments an image with the model asked for."""
    from napari_upaint.commands._how import How
    from napari_upaint.commands._segmenting import load_checked, segment_image

    settings, objects = settings_from(PredictSettings, args), settings_from(ObjectSettings, args)
    model = load_checked(args.model)
    args.kind = args.kind or model.header.kind  # classes are not objects, even if no option says so
    how = How(model, settings, objects, args.device, args.isbi, channel=args.channel)
    return lambda image, name: segment_image(image, name, how, interrupt)


def _rows(args: argparse.Namespace, segment: Segment | None) -> list[tuple[str, ...]]:
    """Compute what was asked for; the first row is the header."""
    if args.ctc:
        from napari_upaint.commands import _ctc

        return _ctc.rows(args.results, args.truth or args.results, segment)
    if args.isbi:
        from napari_upaint.commands import _isbi

        membranes = args.scores_of == "membranes", args.labels_of == "membranes"
        return _isbi.rows(args.results, args.truth, segment, membranes)
    return _plain(args, segment)


def _plain(args: argparse.Namespace, segment: Segment | None) -> list[tuple[str, ...]]:
    from napari_upaint.commands._planes import load_labels, load_objects
    from napari_upaint.io.images import read_image

    if args.truth is None:
        raise FileError("Only one file or folder was given; name results and ground truth.")
    rows: list[tuple[str, Mapping[str, float]]] = []
    pairs = _pairs(args.truth, args.results, images=segment is not None)
    if segment is not None:  # checked now, not after the others have been segmented
        for truth, path in pairs:
            _check_alike(path, read_image(path), truth, load_labels(truth)[0])
    load = load_labels if args.kind == "classes" else load_objects
    for truth, path in pairs:
        true, expected = load(truth)
        if segment is None:
            image, found = load(path)
            _check_alike(path, image, truth, true)
        else:
            found = segment(read_image(path), path.name).labels.reshape(expected.shape)
        if args.kind != "classes":
            _warn_of_masks({truth: expected, path: found})
        rows.append((path.name, compare(found, expected, args.kind or "objects")))
    return _with_mean(rows)


def _check_alike(path: Path, image: Image, truth: Path, true: Image) -> None:
    """Make sure that a file and its ground truth have the same shape, and their planes the same order."""
    from napari_upaint.commands._planes import check_order, check_shapes

    found, expected = ((one.plane_count, *one.plane_shape) for one in (image, true))
    check_shapes(path, found, truth, expected, "; compare labels and truth of one shape.")
    check_order(path, image, truth, true)


def _warn_of_masks(compared: Mapping[Path, np.ndarray]) -> None:
    """Warn if only one of two labels numbers its objects: none of them would match."""
    from napari_upaint.core.labels import is_unnumbered

    masks = [path for path, labels in compared.items() if labels.max() == 1 and is_unnumbered(labels)]
    if len(masks) == 1 and any(labels.max() > 1 for labels in compared.values()):
        print(
            f"Everything in {masks[0].name} has number 1 and counts as one object; only its IoU says something.",
            file=sys.stderr,
        )


def _pairs(truth: Path, results: Path, *, images: bool) -> list[tuple[Path, Path]]:
    """Return files of ground truth and what goes with each: results, or images that are to be segmented."""
    what = "images" if images else "results"
    if images:
        found = pair([results], [truth])
        pairs, missing, others = [(b, a) for a, b in found.found], found.labels, found.images
    else:
        _refuse_mixed(truth, results)
        found = pair([truth], [results])
        pairs, missing, others = list(found.found), found.images, found.labels
    if missing:  # it would be missing from the mean
        raise FileError(
            f"{len(missing)} of {len(pairs) + len(missing)} files of ground truth go with none of the {what} by name:"
            f" {listed(missing)}; add what is missing, or compare the files one by one."
        )
    if others:
        print(left_out(others, len(pairs) + len(others), what, "ground truth"), file=sys.stderr)
    return pairs


def _refuse_mixed(truth: Path, results: Path) -> None:
    """Refuse a folder of ground truth that also holds the images, as Cellpose has it: these would be the truth."""
    from napari_upaint.io.images import list_images

    if not os.path.isdir(truth) or truth == results:
        return
    labels = sorted(set(list_images(truth)) - set(expand([truth])))
    if labels:
        raise FileError(
            f"{truth} holds images beside their labels: {listed(labels)}; name a folder of labels alone, or that folder"
            " twice and --model, which segments the images first."
        )


def _with_mean(rows: Sequence[tuple[str, Mapping[str, float]]]) -> list[tuple[str, ...]]:
    """Return rows as text, with a header and the mean; files need not have the same classes."""
    keys = list(dict.fromkeys(key for _, row in rows for key in row))
    if any(set(row) != set(keys) for _, row in rows):
        keys.sort(key=lambda key: (len(key), key))  # for classes only: 2 before 10
    shown = [(name, *(f"{row[key]:.3f}" if key in row else "-" for key in keys)) for name, row in rows]
    if len(rows) > 1:
        columns = [[row[key] for _, row in rows if key in row] for key in keys]
        shown.append(("mean", *(f"{sum(column) / len(column):.3f}" for column in columns)))
    return [("file", *keys), *shown]


def compare(labels: np.ndarray, truth: np.ndarray, kind: Kind = "objects") -> dict[str, float]:
    """Return measures by name: means over all planes, axes (N, Y, X), that are not empty in both.

    For objects: IoU of the foreground; F1, precision and recall of the objects. For classes: IoU of each class that
    is in either.
    """
    import numpy as np

    from napari_upaint.core.metrics import iou, object_scores

    if kind == "classes":
        classes = np.union1d(labels, truth)
        return {f"IoU {k}": float(iou(labels == k, truth == k)) for k in classes[classes > 0]}
    filled = [at for at in range(len(truth)) if labels[at].any() or truth[at].any()]
    rows = []
    for at in filled:
        objects = object_scores(labels[at], truth[at])
        rows.append((float(iou(labels[at] > 0, truth[at] > 0)), objects.f1, objects.precision, objects.recall))
    means = np.mean(rows, axis=0) if rows else np.ones(4)
    return dict(zip(("IoU", "F1", "precision", "recall"), map(float, means), strict=True))
