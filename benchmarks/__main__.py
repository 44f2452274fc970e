"""Run the comparisons, print their tables and write them to docs/benchmarks.md.

``python -m benchmarks`` measures all that is about speed, ``python -m benchmarks deformation`` a part.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import warnings
from pathlib import Path

from benchmarks.page import compose, sections
from benchmarks.timing import machine

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
PACKAGES = (
    *("numpy", "scipy", "numba", "torch", "scikit-image", "elasticdeform", "batchgenerators", "albumentations"),
    *("opencv-python-headless", "monai", "kornia", "stardist", "py-ctcmetrics", "scikit-learn"),
    "napari-convpaint",
)
# In the order of the page. Accuracy takes hours and is measured by name only; what it finds stays on the page.
SPEED = ("deformation", "weight_map", "metrics", "network", "training_step", "tiles", "tiles_wide", "tiles_busy")
SPEED += ("sliding_window",)
ACCURACY = ("strokes", "volumes", "recipes")
INTRODUCTION = """# Benchmarks

How fast the program is, and how good its results are, beside other programs. For accuracy after a few strokes see
[Strokes](#strokes-accuracy-after-a-few-strokes-against-time-on-the-clock-beside-classifiers-of-pixels).

Speed is measured by `python -m benchmarks`, which `tox -e benchmarks` starts in an environment of its own. Peers that
are not installed there are left out. A part alone (`python -m benchmarks tiles`) replaces its section, so the sections
here were measured one by one, on the same machine. Accuracy takes longer and has runs of its own: `python -m benchmarks
recipes`, `python -m benchmarks volumes --data DIR`, `python -m benchmarks strokes --data DIR`.

The contestants of a table take turns. Times are medians of processor time on one thread, so other programs do not
count; where a table says so, of time on the clock in processes of their own. On another machine expect other times, but
similar ratios. Compiling (once per installation, some seconds) is not counted.

{machine}
"""


def main() -> int:
    """Run the chosen comparisons."""
    if sys.argv[1:2] == ["paper"]:  # takes hours, resumes, and has a page of its own
        return int(importlib.import_module("benchmarks.paper").main(sys.argv[2:]))
    if sys.argv[1:2] == ["strokes"] and "--data" in sys.argv:  # takes hours, resumes, and then makes the page
        if failed := importlib.import_module("benchmarks.strokes.__main__").main(sys.argv[2:]):
            return int(failed)
        del sys.argv[2:]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Compare speed and exactness.")
    parser.add_argument("part", nargs="*", help=f"{', '.join(SPEED)}: all of these if none is given; or {ACCURACY[-1]}")
    parser.add_argument("--data", type=Path, help="folder of the sets of images, for volumes")
    parser.add_argument("--print", action="store_true", help="print only, leave the page alone")
    asked = parser.parse_args()
    chosen = asked.part or SPEED
    if unknown := [name for name in chosen if name not in SPEED + ACCURACY]:
        parser.error(f"There is no part {unknown[0]}; choose of {', '.join(SPEED + ACCURACY)}.")
    if "volumes" in chosen and asked.data is None:
        parser.error("Volumes need the folder of the sets of images; give it with --data.")
    # Before any part loads NumPy or torch: every contestant has one thread.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = "1"
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it would ask the network
    warnings.simplefilter("ignore")  # of the peers
    for name in chosen:
        print(f"== {name}", flush=True)
        section = _measure(name, asked.data)
        if not asked.print:  # at once: what comes later may fail
            page = PAGE.read_text()
            found = sections(page) | {name: section}
            PAGE.write_text(compose(INTRODUCTION.format(machine=machine(PACKAGES, page)), found, SPEED + ACCURACY))
    return 0


def _measure(name: str, data: Path | None) -> str:
    module = importlib.import_module(f"benchmarks.{name}")
    parts = [f"## {(module.__doc__ or name).splitlines()[0].rstrip('.')}"]
    for table in module.tables(data) if name == "volumes" else module.tables():
        parts.append(table.markdown().strip())
        print(parts[-1], flush=True)
    return "\n\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
