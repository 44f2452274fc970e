"""Training and fine-tuning: a generator that reports every step and can be stopped between steps (paper, sec. 3)."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import get_args

from napari_upaint.core.labels import check_samples
from napari_upaint.core.sample import Sample
from napari_upaint.engine.interrupted import with_checkpoints
from napari_upaint.engine.outcome import outcome
from napari_upaint.engine.preview import with_preview
from napari_upaint.engine.progress import (
    NewSamples,
    PredictProgress,
    PreviewResult,
    SamplesHeard,
    Stop,
    Told,
    TrainProgress,
    TrainResult,
)
from napari_upaint.engine.scale import find_scale
from napari_upaint.engine.start import check_fit
from napari_upaint.engine.threads import steady_threads
from napari_upaint.engine.trainer import Trainer
from napari_upaint.io.models import ModelFile
from napari_upaint.settings import AugmentSettings, Kind, TrainSettings, WeightSettings

Command = Told | None
# Least steps between two looks at new paint: painting without a pause must not keep the training from learning.
_BETWEEN_LOOKS = 3
Training = Generator[TrainProgress | TrainResult | SamplesHeard | PredictProgress | PreviewResult, Command, None]


def train(
    samples: Sequence[Sample],
    *,
    kind: Kind,
    start: ModelFile | None,
    settings: TrainSettings = TrainSettings(),  # noqa: B008 (frozen)
    weights: WeightSettings = WeightSettings(),  # noqa: B008 (frozen)
    augment: AugmentSettings = AugmentSettings(),  # noqa: B008 (frozen)
    device: str = "auto",
    name: str = "my model",
    told: Command = None,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 10.0,
    resume: ModelFile | None = None,
) -> Training:
    """Train on painted samples; the last value yielded is the `TrainResult`.

    Held-out paint decides which weights are kept, those of the start included, until it is clear that learning helps;
    then all paint is learnt from, see `engine.keeping`. Send `Stop` to end early with the best so far, `NewSamples` to
    go on with other paint (answered by `SamplesHeard`), `PreviewView` to see now and then how the newest weights
    segment a region (`PreviewResult`).

    Parameters
    ----------
    samples : sequence of Sample
        Planes (C, Y, X), or volumes (C, Z, Y, X) for a 3D network; at least one is painted. Only paint is learnt from:
        a few painted slices of a volume suffice.
    kind : {"objects", "classes"}
        What a value from 2 up means: one object each, all of one class; or one class each.
    start : ModelFile or None
        Model to fine-tune; None: train from scratch (He initialisation).
    settings : TrainSettings
    weights : WeightSettings
        Of the weight map.
    augment : AugmentSettings
    device : str
        "auto", "cpu", "cuda", ...
    name : str
        What to call the model, in its header.
    told : Stop, NewSamples, PreviewView or None
        What was sent before the training existed.
    checkpoint : Path or None
        File to which the weights are written; None: they are not.
    checkpoint_seconds : float
        How often, at most.
    resume : ModelFile or None
        Checkpoint of an interrupted training with the same start, to continue it.

    Yields
    ------
    TrainProgress
        After every step, and while it prepares.
    SamplesHeard, PreviewResult, PredictProgress
        As answers, see above; the last one while a preview is computed.
    TrainResult
        Last.

    Raises
    ------
    ValueError
        If there is no such kind.
    AnnotationError, ImageError
        If the samples cannot be learnt from; nothing has been changed then.
    ModelError
        If there are planes for a 3D network or volumes for a 2D network, or `start` is damaged or takes another number
        of channels.
    EngineError
        If torch cannot compute on the device, or memory is too short for what is painted or for a 3D network.
    """
    if kind not in get_args(Kind):
        raise ValueError(f"The kind is {kind!r}; give one of {', '.join(get_args(Kind))}.")
    check_samples(samples, kind)
    check_fit(samples, start, settings)
    if resume is not None:  # it had found the scale
        settings = replace(settings, scale=resume.header.scale)
    # If steps are counted, the same seed gives the same model.
    with steady_threads(bool(settings.steps)):
        run = Trainer(list(samples), kind, start, settings, weights, augment, device)
        steps = with_checkpoints(run, _train(run), checkpoint, checkpoint_seconds, resume)
        yield from with_preview(run, steps, told)
        yield outcome(run, name)


def _train(run: Trainer) -> Generator[TrainProgress, Command, None]:
    stopped = _hear(run, (yield run.progress("getting ready")))
    if run.start is not None and not run.settings.scale and not stopped:
        stopped = yield from _find_scale(run)
    if stopped or (yield from _look(run)) or (run.unseen and (yield from _look(run))):
        return
    if not _hear(run, (yield run.progress("training", run.kept.before))):
        with closing(run.learner):
            yield from _steps(run)


def _hear(run: Trainer, command: Command) -> bool:
    """Act on what was sent; return whether it was a stop."""
    if isinstance(command, NewSamples):
        run.take(command.samples)
    return isinstance(command, Stop)


def _find_scale(run: Trainer) -> Generator[TrainProgress, Command, bool]:
    """Try the scales on the paint; return whether it was stopped."""
    assert run.start is not None
    best = run.scale
    for scale in find_scale(run.network, run.samples, kind=run.kind, border=run.border, start=run.start.header):
        best = scale
        if _hear(run, (yield run.progress("finding the scale"))):
            return True
    run.scale = best
    return False


def _look(run: Trainer) -> Generator[TrainProgress, Command, bool]:
    """Look at the paint; return whether it was stopped. Paint that comes meanwhile waits for the next look."""
    return (yield from _told(run, run.look_at_samples()))


def _told(run: Trainer, telling: Iterator[str]) -> Generator[TrainProgress, Command, bool]:
    """Report what is done until it is done; return whether it was stopped."""
    for words in telling:
        # With one image it takes a moment and happens at every stroke: not worth reporting.
        if _hear(run, (yield run.progress("training" if run.step and len(run.samples) == 1 else words))):
            return True
    return False


def _steps(run: Trainer) -> Generator[TrainProgress, Command, None]:
    """Take steps until the budget is used."""
    judged, since = 0, 0
    # At least one step, even if preparation took all of a short budget.
    while (fraction := run.fraction()) < 1 or not run.step:
        if (yield from _told(run, run.begin_second_half(fraction))):
            break
        run.train_step(fraction)
        validation = None
        if run.fraction() * run.plan.validations >= judged + 1:
            judged = int(run.fraction() * run.plan.validations)
            validation = run.judge()
        since += 1
        if _hear(run, (yield run.progress("training", validation))):
            break
        if run.unseen and since >= _BETWEEN_LOOKS:
            if (yield from _look(run)):
                break
            judged, since = int(run.fraction() * run.plan.validations), 0  # the budget has grown
    if run.judged < run.step:  # the last steps have not been judged yet
        run.judge()
