"""Train a model on images and their labels.

Labels are files of the image's shape: 0 unlabelled, 1 background, 2 and up objects or classes; with --masks they are
finished masks as other programs write them: 0 background, 1 and up objects or classes; of a binary mask each part is an
object. In folders, cells.tif or cells_NAME.tif are the labels of cells.tif. In stacks and time series every painted
slice is used; a 3D model (or --model none --ndim 3) learns from volumes, in which a few painted slices are enough.
Ctrl-C, the signal TERM or a lost connection ends the training and saves the best model so far.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_upaint.commands._files import listed
from napari_upaint.commands._options import (
    add_channel,
    add_device,
    add_images,
    add_kind,
    add_labels,
    add_output,
    add_settings,
    refuse_without_effect,
    settings_from,
)
from napari_upaint.commands._outputs import save_trained
from napari_upaint.commands._pairs import pairs_and_output
from napari_upaint.errors import AnnotationError
from napari_upaint.io.file_names import MODEL_ENDING
from napari_upaint.settings import OF_NEW_NETWORKS, AugmentSettings, TrainSettings, WeightSettings

if TYPE_CHECKING:
    from napari_upaint.commands._running import Interrupt
    from napari_upaint.core.sample import Sample
    from napari_upaint.engine.progress import TrainProgress, TrainResult
    from napari_upaint.io.models import ModelFile
    from napari_upaint.settings import Kind

USAGE = "IMAGE... --labels LABELS... [--objects | --classes] [--model NAME|FILE|none] -o MODEL [options]"
EXAMPLE = "upaint train cells.tif --labels cells_annotation.tif --seconds 60 -o cells.safetensors"
# With --steps, time is not limited.
_NO_LIMIT = 1e6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_images(parser)
    add_labels(parser, "painted files, one per image, or folders")
    parser.add_argument(
        "--masks",
        action="store_true",
        help="labels are finished masks: 0 is background, objects or classes begin with 1; planes without any are not"
        " learnt",
    )
    add_kind(parser)
    add_channel(parser)
    parser.add_argument(
        "--model",
        metavar="NAME|FILE|none",
        help="where to start: a bundled model (default: the first listed), a file, or none: from scratch",
    )
    add_output(parser, "MODEL", "file to write; its name ends in .safetensors, which is added where it is missing")
    training = parser.add_argument_group("training")
    add_settings(training.add_mutually_exclusive_group(), TrainSettings, only=("seconds", "steps"))
    others = ("recipe", "learning_rate", "scale", "hold", "seed")
    add_settings(training, TrainSettings, only=others)
    network = parser.add_argument_group("network, with --model none")
    add_settings(network, TrainSettings, only=OF_NEW_NETWORKS)
    add_settings(parser.add_argument_group("weight map"), WeightSettings)
    add_settings(parser.add_argument_group("variation of tiles"), AugmentSettings)
    add_device(parser)


def run(args: argparse.Namespace) -> int:
    """Train and write the model."""
    settings = train_settings(args)
    weights, augment = settings_from(WeightSettings, args), settings_from(AugmentSettings, args)
    start = start_model(args.model)
    if start is not None:
        why = f"the training goes on from {args.model or 'a bundled model'}; add --model none, or leave them out"
        refuse_without_effect(args, why, TrainSettings, only=OF_NEW_NETWORKS)
    pairs, output = pairs_and_output(args, "models", MODEL_ENDING)

    from napari_upaint.commands._running import INTERRUPTED, Interrupt
    from napari_upaint.io.model_facts import steps

    kind: Kind = args.kind or (start.header.kind if start else "objects")
    ndim = start.header.architecture.ndim if start else settings.ndim
    samples = _read(pairs, ndim, kind, masks=args.masks, channel=args.channel)
    with Interrupt("Stopping; the best model so far is saved. Press Ctrl-C again to quit at once.") as interrupt:
        result = train_model(
            samples, kind, start, interrupt, settings, weights, augment, device=args.device, name=output.stem
        )
        if not result.steps:  # the output may hold a good model: one that has learnt nothing does not replace it
            print(result.message)
            return INTERRUPTED
        written = save_trained(_with_command(result.model, args.typed), output)
    print(result.message)
    print(f"{written}: {steps(result.steps)} in {result.seconds:.0f} s")
    return INTERRUPTED if interrupt.asked else 0


def _read(files: Sequence[tuple[Path, Path]], ndim: int, kind: Kind, *, masks: bool, channel: str) -> list[Sample]:
    """Read images and labels; remind the user of --masks if it has been forgotten."""
    import numpy as np

    from napari_upaint.commands._planes import nothing_painted, samples_of
    from napari_upaint.commands._running import bar
    from napari_upaint.core.labels import like_masks

    samples: list[Sample] = []
    empty: list[Path] = []
    with bar(len(files), "reading") as progress:
        for image, labels in files:
            painted_here = list(samples_of(image, labels, ndim, masks, kind, channel))
            samples += painted_here
            empty += [] if painted_here else [labels]
            progress.update(1)
    if not samples:
        raise nothing_painted(empty)
    if empty:
        are = "is empty and is" if len(empty) == 1 else "are empty and are"
        print(f"{len(empty)} of {len(files)} files of labels {are} left out: {listed(empty)}", file=sys.stderr)
    painted = {what for one in samples for what in (1, 2) if (np.minimum(one.annotation, 2) == what).any()}
    if painted == {2} and masks:
        raise AnnotationError("There is no background (0) in the labels; leave out --masks if 1 is background in them.")
    if len(painted) == 1 and not masks:
        found = "is only background (1)" if painted == {1} else "are objects but no background (1)"
        raise AnnotationError(f"There {found} in the labels; paint both, or add --masks if 0 is background in them.")
    if kind == "objects" and not masks and like_masks([one.annotation for one in samples]):
        print(
            "Number 1 is a single patch, no larger than other objects, and is learnt as background; add --masks if 0 is"
            " background in the labels.",
            file=sys.stderr,
        )
    return samples


def _with_command(model: ModelFile, typed: Sequence[str]) -> ModelFile:
    from napari_upaint.io.provenance import command_line

    told = {**model.header.provenance, "command": command_line(typed)}
    return replace(model, header=replace(model.header, provenance=told))


def train_settings(args: argparse.Namespace) -> TrainSettings:
    """Return the settings of the training; with ``--steps``, the time is not limited."""
    by_steps = {"seconds": _NO_LIMIT} if getattr(args, "steps", 0) else {}
    return settings_from(TrainSettings, args, **by_steps)


def start_model(name: str | None) -> ModelFile | None:
    """Return the model to start from; None for "none", or if no name is given and no model is bundled."""
    from napari_upaint.io.models import bundled_models, load_model

    if name is None:
        bundled = bundled_models()
        return load_model(bundled[0]) if bundled else None
    return None if name == "none" else load_model(name)


def train_model(
    samples: list[Sample],
    kind: Kind,
    start: ModelFile | None,
    interrupt: Interrupt,
    settings: TrainSettings,
    weights: WeightSettings | None = None,
    augment: AugmentSettings | None = None,
    *,
    device: str = "auto",
    name: str = "my model",
) -> TrainResult:
    """Train with a progress bar on standard error; a first Ctrl-C ends it with the best model so far."""
    from napari_upaint.commands._running import bar, drive
    from napari_upaint.engine.progress import TrainResult

    with bar(1.0, "getting ready") as progress:
        from napari_upaint.engine.train import train  # takes a while: it loads torch

        def show(state: TrainProgress) -> None:
            progress.set_description_str(state.stage, refresh=False)
            if state.loss is not None:
                progress.set_postfix_str(f" step {state.step}, loss {state.loss:.3f}", refresh=False)
            progress.update(max(0.0, min(1.0, state.fraction) - progress.n))

        running = train(
            samples,
            kind=kind,
            start=start,
            settings=settings,
            weights=weights or WeightSettings(),
            augment=augment or AugmentSettings(),
            device=device,
            name=name,
        )
        return drive(running, TrainResult, show, interrupt)
