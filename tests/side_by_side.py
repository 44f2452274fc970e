"""Run the tests of the window in half the time: ``python tests/side_by_side.py [what pytest is given]``.

Without arguments two halves run side by side, each on a display of its own, and then alone what measures time.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parent
OTHERS = ("fences", "manifest", "reader", "sample_data", "system_libraries", "writer")
ALONE = ("test_smoothness.py", "test_live_weights.py")
COMPILE = "from napari_upaint.core.compiled import compile_ahead; compile_ahead()"
PYTEST = (sys.executable, str(TESTS / "under_xvfb.py"), sys.executable, "-m", "pytest", "-p", "no:cacheprovider")


def halves(files: list[Path]) -> tuple[list[str], list[str]]:
    """Share files out, the longest first, so that both halves are about as long."""
    shares: tuple[list[str], list[str]] = ([], [])
    sizes = [0, 0]
    for file in sorted(files, key=lambda one: -one.stat().st_size):
        less = sizes.index(min(sizes))
        shares[less].append(str(file))
        sizes[less] += file.stat().st_size
    return shares


def main(arguments: list[str]) -> int:
    """Run, print what each half said when both are done, return the worst exit code."""
    if arguments:
        return subprocess.call([*PYTEST, *arguments])
    subprocess.check_call([sys.executable, "-c", COMPILE])  # once, not in both halves while tests wait for it
    window = list((TESTS / "widgets").glob("test_*.py"))
    alone = [str(one) for one in window if one.name in ALONE]
    shared = [one for one in window if one.name not in ALONE] + [TESTS / f"test_{name}.py" for name in OTHERS]
    with tempfile.TemporaryFile() as first, tempfile.TemporaryFile() as second:
        logs = (first, second)
        both = [
            subprocess.Popen([*PYTEST, *half], stdout=log, stderr=subprocess.STDOUT)
            for half, log in zip(halves(shared), logs, strict=True)
        ]
        codes = [one.wait() for one in both]
        for log in logs:
            log.seek(0)
            print(log.read().decode(errors="replace"), flush=True)
    codes.append(subprocess.call([*PYTEST, *alone]))
    return max(codes, key=abs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
