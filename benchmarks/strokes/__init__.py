"""Strokes: accuracy after a few strokes against time on the clock, beside classifiers of pixels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.timing import Table

RESULTS = Path(__file__).with_name("results.jsonl")


def tables() -> Iterator[Table]:
    """Yield the tables of what `python -m benchmarks strokes --data DIR` has left; running it takes hours."""
    from benchmarks.strokes.report import draw, report

    yield from report(RESULTS)
    draw(RESULTS)
