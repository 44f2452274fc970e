"""Strokes: accuracy against wall-clock time after a few strokes, compared with pixel classifiers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.timing import Table

RESULTS = Path(__file__).with_name("results.jsonl")


def tables() -> Iterator[Table]:
    """Yield the tables of the results of `python -m benchmarks strokes --data DIR`, which takes hours to run."""
    from benchmarks.strokes.report import draw, report

    yield from report(RESULTS)
    draw(RESULTS)
