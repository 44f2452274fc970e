"""Run a command on a display of its own: ``python tests/under_xvfb.py COMMAND ...``.

A display without a screen (Xvfb) keeps the windows of tests off the developer's desktop and gives every machine the
same size and the same software OpenGL. Outside Linux the command runs as it is. As a plug-in of pytest
(``-p under_xvfb``) it gives each worker of xdist such a display.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

SCREEN = "1600x1200x24"


@contextmanager
def own_display() -> Iterator[dict[str, str]]:
    """Start Xvfb on a free display number; yield the environment for programs that open windows there; end Xvfb."""
    if not sys.platform.startswith("linux"):
        yield dict(os.environ)
        return
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
            sys.exit(f"Xvfb ended with exit code {server.wait()} instead of giving a display.")
        environment = {**os.environ, "DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb"}
        environment.pop("WAYLAND_DISPLAY", None)
        yield environment
    finally:
        server.terminate()
        server.wait()


def main(command: list[str]) -> int:
    """Run a command on a display of its own; return its exit code."""
    # Being terminated must end the command and Xvfb too, by way of the finally above.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    with own_display() as environment:
        return subprocess.call(command, env=environment)


def pytest_configure(config: pytest.Config) -> None:
    """Open a display for this worker, before anything asks for one."""
    if hasattr(config, "workerinput"):
        kept = ExitStack()
        os.environ.update(kept.enter_context(own_display()))
        os.environ.pop("WAYLAND_DISPLAY", None)
        config.add_cleanup(kept.close)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
