"""Scores of a segmentation: the same values as other packages where these have the measure, and the time for each."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from benchmarks.timing import Table, interleaved, milliseconds, peer
from napari_upaint.core import metrics
from napari_upaint.io.samples import open_sample

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)


def tables() -> list[Table]:
    """Compare on a sample of the package, segmented with a threshold."""
    sample = open_sample("nuclei_fluorescence")
    assert sample.truth is not None
    truth = np.asarray(sample.truth)
    image = ndimage.gaussian_filter(np.squeeze(np.asarray(sample.image.data)).astype(float), 1)
    labels = ndimage.label(image > image.mean() + 0.5 * image.std())[0]
    return [_values(labels, truth)]


def _values(labels: np.ndarray, truth: np.ndarray) -> Table:
    contestants = {**_ours(labels, truth), **_peers(labels, truth)}
    times = interleaved(contestants, 5)
    rows = [
        (measure, who, ", ".join(f"{v:.9g}" for v in np.ravel(contestants[measure, who]())), milliseconds(ms))
        for (measure, who), ms in sorted(times.items())
    ]
    size = "x".join(map(str, truth.shape))
    note = f"Fluorescent nuclei ({size}, {len(np.unique(truth)) - 1} objects), segmented with a threshold."
    return Table("Scores on real labels", note, ("measure", "by", "value", "ms"), rows)


Contestants = dict[tuple[str, str], Callable[[], Any]]


def _ours(labels: np.ndarray, truth: np.ndarray) -> Contestants:
    by = "this package"
    return {
        ("IoU of the foreground", by): lambda: metrics.iou(labels, truth),
        ("F1, precision, recall at IoU 0.5", by): lambda: _three(metrics.object_scores(labels, truth)),
        ("average precision at IoU 0.5 to 0.9", by): lambda: metrics.average_precision(labels, truth, THRESHOLDS),
        ("SEG", by): lambda: metrics.seg_score(labels, truth),
        ("Rand error", by): lambda: metrics.rand_error(labels, truth),
        ("V-Rand", by): lambda: metrics.v_rand(labels, truth),
        ("variation of information", by): lambda: metrics.variation_of_information(labels, truth),
        ("warping error", by): lambda: metrics.warping_error(labels, truth),
        ("pixel error", by): lambda: metrics.pixel_error(labels, truth),
    }


def _three(scores: Any) -> tuple[float, float, float]:
    return scores.f1, scores.precision, scores.recall


def _peers(labels: np.ndarray, truth: np.ndarray) -> Contestants:
    found: Contestants = {}
    if skimage := peer("skimage.metrics"):
        by = "scikit-image"
        found["V-Rand", by] = lambda: 1 - skimage.adapted_rand_error(truth, labels)[0]
        found["variation of information", by] = lambda: skimage.variation_of_information(truth, labels)
    if stardist := peer("stardist.matching"):
        by = "stardist"
        found["F1, precision, recall at IoU 0.5", by] = lambda: _three(stardist.matching(truth, labels, 0.5))
        found["average precision at IoU 0.5 to 0.9", by] = lambda: [
            stardist.matching(truth, labels, t).accuracy for t in THRESHOLDS
        ]
    if peer("ctc_metrics"):
        found["SEG", "py-ctcmetrics (reads files)"] = _challenge(labels, truth)
    return found


def _challenge(labels: np.ndarray, truth: np.ndarray) -> Callable[[], float]:
    import tifffile
    from ctc_metrics.metrics import seg
    from ctc_metrics.utils.representations import match

    folder = Path(tempfile.mkdtemp())
    for name, one in (("truth", truth), ("labels", labels)):
        tifffile.imwrite(folder / f"{name}.tif", one.astype(np.uint16))

    def score() -> float:
        found = match(str(folder / "truth.tif"), str(folder / "labels.tif"))
        return float(seg([found[0]], [found[4]]))

    return score
