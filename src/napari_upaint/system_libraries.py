"""Find the system libraries that Qt and OpenGL need on Linux; install missing ones if allowed, else name them.

``python -m napari_upaint.system_libraries [--xvfb]`` does the same from a shell. Python wheels contain everything else;
these few only come from the distribution, and without them Qt aborts with an unhelpful message.
"""

from __future__ import annotations

import argparse
import ctypes.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from napari_upaint.errors import UserError

# Name for the linker -> Debian package. Direct needs of Qt 6 and its xcb plug-in; apt adds what these need in turn.
LIBRARIES = {
    "EGL": "libegl1",
    "GL": "libgl1",
    "dbus-1": "libdbus-1-3",
    "fontconfig": "libfontconfig1",
    "glib-2.0": "libglib2.0-0",
    "xcb-cursor": "libxcb-cursor0",
    "xcb-icccm": "libxcb-icccm4",
    "xcb-image": "libxcb-image0",
    "xcb-keysyms": "libxcb-keysyms1",
    "xcb-render-util": "libxcb-render-util0",
    "xcb-shape": "libxcb-shape0",
    "xkbcommon-x11": "libxkbcommon-x11-0",
}
XVFB = "xvfb"


def has_display() -> bool:
    """Return whether a window can be opened: always outside Linux, else only with an X or Wayland display."""
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def missing_packages(*, xvfb: bool = False) -> list[str]:
    """Return the Debian packages whose libraries are not on this machine; none outside Linux.

    Parameters
    ----------
    xvfb : bool
        Whether Xvfb, a display without a screen, is needed as well.
    """
    if not sys.platform.startswith("linux"):
        return []
    missing = [package for name, package in LIBRARIES.items() if ctypes.util.find_library(name) is None]
    if xvfb and shutil.which("Xvfb") is None:
        missing.append(XVFB)
    return missing


def ensure_system_libraries(*, xvfb: bool = False) -> None:
    """Make sure that everything needed is there; install what is missing if that is allowed.

    Parameters
    ----------
    xvfb : bool
        Whether Xvfb, a display without a screen, is needed as well.

    Raises
    ------
    UserError
        If something is missing that only the user can install; the text says what to type or install.
    """
    missing = missing_packages(xvfb=xvfb)
    if missing and shutil.which("apt-get") and os.geteuid() == 0:
        _install(missing)
        missing = missing_packages(xvfb=xvfb)
    if not missing:
        return
    if shutil.which("apt-get"):
        raise UserError(f"System libraries are missing; type: sudo apt-get install -y {' '.join(missing)}")
    raise UserError(
        f"System libraries are missing ({', '.join(missing)}, as Debian names them);"
        " install them with the package manager of this system."
    )


def _install(packages: Sequence[str]) -> None:
    """Run apt-get; whether it failed is judged afterwards by what is still missing."""
    print(f"Installing system libraries: {' '.join(packages)}", file=sys.stderr, flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
        # apt's output goes to standard error: standard output belongs to the command that called this.
        subprocess.run(["apt-get", *command], check=False, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Check from a shell; exit code 2 and one line on standard error if something is still missing."""
    parser = argparse.ArgumentParser(prog="python -m napari_upaint.system_libraries", description=main.__doc__)
    parser.add_argument("--xvfb", action="store_true", help="also the virtual display that tests without a screen need")
    options = parser.parse_args(arguments)
    try:
        ensure_system_libraries(xvfb=options.xvfb)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
