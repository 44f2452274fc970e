"""What the dock says when something ended."""

from __future__ import annotations

import math

from napari_upaint.widgets._measuring import Measured
from napari_upaint.widgets._message import MessageKind
from napari_upaint.widgets._progress_line import duration
from napari_upaint.widgets._segmenting import Segmented
from napari_upaint.widgets._training import Trained

# A start whose loss on held-out paint is below this gives it nine tenths of the score: it knows such objects.
_KNOWN = 0.1
_NEW = "the scale of this image and the size of its objects"


def after_training(trained: Trained) -> str:
    """Say whether the model is better than before, and where it is."""
    result = trained.result
    judged = math.isfinite(result.before) and math.isfinite(result.after)
    numbers = f"loss on held-out paint {result.before:.3g} → {result.after:.3g} (lower is better)"
    kept = f"(loss on held-out paint {result.before:.3g})"
    if not judged:  # too little paint to hold some of it out
        words = "Trained, but there was too little paint to say how well; paint a few strokes more"
    elif result.improved:
        words = f"Better than before: {numbers}"
    elif result.knows_more and result.before < _KNOWN:
        words = f"Kept the network from before: it knows such objects {kept}, and now {_NEW}"
    elif result.knows_more:
        words = f"Kept the network from before, because nothing was better {kept}; now it knows {_NEW}; paint more and"
        words += " train again"
    elif trained.path is not None:
        words = f"No better than before training: {numbers}; paint more and train again"
    else:
        words = f"Kept the model from before, because nothing was better: {numbers}; paint more and train again"
    words += f"; {result.steps} steps in {duration(result.seconds)}."
    if trained.path is not None:
        words += f" Saved as '{trained.path.stem}'."
    return words


def after_segmenting(summary: Segmented) -> tuple[str, MessageKind, str]:
    """Say how much was segmented and what failed: text, kind, details."""
    planes = f"{summary.done} {summary.what}{'s' * (summary.done != 1)}"
    details = "\n\n".join(f"{sentence}\n{more}".strip() for sentence, more in summary.failures)
    if not summary.failures:
        words = f"Stopped after {planes}." if summary.stopped else f"Segmented {planes}."
        return words, "info", ""
    first = summary.failures[0][0]
    if len(summary.failures) > 1:
        first += f" ({len(summary.failures)} layers failed, see the details.)"
    if summary.done:
        return f"Segmented {planes}, but: {first}", "warning", details
    return first, "error", details


def after_measuring(measured: Measured) -> str:
    """Say what was measured, and where it is to be seen."""
    objects = "1 object" if measured.objects == 1 else f"{measured.objects} objects"
    return f"Measured {objects} of {measured.plan.labels.name}; 'Table' shows them all."
