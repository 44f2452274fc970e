"""Logs of pretraining: a line of JSON for each step and each validation."""

from __future__ import annotations

import json
from pathlib import Path

from napari_upaint.io.atomic import replacing

_FIRST, _EVERY = 100, 50  # steps: all of the first 100 are kept, so that a run can be compared with them in minutes


def thinned(log: Path) -> str:
    """Return a log's first steps, some of its other steps and every validation."""
    kept = []
    for line in log.read_text("utf-8").splitlines():
        entry = json.loads(line)
        if "loss" not in entry or entry["step"] < _FIRST or entry["step"] % _EVERY == 0:
            kept.append(line + "\n")
    return "".join(kept)


def keep_until(log: Path, step: int) -> bool:
    """Remove what a run logged after its last checkpoint, since that is done again; remove half a line, too.

    Returns
    -------
    bool
        Whether the log has a validation of the last step before `step`.
    """
    kept, judged = [], False
    whole = log.read_text("utf-8") if log.exists() else ""
    for line in whole.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:  # cut off while it was being written
            continue
        if entry["step"] < step:
            kept.append(line + "\n")
            judged = judged or ("validation" in entry and entry["step"] == step - 1)
    if "".join(kept) != whole:
        with replacing(log) as new:
            new.write_text("".join(kept), "utf-8")
    return judged


def differences(ours: Path, theirs: Path) -> dict[int, float]:
    """Return, for each step in both logs, the difference of the losses, relative to theirs."""
    a, b = _losses(ours), _losses(theirs)
    return {step: abs(a[step] - b[step]) / b[step] for step in sorted(a.keys() & b.keys())}


def _losses(log: Path) -> dict[int, float]:
    entries = (json.loads(line) for line in log.read_text("utf-8").splitlines())
    return {entry["step"]: entry["loss"] for entry in entries if "loss" in entry}
