"""Overlap tiles with a network twice as wide."""

from __future__ import annotations

from benchmarks.tiles import speed
from benchmarks.timing import Table


def tables() -> list[Table]:
    """Compare at width 32, in one round: the peers take minutes."""
    return [speed(32, rounds=1)]
