"""Where U-Paint keeps its files for this user."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# Set it to keep everything somewhere else, for instance on a larger disk.
VARIABLE = "UPAINT_HOME"


def data_folder() -> Path:
    """Return the folder for runs and autosaved annotations (it need not exist yet)."""
    if home := os.environ.get(VARIABLE):
        return Path(home).expanduser()
    if sys.platform == "win32":
        return _from_environment("LOCALAPPDATA", Path.home() / "AppData" / "Local") / "napari-upaint"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "napari-upaint"
    return _from_environment("XDG_DATA_HOME", Path.home() / ".local" / "share") / "napari-upaint"


def log_folder() -> Path:
    """Return the folder for logs of the engine process (it need not exist yet)."""
    if os.environ.get(VARIABLE) or sys.platform == "win32":
        return data_folder() / "logs"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Logs" / "napari-upaint"
    return _from_environment("XDG_STATE_HOME", Path.home() / ".local" / "state") / "napari-upaint" / "log"


def _from_environment(variable: str, otherwise: Path) -> Path:
    value = os.environ.get(variable, "")
    # The XDG rules: a relative path is to be ignored.
    return Path(value) if os.path.isabs(value) else otherwise
