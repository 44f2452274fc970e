"""Logs of pretraining: a line of JSON for each step and each validation."""

from __future__ import annotations

import json
from pathlib import Path

_FIRST, _EVERY = 100, 50  # steps: all of the first ones, since a run can be compared with them in minutes


def thinned(log: Path) -> str:
    """Return the first steps, some of the others and every validation of a log."""
    kept = []
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        if "loss" not in entry or entry["step"] < _FIRST or entry["step"] % _EVERY == 0:
            kept.append(line + "\n")
    return "".join(kept)


def differences(ours: Path, theirs: Path) -> dict[int, float]:
    """Return, for the steps that both logs have, how far the losses lie apart, relative to theirs."""
    a, b = _losses(ours), _losses(theirs)
    return {step: abs(a[step] - b[step]) / b[step] for step in sorted(a.keys() & b.keys())}


def _losses(log: Path) -> dict[int, float]:
    entries = (json.loads(line) for line in log.read_text().splitlines())
    return {entry["step"]: entry["loss"] for entry in entries if "loss" in entry}
