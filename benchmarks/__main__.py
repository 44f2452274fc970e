"""Run the comparisons, print their tables and write them to docs/benchmarks.md.

``python -m benchmarks`` measures everything about speed, ``python -m benchmarks deformation`` one part.
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
# In the order of the page. Accuracy takes hours: it is measured only if named; otherwise its sections stay as they are.
SPEED = ("deformation", "weight_map", "metrics", "network", "training_step", "tiles", "tiles_wide", "tiles_busy")
SPEED += ("sliding_window",)
ACCURACY = ("strokes", "volumes", "recipes")
INTRODUCTION = """# Benchmarks

How fast the program is, and how good its results are, compared with other programs. For accuracy after a few strokes,
see [Strokes](#strokes-accuracy-against-wall-clock-time-after-a-few-strokes-compared-with-pixel-classifiers).

Speed is measured by `python -m benchmarks`, which `tox -e benchmarks` runs in its own environment. Packages that are
not installed there are left out. Measuring one part (`python -m benchmarks tiles`) replaces only its section: the
sections here were measured one at a time, on the same machine. Accuracy takes longer and is measured separately:
`python -m benchmarks recipes`, `python -m benchmarks volumes --data DIR`, `python -m benchmarks strokes --data DIR`.

The contestants of a table take turns. Times are medians of processor time on one thread, so other programs on the
machine do not count; where a table says so, they are medians of wall-clock time, each contestant in its own process. On
another machine, expect other times but similar ratios. Compilation (once per installation, a few seconds) is not
counted.

{machine}
"""


def main() -> int:
    """Run the chosen comparisons."""
    if sys.argv[1:2] == ["paper"]:  # takes hours, can be resumed, and has its own page
        return int(importlib.import_module("benchmarks.paper").main(sys.argv[2:]))
    if sys.argv[1:2] == ["strokes"] and "--data" in sys.argv:  # takes hours, can be resumed, then writes the page
        if failed := importlib.import_module("benchmarks.strokes.__main__").main(sys.argv[2:]):
            return int(failed)
        del sys.argv[2:]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Compare speed and exactness.")
    parser.add_argument(
        "part", nargs="*", help=f"{', '.join(SPEED)} (all of these if none is given); or {', '.join(ACCURACY)}"
    )
    parser.add_argument("--data", type=Path, help="folder of the sets of images, for volumes")
    parser.add_argument("--print", action="store_true", help="print only, leave the page alone")
    asked = parser.parse_args()
    chosen = asked.part or SPEED
    if unknown := [name for name in chosen if name not in SPEED + ACCURACY]:
        parser.error(f"There is no part {unknown[0]}; choose one of {', '.join(SPEED + ACCURACY)}.")
    if "volumes" in chosen and asked.data is None:
        parser.error("Volumes need the folder of the sets of images; give it with --data.")
    # One thread for every contestant; set before any part loads NumPy or torch.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = "1"
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # otherwise it looks for updates on the internet
    warnings.simplefilter("ignore")  # those of the peers
    for name in chosen:
        print(f"== {name}", flush=True)
        section = _measure(name, asked.data)
        if not asked.print:  # written part by part, since a later part may fail
            page = PAGE.read_text("utf-8")
            found = sections(page) | {name: section}
            introduction = INTRODUCTION.format(machine=machine(PACKAGES, page))
            PAGE.write_text(compose(introduction, found, SPEED + ACCURACY), "utf-8")
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
