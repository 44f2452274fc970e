"""Run the tests of the window in half the time: ``python tests/side_by_side.py [what pytest is given]``.

Without arguments a worker for each core takes file after file, on a display of its own, and then runs alone what
measures time.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent
OTHERS = ("fences", "manifest", "reader", "sample_data", "system_libraries", "writer")
ALONE = ("test_smoothness.py", "test_live_weights.py")
COMPILE = "from napari_upaint.core.compiled import compile_ahead; compile_ahead()"
PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider")
UNDER_XVFB = (sys.executable, str(TESTS / "under_xvfb.py"))
WORKERS = ("-p", "under_xvfb", "--numprocesses", "auto", "--maxprocesses", "4", "--dist", "loadfile")


def main(arguments: list[str]) -> int:
    """Run, return the worst exit code."""
    if arguments:
        return subprocess.call([*UNDER_XVFB, *PYTEST, *arguments])
    subprocess.check_call([sys.executable, "-c", COMPILE])  # once, not in all workers while tests wait for it
    window = list((TESTS / "widgets").glob("test_*.py"))
    shared = [one for one in window if one.name not in ALONE] + [TESTS / f"test_{name}.py" for name in OTHERS]
    paths = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    code = subprocess.call([*PYTEST, *WORKERS, *map(str, shared)], env={**os.environ, "PYTHONPATH": paths})
    alone = [str(one) for one in window if one.name in ALONE]
    return max(code, subprocess.call([*UNDER_XVFB, *PYTEST, *alone]), key=abs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
