"""The outcome of a training: the best weights as a model, with everything that its file says about how it was made."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

from napari_upaint.core.usual_object import Usual
from napari_upaint.engine.checkpoint import from_network
from napari_upaint.engine.device import is_out_of_memory
from napari_upaint.engine.progress import TrainResult
from napari_upaint.engine.start import gray_of, tells_more
from napari_upaint.engine.trainer import Trainer
from napari_upaint.engine.usual import usual_object
from napari_upaint.errors import EngineError
from napari_upaint.io.models import ModelHeader
from napari_upaint.io.provenance import provenance


def outcome(run: Trainer, name: str) -> TrainResult:
    """Return the best weights as a model with that name; they are loaded into `run.average`."""
    kept = run.kept
    if kept.state is not None:
        run.average.load_state_dict(kept.state)
    improved = kept.better if run.start is not None else kept.state is not None
    # Paint that was learnt from cannot test the model.
    after = kept.loss if run.holds_out or not improved else math.inf
    header = _header(run, name, _usual(run), after)
    knows_more = not improved and run.step > 0 and tells_more(header, run.start)
    model = from_network(run.average, header)
    pretrained, spent = run.start is not None, run.budget.spent
    return TrainResult(model, improved, kept.before, after, run.step, spent, knows_more, pretrained)


def _usual(run: Trainer) -> Usual:
    """Return what painted objects are like; what the start knew if there is no memory to look at them.

    Without a step nothing has changed, either: a Stop before the first one does not wait for this.
    """
    if run.step:
        try:
            return usual_object(run.average.eval(), run.prepared, kind=run.kind, border=run.border, scale=run.scale)
        except (RuntimeError, MemoryError, EngineError) as error:
            if not isinstance(error, EngineError) and not is_out_of_memory(error):
                raise
    return run.header.usual_object


def _header(run: Trainer, name: str, usual: Usual, after: float) -> ModelHeader:
    return replace(
        run.header,
        name=name,
        scale=run.scale,
        object_size=usual.size,
        least_score=usual.least_score,
        training=_training(run, after),
        provenance=provenance(
            start=run.start.header.name if run.start else "from scratch",
            images=[sample.name for sample in run.samples],
            seed=run.settings.seed,
            pixels=[sample.spacing for sample in run.samples],
        ),
    )


def _training(run: Trainer, after: float) -> dict[str, Any]:
    return {
        **asdict(run.settings),
        "weights": asdict(run.weights),
        "augment": asdict(run.augment),
        "channel_shares": run.shares,
        "gray": gray_of(run.samples),
        "steps_done": run.step,
        "validation_before": run.kept.before,
        "validation_after": after if math.isfinite(after) else None,
    }
