"""Run the contest: ``python -m benchmarks strokes --data DIR``; runs that have results already are not repeated."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.apart import apart
from benchmarks.strokes import RESULTS
from benchmarks.strokes.annotator import MODES, Brush
from benchmarks.strokes.contenders import BUNDLED, FITTED, NAMES, THREADS
from benchmarks.strokes.contest import Job
from benchmarks.strokes.report import SECONDS
from benchmarks.strokes.sets import SETS
from benchmarks.timing import processor

BUDGETS = (10.0, 30.0, 60.0, 120.0)
# Modes with several rounds of painting: who takes part, and how many seconds the training of a round takes.
IN_ROUNDS = {"corrective": ("generalist-fast", "forest"), "unsure": ("generalist-fast",)}
IN_ROUNDS["anywhere"] = IN_ROUNDS["unsure"]
ROUND_SECONDS = 30.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen jobs that have no results yet; `arguments` None: those of the command line."""
    options = _options(arguments)
    warnings.simplefilter("ignore")
    wanted = jobs(options)
    done = {line["key"] for line in read_lines(options.results)}
    missing = [job for job in wanted if job.key not in done]
    print(f"{len(wanted)} runs, {len(wanted) - len(missing)} of them done before", flush=True)
    for number, job in enumerate(missing, start=1):
        load = os.getloadavg()[0]
        began = time.monotonic()
        lines = apart("benchmarks.strokes.contest", json.dumps(asdict(job)), threads=options.threads)
        words = f"{number}/{len(missing)} {job.set} {job.contender} {job.mode} {job.seconds:g} s seed {job.seed}"
        if lines is None:
            print(f"{words}: failed", flush=True)
            continue
        with options.results.open("a", encoding="utf-8") as file:
            where = {"threads": options.threads, "load_before": round(load, 2), "processor": processor()}
            file.writelines(json.dumps(line | where) + "\n" for line in lines)
        scores = ", ".join(f"{line['iou']:.3f}/{line['ap50']:.3f}" for line in lines if not line["split"])
        print(f"{words}: IoU/AP50 {scores} ({time.monotonic() - began:.0f} s)", flush=True)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks strokes", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", required=True, type=Path, help="folder with one folder for each set")
    parser.add_argument("--sets", nargs="+", default=[one.name for one in SETS], choices=[one.name for one in SETS])
    parser.add_argument("--contenders", nargs="+", default=list(NAMES), choices=NAMES)
    parser.add_argument("--modes", nargs="+", default=list(MODES), choices=MODES)
    parser.add_argument("--budgets", nargs="+", type=float, default=list(BUDGETS), help="seconds of training")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="of strokes, trainings and painted images")
    parser.add_argument("--steps", type=int, default=0, help="train this many steps instead of by time")
    parser.add_argument("--threads", type=int, default=THREADS)
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON lines; appended to")
    for name, default in asdict(Brush()).items():
        parser.add_argument(f"--brush-{name}", type=int, default=default, help="strokes, or px")
    return parser.parse_args(arguments)


def jobs(options: argparse.Namespace) -> list[Job]:
    """Return all runs that the options ask for, set by set, so that even an interrupted contest compares fairly."""
    brush = Brush(**{name: getattr(options, f"brush_{name}") for name in asdict(Brush())})
    found = []
    for seed in options.seeds:
        for one in (s for s in SETS if s.name in options.sets):
            for mode in options.modes:
                for name in options.contenders:
                    for seconds in _budgets(name, mode, options.budgets):
                        steps = options.steps if seconds else 0
                        found.append(Job(str(options.data), one.name, name, mode, seed, seconds, steps, brush))
    return found


def _budgets(name: str, mode: str, budgets: list[float]) -> list[float]:
    if mode != "once":
        taking_part = name in IN_ROUNDS[mode]
        return [0.0 if name in FITTED else ROUND_SECONDS] if taking_part else []
    if name in FITTED:
        return [0.0]
    # From scratch, a few seconds are too short; for averaging, one budget shows what it is worth.
    return [seconds for seconds in budgets if name in BUNDLED or seconds == SECONDS]


def read_lines(path: Path) -> list[dict[str, object]]:
    """Return the lines of a file of results; none if there is no file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []


if __name__ == "__main__":
    sys.exit(main())
