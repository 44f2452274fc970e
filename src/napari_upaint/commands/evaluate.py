"""Compare labels with a ground truth.

Files, or two folders whose files go together by name. 0 is background in both; objects match from an overlap
(IoU) of 0.5 on. Stacks are compared slice by slice.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from napari_upaint.commands._files import pair
from napari_upaint.commands._options import add_kind
from napari_upaint.errors import AnnotationError
from napari_upaint.settings import Kind

if TYPE_CHECKING:
    import numpy as np

USAGE = "LABELS TRUTH [--classes]"
EXAMPLE = "upaint evaluate results/cells_labels.tif truth/cells.tif"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("labels", type=Path, metavar="LABELS", help="file or folder of results")
    parser.add_argument("truth", type=Path, metavar="TRUTH", help="file or folder of ground truth")
    add_kind(parser)


def run(args: argparse.Namespace) -> int:
    """Print a table: one row per file, and their mean."""
    from napari_upaint.commands._planes import load_labels, shape
    from napari_upaint.commands._table import table

    rows: list[tuple[str, dict[str, float]]] = []
    for truth, labels in pair([args.truth], [args.labels]):
        (_, expected), (_, found) = load_labels(truth), load_labels(labels)
        if found.shape != expected.shape:
            raise AnnotationError(
                f"{labels.name} is {shape(found.shape)} pixels, {truth.name} {shape(expected.shape)};"
                " compare labels and truth of one shape."
            )
        rows.append((labels.name, compare(found, expected, args.kind or "objects")))
    if len(rows) > 1:
        rows.append(("mean", {key: sum(row[key] for _, row in rows) / len(rows) for key in rows[0][1]}))
    cells = [(name, *(f"{value:.3f}" for value in row.values())) for name, row in rows]
    print(table([("file", *rows[0][1]), *cells]))
    return 0


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
