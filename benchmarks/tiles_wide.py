"""Overlap tiles of a network twice as wide, as in `benchmarks.tiles`."""

from __future__ import annotations

from benchmarks.tiles import speed
from benchmarks.timing import Table


def tables() -> list[Table]:
    """Compare at width 32, the peers once: they take minutes."""
    return [speed(32, rounds=1)]
