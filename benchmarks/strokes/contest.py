"""One contender on one set, in its own process: it learns, and is scored on images that it has not seen."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.strokes.annotator import ROUNDS, Brush, first_paint, more_paint
from benchmarks.strokes.contenders import Contender, contender
from benchmarks.strokes.sets import BenchSet, find_set, read
from napari_upaint.core.metrics import iou, object_scores, seg_score
from napari_upaint.core.objects import class_parts
from napari_upaint.settings import Kind


@dataclass(frozen=True)
class Job:
    """One run; it gives a line of results for each round and each way of separating objects."""

    data: str
    set: str
    contender: str
    mode: str = "once"
    seed: int = 0
    seconds: float = 60.0
    steps: int = 0
    brush: Brush = field(default_factory=Brush)

    @property
    def key(self) -> str:
        """Identify the job, wherever the data is."""
        return json.dumps({name: value for name, value in asdict(self).items() if name != "data"}, sort_keys=True)


def alone(text: str) -> list[dict[str, Any]]:
    """Run a job given as JSON; return its lines."""
    fields = json.loads(text)
    return run(Job(**{**fields, "brush": Brush(**fields["brush"])}))


def run(job: Job) -> list[dict[str, Any]]:
    """Run a job in this process; return its lines."""
    one, data = find_set(job.set), Path(job.data)
    image, truth = read(data, one, one.train[job.seed % len(one.train)])
    tests = [read(data, one, name) for name in one.test]
    rng = np.random.default_rng(job.seed + 1)
    annotation = first_paint(truth, rng, job.brush, one.kind, job.mode)
    lines, spent = list[dict[str, Any]](), 0.0
    _warm_up()
    learner = contender(job.contender, job.seconds, job.steps)
    for number in range(ROUNDS[job.mode]):
        began = time.perf_counter()
        notes = learner.fit(image, annotation, one.kind)
        spent += time.perf_counter() - began
        common = {
            "key": job.key,
            "set": one.name,
            "contender": job.contender,
            "mode": job.mode,
            "seed": job.seed,
            "budget": job.seconds,
            "round": number,
            "painted": int((annotation > 0).sum()),
            "fit_seconds": round(spent, 2),
            "notes": notes,
        }
        lines += [common | scored for scored in score(learner, tests, one)]
        if number + 1 < ROUNDS[job.mode]:
            annotation = more_paint(image, truth, annotation, learner, rng, job.brush, one.kind, job.mode)
    return lines


def _warm_up() -> None:
    """Load what the engine process has loaded by the time that somebody has painted, and keeps for all trainings."""
    import napari_upaint.engine.train  # noqa: F401
    from napari_upaint.engine.tasks import load_ahead

    load_ahead()


def score(learner: Contender, tests: list[tuple[np.ndarray, np.ndarray]], one: BenchSet) -> list[dict[str, Any]]:
    """Return the mean scores over images, for components as they are and for components cut at their necks."""
    found = []
    for split in (False, True):
        rows, began = [], time.perf_counter()
        for image, truth in tests:
            labels = learner.labels(image, one.kind, split=split)
            rows.append(measures(labels, truth, one.kind))
        seconds = (time.perf_counter() - began) / len(tests)
        means = {name: round(float(np.nanmean([row[name] for row in rows])), 4) for name in rows[0]}
        found.append({"split": split, "segment_seconds": round(seconds, 2), **means})
    return found


def measures(labels: np.ndarray, truth: np.ndarray, kind: Kind) -> dict[str, float]:
    """Return IoU (for classes, their mean), and AP50, F1 and SEG of objects (for classes, of connected parts)."""
    if kind == "classes":
        classes = np.unique(truth[truth > 0])
        overlap = float(np.mean([iou(labels == value, truth == value) for value in classes]))
        labels, truth = class_parts(labels), class_parts(truth)
    else:
        overlap = iou(labels, truth)
    objects = object_scores(labels, truth)
    return {"iou": overlap, "ap50": objects.average_precision, "f1": objects.f1, "seg": seg_score(labels, truth)}
