"""An engine that learns nothing, quickly: generators that answer as the real ones do, for tests of the dock."""

from __future__ import annotations

import time

import numpy as np

from napari_upaint.engine.progress import (
    DeviceLine,
    PlaneResult,
    PredictProgress,
    Sight,
    Stop,
    TrainProgress,
    TrainResult,
)
from napari_upaint.io.models import Architecture, ModelFile, ModelHeader, load_model

STEP = 0.01  # seconds
PER_SECOND = 20  # steps


def train(samples, kind, start, settings, name, **_):
    """Does twenty steps for each second that is asked for, however long they take.

    With a seed of 13 or 14 nothing gets better, with 14 the scale is found. With 15 it looks at what is painted for so
    long that it does not come to a step.
    """
    yield TrainProgress("getting ready", 0, 0.0, settings.seconds, 0.0)
    step, looks = 0, settings.seed == 15
    for number in range(1, round(PER_SECOND * settings.seconds) + 1):
        step += not looks
        time.sleep(STEP)
        seconds = number / PER_SECOND
        validation = 1 / step if step and step % 10 == 0 else None
        told = yield TrainProgress(
            "training", step, seconds, settings.seconds, seconds / settings.seconds, 1.2 / max(1, step), validation
        )
        if isinstance(told, Stop):
            break
    lucky = settings.seed not in (13, 14)
    highest = max(int(sample.annotation.max()) for sample in samples)
    classes = (
        ("background", "object") if kind == "objects" else ("background", *(f"class {k}" for k in range(1, highest)))
    )
    header = ModelHeader(
        name,
        Architecture(n_outputs=len(classes), ndim=samples[0].annotation.ndim, depth=settings.depth or 5),
        classes=classes,
        kind=kind,
        scale=0.5 if settings.seed == 14 else 1.0,
        summary=f"Learned {name} in {step} steps.",
    )
    # As of a real training: what another one made is another model, however alike both were.
    model = ModelFile(header, {"bias": np.random.default_rng().random(2, np.float32)})
    yield TrainResult(model, lucky, 0.8, 0.2 if lucky else 0.9, step, seconds, settings.seed == 14)


def segment(image, normalization, model, objects, **_):
    """Bright pixels are objects."""
    from napari_upaint.core.objects import label_scores  # takes longer than all other imports, and few docks segment

    header = load_model(model).header
    for done in range(3):
        time.sleep(STEP)
        if isinstance((yield PredictProgress(done, 3)), Stop):
            return
    bright = normalization.apply(image).mean(axis=0).clip(0, 1)
    scores = np.stack([1 - bright, bright, *(0 * bright for _ in header.classes[2:])]).astype(np.float16)
    labels = label_scores(scores, kind=header.kind, border=False, settings=objects)
    yield PlaneResult(labels, scores, header.classes)


def look(windows, settings, **_):
    """Images are seen as they are, those of 321 (101) columns at half of their size."""
    yield PredictProgress(0, 1)
    yield Sight(settings.scale or (0.5 if windows[0].shape[-1] in (321, 101) else 1.0))


def device(device):
    yield DeviceLine("a fake device" if device == "auto" else f"a fake device ({device})")


TASKS = {"train": train, "segment": segment, "look": look, "device": device}
