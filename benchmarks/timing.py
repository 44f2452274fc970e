"""Timing side by side: each contestant runs once per round, so that a busy moment affects all of them."""

from __future__ import annotations

import importlib
import os
import platform
import re
import statistics
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Table:
    """One table of the page.

    Attributes
    ----------
    title, note : str
        Heading; what was compared, under what conditions.
    columns : sequence of str
        Column headings.
    rows : sequence of sequence of str
        Cells.
    """

    title: str
    note: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """Return the table as Markdown."""
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"### {self.title}\n\n{self.note}\n\n{body}\n"


def interleaved(contestants: Mapping[str, Callable[[], Any]], rounds: int = 7) -> dict[str, float]:
    """Return the median processor time of each contestant, in ms.

    Processor time of this process, not wall-clock time, so that other programs on the machine do not count. Everything
    here runs on one thread, for which the two are the same on a quiet machine. A first, untimed run warms each up.
    """
    for run in contestants.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            start = time.process_time()
            run()
            times[name].append(1000 * (time.process_time() - start))
    return {name: statistics.median(one) for name, one in times.items()}


def peer(name: str) -> Any:
    """Import a peer and set it to one thread; None if it is not installed or does not work here."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = importlib.import_module(name)
    except Exception as error:  # peers fail in many ways, KeyError among them
        print(f"  without {name}: {type(error).__name__} {error}")
        return None
    if name == "cv2":
        module.setNumThreads(1)
    if name == "torch":
        module.set_num_threads(1)
    return module


def milliseconds(value: float) -> str:
    """Return a time in ms with three significant digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def ratio(value: float) -> str:
    """Return a ratio, formatted for reading."""
    return f"{value:,.0f}x" if value >= 10 else f"{value:.1f}x"


def processor() -> str:
    """Return the name of the processor."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text("utf-8").splitlines():
            if "model name" in line:
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def machine(packages: Sequence[str], before: str = "") -> str:
    """Describe processor, system and versions in Markdown.

    `before` is the present page: packages that are not installed keep the version named there.
    """
    found = []
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            told = re.search(rf"\b{re.escape(package)} \d[\w.+]*\w", before)
            found.append(told[0] if told else f"{package} not installed")
    return (
        f"{processor()}, {os.cpu_count()} cores; {platform.system()}, Python {platform.python_version()}.\n\n"
        f"{', '.join(found)}."
    )
