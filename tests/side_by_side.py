"""Run the tests of the window in half the time: ``python tests/side_by_side.py [what pytest is given]``.

Without arguments, one worker per core (four at most) takes its share of the tests, on a display of its own, and takes
from the others when it is done; tests that measure time run alone afterwards.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent
OTHERS = ("fences", "manifest", "reader", "sample_data", "system_libraries", "writer")
WINDOW = "tests/widgets"
ALONE = ("test_smoothness.py", "test_live_weights.py::test_painting_on_a_large_image_stays_quick")
COMPILE = "from napari_upaint.core.compiled import compile_ahead; compile_ahead()"
PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider")
UNDER_XVFB = (sys.executable, str(TESTS / "under_xvfb.py"))
WORKERS = ("-p", "under_xvfb", "--numprocesses", "auto", "--maxprocesses", "4", "--dist", "worksteal")


def main(arguments: list[str]) -> int:
    """Run the tests; return the worst exit code."""
    if arguments:
        return subprocess.call([*UNDER_XVFB, *PYTEST, *arguments])
    subprocess.check_call([sys.executable, "-c", COMPILE])  # once, not in all workers while tests wait for it
    alone = [f"{WINDOW}/{one}" for one in ALONE]
    shared = [WINDOW, *(f"tests/test_{name}.py" for name in OTHERS), *(f"--deselect={one}" for one in alone)]
    paths = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": paths}
    code = subprocess.call([*PYTEST, *WORKERS, *shared], env=environment, cwd=TESTS.parent)
    return max(code, subprocess.call([*UNDER_XVFB, *PYTEST, *alone], cwd=TESTS.parent), key=abs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
