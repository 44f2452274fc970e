"""Overlap tiles while another process keeps a core busy."""

from __future__ import annotations

import tempfile
from contextlib import nullcontext
from math import nan
from pathlib import Path
from statistics import median

from benchmarks.apart import apart, busy_core
from benchmarks.tiles import LOOP, OURS, write_image
from benchmarks.timing import Table

SIZE = 1024


def tables() -> list[Table]:
    """Compare all threads with one thread, on a quiet machine and beside a busy process."""
    return [_busy(16)]


def _busy(width: int) -> Table:
    cases = [(name, threads) for name in (OURS, LOOP) for threads in (None, 1)]
    seconds: dict[tuple[str, int | None, bool], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        source, target = write_image(Path(folder), SIZE), Path(folder) / "scores.npy"
        for _ in range(3):
            for name, threads in cases:
                for other in (False, True):
                    with busy_core() if other else nullcontext():
                        found = apart("benchmarks.tiles", name, width, source, target, threads=threads)
                    seconds.setdefault((name, threads, other), []).append(found if found is not None else nan)
    rows = []
    for name, threads in cases:
        words = f"{name}, {'one thread' if threads else 'all threads'}"
        rows.append((words, *(f"{median(seconds[name, threads, other]):.2f}" for other in (False, True))))
    return Table(
        f"{SIZE}x{SIZE} pixels, width {width}, while another process keeps a core busy",
        "Wall-clock seconds, medians of 3 runs. Threads that share a layer wait for the one that is interrupted; in "
        "this package, each thread has its own tiles.",
        ("", "quiet", "beside a busy process"),
        rows,
    )
