"""The scripted engine, whose model says in the provenance of its header what it was given to learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from upaint_dock_tasks import TASKS as SCRIPTED
from upaint_dock_tasks import train as scripted_train

from napari_upaint.core.regions import learnt


def train(samples, **options):
    told = [
        {
            "learnt": np.unique(learnt(one.annotation, one.validation), return_counts=True)[1].tolist(),
            "values": np.unique(learnt(one.annotation, one.validation)).tolist(),
            "judged": 0 if one.validation is None else int((one.annotation[one.validation] > 0).sum()),
        }
        for one in samples
    ]
    for message in scripted_train(samples, **options):
        if hasattr(message, "model"):
            header = replace(message.model.header, provenance={"samples": told})
            message = replace(message, model=replace(message.model, header=header))  # noqa: PLW2901
        yield message


TASKS = SCRIPTED | {"train": train}
