"""Write the weights of a running training every few seconds: if the process dies, seconds are lost and not the run."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_upaint.engine.anchored import AnchoredAverage
from napari_upaint.engine.checkpoint import from_network, to_network
from napari_upaint.engine.progress import TrainProgress
from napari_upaint.engine.trainer import Trainer
from napari_upaint.errors import FileError, ModelError
from napari_upaint.io.models import ModelFile, save_model

# Writing may take at most this share of the time: a large network is written less often.
_SHARE = 0.03


def with_checkpoints(
    run: Trainer,
    training: Generator[TrainProgress, Any, None],
    path: Path | None,
    every: float = 10.0,
    resume: ModelFile | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Generator[TrainProgress, Any, None]:
    """Yield what a training yields, and write its averaged weights every few seconds.

    Parameters
    ----------
    run : Trainer
        State of the training.
    training : generator
        Its steps.
    path : Path or None
        Model file that is replaced every time; None: nothing is written.
    every : float
        Least time between two writings, in seconds.
    resume : ModelFile or None
        Checkpoint of an interrupted training to continue.
    clock : callable
        Returns seconds.

    Raises
    ------
    ModelError
        If the network of `resume` differs from that of this training.
    """
    written, cost, told = clock(), 0.0, None
    try:
        while True:
            try:
                payload = training.send(told)
            except StopIteration:
                return
            # At this point the start has been judged, and no step has been taken.
            if resume is not None and payload.stage == "training":
                go_on_from(run, resume)
                resume = None
            if path is not None and payload.step and clock() - written >= max(every, cost / _SHARE):
                began = clock()
                _write(run, path)
                written, cost = clock(), clock() - began
            told = yield payload
    finally:
        training.close()


def go_on_from(run: Trainer, checkpoint: ModelFile) -> None:
    """Give a training the weights of an interrupted one; if they are better than the start, they are its best so far.

    Raises
    ------
    ModelError
        If they belong to a different network.
    """
    network = to_network(checkpoint, run.network.in_channels)
    ours, theirs = run.network.state_dict(), network.state_dict()
    if {name: value.shape for name, value in ours.items()} != {name: value.shape for name, value in theirs.items()}:
        raise ModelError(
            "The interrupted training had a different network or different classes; paint the same classes as then, or"
            " discard it."
        )
    for one in (run.network, run.average):
        one.load_state_dict(theirs)
    if isinstance(run.averaging, AnchoredAverage) and run.average is not run.network:
        run.averaging.send_ahead()  # the file holds the average, which would be drawn back once more
    run.judge()


def _write(run: Trainer, path: Path) -> None:
    spent = {"steps_done": run.step, "seconds_done": run.progress("").seconds}
    header = replace(run.header, name=path.stem, scale=run.scale, training=spent)
    try:
        save_model(from_network(run.average, header), path)
    except FileError:  # a full disk must not end the training
        return
