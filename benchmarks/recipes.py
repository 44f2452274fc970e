"""Recipes: accuracy after a minute of training on a few strokes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.timing import Table
from napari_upaint.core.metrics import iou, object_scores
from napari_upaint.core.normalize import measure
from napari_upaint.core.sample import Sample
from napari_upaint.io.models import DEFAULT_MODEL, ModelFile, load_model
from napari_upaint.io.samples import open_sample
from napari_upaint.settings import PredictSettings, TrainSettings

SECONDS = 60.0
SAMPLES = ("nuclei_fluorescence", "nuclei_he", "cells_phase")


def tables() -> Iterator[Table]:
    """Yield the table of recipes on samples of the package, none of which the bundled model has learnt from."""
    start = load_model(DEFAULT_MODEL)
    rows = []
    for name in SAMPLES:
        opened = open_sample(name)
        data = np.asarray(opened.image.data)
        image = np.moveaxis(data, -1, 0) if data.ndim == 3 else data[None]
        sample = Sample(image, np.asarray(opened.strokes), measure(image), name=name)
        truth = np.asarray(opened.truth)
        rows.append([name, "bundled model, no training", "0", *_scores(sample, truth, start)])
        for recipe, words, model in (
            ("fast", "bundled model, AdamW (the default)", start),
            ("paper", "bundled model, SGD 0.99 (paper)", start),
            ("fast", "from scratch, AdamW", None),
            ("paper", "from scratch, SGD 0.99 (paper)", None),
        ):
            result = _train(sample, model, TrainSettings(seconds=SECONDS, recipe=recipe))
            rows.append([name, words, str(result.steps), *_scores(sample, truth, result.model)])
            print("  " + " | ".join(rows[-1]), flush=True)
    yield Table(
        f"{SECONDS:.0f} seconds of training on one thread",
        "Strokes and ground truth of the package's samples; scores are over the whole image, strokes included. From "
        "scratch, the networks are as wide as the bundled one (16 channels).",
        ("sample", "recipe", "steps", "IoU", "object F1 at 0.5"),
        rows,
    )


def _train(sample: Sample, start: ModelFile | None, settings: TrainSettings) -> Any:
    from napari_upaint.engine.train import train

    *_, result = train([sample], kind="objects", start=start, settings=settings, device="cpu")
    return result


def _scores(sample: Sample, truth: np.ndarray, model: ModelFile) -> tuple[str, str]:
    from napari_upaint.engine.segment import segment_plane

    how = PredictSettings(rotations=1)
    *_, result = segment_plane(sample.image, sample.normalization, model, settings=how, device="cpu")
    return f"{iou(result.labels, truth):.3f}", f"{object_scores(result.labels, truth).f1:.3f}"
