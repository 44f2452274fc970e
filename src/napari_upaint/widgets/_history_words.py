"""How runs are described in the window, and why something cannot be done with them; '' if it can."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from napari_upaint.io.file_names import MODEL_ENDING
from napari_upaint.io.model_facts import steps
from napari_upaint.session.run import Run
from napari_upaint.widgets._listed import listed
from napari_upaint.widgets._progress_line import duration, grouped
from napari_upaint.widgets._reasons import Situation

_SELECT = "Select a run in the list first."


def run_lines(run: Run, seconds: bool = False) -> str:
    """Return a run as two lines: date (with seconds if wanted), name; score before and after, paint, time."""
    then = datetime.fromisoformat(run.date)
    pixels = sum(run.painted.values())
    when = f"{then.day} {then.strftime('%b %H:%M:%S' if seconds else '%b %H:%M')}"
    return f"{when} · {run.name}\n{score(run)} · {grouped(pixels)} px · {duration(run.seconds)}"


def run_tip(run: Run) -> str:
    """Return everything that is known about a run, in a few lines."""
    start = run.start.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(MODEL_ENDING) or "from scratch"
    return "\n".join(
        (
            run.name,
            f"Date: {datetime.fromisoformat(run.date):%Y-%m-%d %H:%M}",
            f"Started from: {start}",
            f"Images: {listed(run.images)}",
            f"Loss on held-out paint, before → after: {score(run)} (lower is better)",
            f"Painted: {grouped(sum(run.painted.values()))} pixels",
            f"Training: {steps(run.steps)} in {duration(run.seconds)}",
            f"Model: {run.model.name}" if run.model else "Model: kept the one from before, nothing was better",
        )
    )


def score(run: Run) -> str:
    """Return the loss on held-out paint before and after a training: '0.42 → 0.31'."""
    before, after = ("?" if value is None else f"{value:.3g}" for value in (run.before, run.after))
    return "not judged" if run.after is None else f"{before} → {after}"


def why_not_use(runs: Sequence[Run], busy: str) -> str:
    """Return why the model of the selected run cannot be used."""
    if len(runs) != 1:
        return _SELECT if not runs else "Select one run only."
    return busy or ("" if runs[0].model else "This training kept the model from before, so it has none of its own.")


def why_not_compare(runs: Sequence[Run], image: bool, busy: str) -> str:
    """Return why runs cannot be compared."""
    if len(runs) != 2:
        return "Select two runs: click one, then the other with Ctrl held down."
    if not all(run.model for run in runs):
        return "One of these trainings kept the model from before, so it has none of its own."
    return busy or ("" if image else "Open an image first.")


def why_not_change(runs: Sequence[Run], busy: str, several: bool = False) -> str:
    """Return why runs cannot be renamed or deleted."""
    if not runs:
        return _SELECT
    return busy or ("" if several or len(runs) == 1 else "Select one run only.")


def why_not_copy(listed: int, situation: Situation) -> str:
    """Return why there is no training to copy as text."""
    if not listed:
        return "There is no training yet."
    if not situation.image:
        return "Open the image first: the text names its file."
    painted = situation.annotation and situation.fits
    return "" if painted else "Choose the labels of this training under 'Paint' first: the text names their file."


def why_not_undo(run: Run | None, gone: str, busy: str) -> str:
    """Return why no training can be undone; `gone` says that the model before it is not there."""
    return busy or gone or ("" if run else "Nothing to undo: the chosen model was not trained here.")
