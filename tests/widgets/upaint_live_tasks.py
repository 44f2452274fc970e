"""An engine that learns nothing, but previews what is in view and takes new paint as the real one does."""

from __future__ import annotations

import time
from dataclasses import replace

from upaint_dock_tasks import STEP, TASKS
from upaint_dock_tasks import train as plain_train

from napari_upaint.engine.budget import Budget
from napari_upaint.engine.progress import (
    NewSamples,
    PredictProgress,
    PreviewResult,
    PreviewView,
    SamplesHeard,
    Stop,
    TrainProgress,
)
from napari_upaint.errors import UserError
from napari_upaint.io.models import load_model
from napari_upaint.settings import TrainSettings


def picture(view, kind="objects", scale=1.0, step=0):
    """Bright pixels are objects; with classes, very bright ones are the second class."""
    from napari_upaint.core.outlines import outlined

    bright = view.normalization.apply(view.image).mean(axis=0)
    labels = (bright > 0.5).astype(int) + ((bright > 0.95) if kind == "classes" else 0)
    names = ("object",) if kind == "objects" else ("class 1", "class 2")
    shown = outlined(labels, kind, len(names))[view.inside]
    return PreviewResult(view.id, shown, names, kind, scale, step)


def train(samples, kind, start, settings, name, **_):
    """Trains until the budget is used; every fifth step shows what is in view."""
    budget, step, view = Budget(settings), 0, None
    waiting = [(yield TrainProgress("getting ready", 0, 0.0, settings.seconds, 0.0))]
    while budget.fraction(step) < 1:
        told = waiting.pop(0) if waiting else None
        if isinstance(told, Stop):
            break
        if isinstance(told, PreviewView):
            view = told if told.image is not None else None
        if isinstance(told, NewSamples):
            problem = _problem(told.samples, kind)
            if not problem:
                samples = told.samples
                budget.extend()
            waiting.append((yield SamplesHeard(problem, len(samples))))
        step += 1
        time.sleep(STEP)
        if view is not None and step % 5 == 0:
            waiting.append((yield picture(view, kind, step=step)))
        fraction = min(1.0, budget.fraction(step))
        waiting.append((yield TrainProgress("training", step, budget.spent, budget.seconds, fraction, 1 / step, None)))
    result = _result(samples, kind, name)
    yield replace(result, steps=step, seconds=budget.spent)


def _result(samples, kind, name):
    *_, result = plain_train(samples, kind, None, TrainSettings(seconds=1), name)
    return result


def _problem(samples, kind):
    from napari_upaint.core.labels import check_samples

    try:
        check_samples(samples, kind)
    except UserError as error:
        return str(error)
    return "There is a class too many." if max(int(one.annotation.max()) for one in samples) > 9 else ""


def preview(view, model, device):
    """A plane of 13 columns brings bad luck."""
    header = load_model(model).header
    for done in range(3):
        time.sleep(STEP)
        if isinstance((yield PredictProgress(done, 3)), Stop):
            return
    if view.image.shape[-1] == 13:
        raise UserError("it is unlucky.")
    yield picture(view, header.kind, view.sight.scale if view.sight else header.scale)


TASKS = {**TASKS, "train": train, "preview": preview}
