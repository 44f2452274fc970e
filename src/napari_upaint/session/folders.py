"""Where U-Paint keeps logs, beside the folders of `napari_upaint.io.folders`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from napari_upaint.io.folders import VARIABLE, data_folder
from napari_upaint.io.preferences import from_environment


def log_folder() -> Path:
    """Return the folder for logs of the engine process (it need not exist yet)."""
    if os.environ.get(VARIABLE) or sys.platform == "win32":
        return data_folder() / "logs"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Logs" / "napari-upaint"
    return from_environment("XDG_STATE_HOME", Path.home() / ".local" / "state") / "napari-upaint" / "log"
