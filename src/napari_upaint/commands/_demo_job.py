"""The demo without a window: load, paint strokes, train, segment, weight map, and what the training was worth."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_upaint.commands import _picture as picture
from napari_upaint.commands._how import How
from napari_upaint.commands._isbi import cell_scores
from napari_upaint.commands._planes import measure_image, write_planes
from napari_upaint.commands._running import INTERRUPTED, Interrupt
from napari_upaint.commands._segmenting import Segmentation, segment_image
from napari_upaint.commands._table import table
from napari_upaint.commands.evaluate import compare
from napari_upaint.commands.train import start_model, train_model
from napari_upaint.core.sample import Sample
from napari_upaint.core.strokes import paint_strokes
from napari_upaint.core.weight_map import weight_map
from napari_upaint.engine.progress import TrainResult
from napari_upaint.errors import FileError
from napari_upaint.io.file_names import MODEL_ENDING
from napari_upaint.io.images import Image, planes, write_labels, write_scores
from napari_upaint.io.models import ModelFile, save_model
from napari_upaint.io.samples import PackageSample, open_sample
from napari_upaint.settings import ObjectSettings, PredictSettings, TrainSettings, WeightSettings


class Clock:
    """Seconds per stage, in the order of the job."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a stage."""
        start = time.perf_counter()
        yield
        self.rows.append((name, f"{time.perf_counter() - start:.1f} s"))


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """All results: arrays with axes (N, Y, X) and segmentations; `before` is None without a pretrained model."""

    name: str
    image: Image
    truth: np.ndarray
    painted: np.ndarray
    before: Segmentation | None
    after: Segmentation
    weights: np.ndarray
    training: TrainResult


def do_job(name: str, folder: Path, settings: TrainSettings, *, device: str = "auto") -> int:
    """Do the job on a sample of the package, write the results to a folder and print one table."""
    clock = Clock()
    with Interrupt("Stopping the training; going on with the best model so far.") as interrupt:
        with clock.stage("load"):
            start, sample = start_model(None), open_sample(name)
            truth, painted = annotated(sample, name, settings.seed)
        print(f"Training on {name} for {settings.seconds:g} s; everything else takes some seconds.", file=sys.stderr)
        with clock.stage("segment before training"):
            before = None if start is None else _segment(sample.image, name, start, device, interrupt)
        with clock.stage("train"):
            samples = _samples(sample.image, painted, name)
            training = train_model(samples, "objects", start, interrupt, settings, device=device, name=f"{name} demo")
    with clock.stage("segment after training"):
        after = _segment(sample.image, name, training.model, device, Interrupt())
    with clock.stage("weight map"):
        spacing = sample.image.plane_spacing
        weights = np.stack([weight_map(one, "objects", WeightSettings(), spacing=spacing) for one in painted])
    outcome = Outcome(name, sample.image, truth, painted, before, after, weights, training)
    with clock.stage("write"):
        _write(folder, outcome)
        _draw(folder / f"{name}.png", outcome)
    _print(clock, outcome, device)
    print(f"\n{training.message}\nResults are in {folder}; {name}.png shows them side by side.")
    return INTERRUPTED if interrupt.asked else 0


def annotated(sample: PackageSample, name: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return ground truth and strokes of a sample, axes (N, Y, X).

    A sample without strokes gets some on its middle slice.

    Raises
    ------
    FileError
        If the sample has no ground truth.
    """
    if sample.truth is None:
        raise FileError(f"The sample {name} has no ground truth to compare with; choose another one.")
    truth = sample.truth.reshape(-1, *sample.image.plane_shape)
    if sample.strokes is not None:
        return truth, sample.strokes.reshape(truth.shape)
    painted, middle = np.zeros(truth.shape, np.uint16), len(truth) // 2
    painted[middle] = paint_strokes(truth[middle], np.random.default_rng(seed))
    return truth, painted


def _samples(image: Image, painted: np.ndarray, name: str) -> list[Sample]:
    normalization = measure_image(image, name)
    pairs = zip(planes(image), painted, strict=True)
    return [Sample(plane, one, normalization, image.plane_spacing, name) for (_, plane), one in pairs if one.any()]


def _segment(image: Image, name: str, model: ModelFile, device: str, interrupt: Interrupt) -> Segmentation:
    return segment_image(image, name, How(model, PredictSettings(), ObjectSettings(), device), interrupt)


def _write(folder: Path, out: Outcome) -> None:
    write_labels(folder / f"{out.name}_strokes.tif", out.painted.reshape(out.after.labels.shape), out.image)
    write_labels(folder / f"{out.name}_labels.tif", out.after.labels, out.image)
    write_scores(folder / f"{out.name}_scores.tif", out.after.scores, out.image, out.after.names)
    write_planes(folder / f"{out.name}_weights.tif", out.weights, out.image)
    save_model(out.training.model, folder / f"{out.name}{MODEL_ENDING}")


def _draw(path: Path, out: Outcome) -> None:
    """Draw the plane with the most paint."""
    at = int((out.painted > 0).sum(axis=(1, 2)).argmax())
    plane = out.image.plane(tuple(int(i) for i in np.unravel_index(at, out.image.leading_shape)))
    base = picture.gray(measure_image(out.image, out.name).apply(plane))
    scores = np.asarray(out.after.scores, np.float32).reshape(-1, len(out.after.names), *plane.shape[1:])[at]
    objects = cell_scores(scores, out.after.names)
    labels = out.after.labels.reshape(-1, *plane.shape[1:])[at]
    panels = [
        ("Image", base),
        ("Strokes (sky blue: background)", picture.strokes(base, out.painted[at])),
        ("Scores", picture.ramp(objects, 1.0)),
        ("Labels (white: ground truth)", picture.labels(base, labels, out.truth[at])),
        ("Weight map of the strokes", picture.ramp(out.weights[at], float(out.weights[at].max()))),
    ]
    picture.side_by_side(panels, path)


def _print(clock: Clock, out: Outcome, device: str) -> None:
    from napari_upaint.engine.device import describe

    rows = [("device", describe(device)), *clock.rows]
    after = compare(out.after.labels.reshape(out.truth.shape), out.truth)
    before = None if out.before is None else compare(out.before.labels.reshape(out.truth.shape), out.truth)
    for key, words in (("IoU", "IoU"), ("F1", "object F1")):
        rows.append((f"{words} before training", "no pretrained model" if before is None else f"{before[key]:.3f}"))
        rows.append((f"{words} after training", f"{after[key]:.3f} ({out.training.steps} steps)"))
    print(table([("sample", out.name), *rows], numbers=False))
