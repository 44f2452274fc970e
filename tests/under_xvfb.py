"""Run a command on a display of its own: ``python tests/under_xvfb.py COMMAND ...``.

A display without a screen (Xvfb) keeps the windows of tests off the developer's desktop and gives every machine the
same size and the same software OpenGL. Outside Linux the command runs as it is.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

SCREEN = "1600x1200x24"


def main(command: list[str]) -> int:
    """Start Xvfb on a free display number, run the command there, end Xvfb; return the command's exit code."""
    if not sys.platform.startswith("linux"):
        return subprocess.call(command)
    # Being terminated must end the command and Xvfb too, by way of the finally below.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", SCREEN, "-nolisten", "tcp"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as numbers:
            number = numbers.readline().strip()
        if not number:
            print(f"Xvfb ended with exit code {server.wait()} instead of giving a display.", file=sys.stderr)
            return 2
        environment = {**os.environ, "DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb"}
        environment.pop("WAYLAND_DISPLAY", None)
        return subprocess.call(command, env=environment)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
