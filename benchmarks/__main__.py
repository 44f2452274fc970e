"""Run the comparisons, print their tables and write them to docs/benchmarks.md.

``python -m benchmarks`` runs everything, ``python -m benchmarks deformation`` a part, which is printed only.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import sys
import warnings
from pathlib import Path

import benchmarks
from benchmarks.timing import machine

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
PACKAGES = (
    *("numpy", "scipy", "numba", "torch", "scikit-image", "elasticdeform", "batchgenerators", "albumentations"),
    *("opencv-python-headless", "monai", "kornia", "stardist", "py-ctcmetrics"),
)
INTRODUCTION = """# Benchmarks

Measured with `python -m benchmarks`, which `tox -e benchmarks` runs in an environment of its own; peers that are not
installed there are left out. All contestants of a table run in one process, on one thread unless the table says
otherwise, in turns; times are medians of processor time, which does not count what other programs do meanwhile. Ratios
travel better to other machines than times do. Compiling (once per installation, some seconds) is not counted.

{machine}
"""


def main() -> int:
    """Run the chosen comparisons."""
    names = sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    parts = [name for name in names if name not in ("__main__", "apart", "timing")]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Compare speed and exactness.")
    parser.add_argument("part", nargs="*", choices=[[], *parts], help="what to compare; everything if not given")
    chosen = parser.parse_args().part or parts
    # Before any part loads NumPy or torch: every contestant has one thread.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = "1"
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it would ask the network
    warnings.simplefilter("ignore")  # of the peers
    pages = [INTRODUCTION.format(machine=machine(PACKAGES))]
    for name in chosen:
        print(f"== {name}", flush=True)
        module = importlib.import_module(f"benchmarks.{name}")
        heading = (module.__doc__ or name).splitlines()[0].rstrip(".")
        pages.append(f"## {heading}\n")
        for table in module.tables():
            pages.append(table.markdown())
            print(pages[-1], flush=True)
    if chosen == parts:
        PAGE.write_text("\n".join(pages))
        print(f"Wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
