"""What the dock says when something has ended."""

from __future__ import annotations

from collections.abc import Sequence

from napari_upaint.io.model_facts import steps
from napari_upaint.widgets._message import MessageKind
from napari_upaint.widgets._progress_line import duration
from napari_upaint.widgets._segmenting import Segmented
from napari_upaint.widgets._training import Trained


def after_training(trained: Trained) -> str:
    """Say whether the model is better than before, and where it is."""
    result = trained.result
    words = f"{result.message} {steps(result.steps)} in {duration(result.seconds)}."
    return words if trained.path is None else f"{words} Saved as '{trained.path.stem}'."


def after_segmenting(summary: Segmented) -> tuple[str, MessageKind, str]:
    """Say how much was segmented and what failed: text, kind, details."""
    planes = f"{summary.done} {summary.what}{'s' * (summary.done != 1)}"
    if summary.kept:
        planes += f"; {summary.kept} {'was' if summary.kept == 1 else 'were'} there already"
    details = "\n\n".join(f"{sentence}\n{more}".strip() for sentence, more in summary.failures)
    if not summary.failures:
        if summary.stopped and not summary.done + summary.kept:
            return f"Stopped before the first {summary.what} was segmented.", "info", ""
        words = f"Stopped after {planes}." if summary.stopped else f"Segmented {planes}."
        if summary.stopped and summary.several:
            words += " Press the same button to go on."
        return words, "info", ""
    first = summary.failures[0][0]
    if len(summary.failures) > 1:
        first += f" ({len(summary.failures)} layers failed; see the details.)"
    if summary.done or summary.kept:
        return f"Segmented {planes}, but: {first}", "warning", details
    return first, "error", details


def after_nothing(summary: Segmented) -> str:
    """Say that nothing was found, which looks as if nothing had been done; '' if something was found."""
    nothing = summary.done > 0 and summary.empty == summary.done and not summary.kept
    return "Nothing was found: paint what you look for and train, or choose another model." if nothing else ""


def after_hiding(labels: str) -> str:
    """Say that the labels that hold the result are hidden; '' if they are not."""
    return f"'{labels}' is hidden; click its eye in napari's list of layers to see it." * bool(labels)


def after_looking(summary: Segmented) -> str:
    """Say at which scale a model sees the images, if that was found without paint and is not 1; '' otherwise."""
    if not summary.done or set(summary.scales) <= {1.0}:
        return ""
    low, high = summary.scales[0], summary.scales[-1]
    at = f"{low:g} times its size" if low == high else f"{low:g} to {high:g} times their sizes"
    return f"Seen at {at}, where the model is surest of what it finds (Settings > Prediction > Image scale)."


def after_crossing(summary: Segmented) -> str:
    """Say that the segmented plane is seen from the side, as hardly more than a line; '' if nothing was segmented."""
    return "You see that plane from the side; press 'Whole layer' to segment all planes." if summary.done else ""


def after_one_slice(summary: Segmented) -> str:
    """Say that a slice was not segmented as part of its volume, though that is ticked; '' if nothing was segmented."""
    alone = "This slice was segmented alone: its objects have their own numbers; press 'Whole layer' for the volume."
    return alone if summary.done else ""


def after_keeping(layers: Sequence[str]) -> str:
    """Say where corrections by hand were kept that would have been overwritten; '' if there are none."""
    if not layers:
        return ""
    several, names = len(layers) > 1, " and ".join(f"'{layer}'" for layer in layers)
    where = f"as the layer{'s' * several} {names}" if len(layers) < 4 else f"in {len(layers)} layers '… (corrected)'"
    learn = f"choose {'one' if several else 'that'} under 'Paint' and press 'From masks' to learn from it"
    return f"What you corrected by hand was kept {where}; {learn}."


def after_another_model(planes: int) -> str:
    """Say that planes out of view still show what another model found; '' if there are none."""
    if not planes:
        return ""
    other = "1 other plane still shows" if planes == 1 else f"{planes} other planes still show"
    return f"{other} what another model found; press 'Whole layer' or 'All open images' to segment again."
