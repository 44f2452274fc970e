"""Where U-Paint keeps the user's files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from napari_upaint.io.file_names import from_home, home
from napari_upaint.io.preferences import VARIABLE, from_environment, load_preferences


def data_folder() -> Path:
    """Return the folder for models, runs and autosaved annotations (it need not exist yet)."""
    if own := os.environ.get(VARIABLE):
        return from_home(own)
    if preferred := load_preferences().folder:
        return from_home(preferred)
    if sys.platform == "win32":
        return from_environment("LOCALAPPDATA", "AppData", "Local") / "napari-upaint"
    if sys.platform == "darwin":
        return home() / "Library" / "Application Support" / "napari-upaint"
    return from_environment("XDG_DATA_HOME", ".local", "share") / "napari-upaint"


def user_models_folder() -> Path:
    """Return the folder of the user's own models (it need not exist yet)."""
    return data_folder() / "models"


def log_folder() -> Path:
    """Return the folder for logs of the engine process (it need not exist yet)."""
    if os.environ.get(VARIABLE) or sys.platform == "win32":
        return data_folder() / "logs"
    if sys.platform == "darwin":
        return home() / "Library" / "Logs" / "napari-upaint"
    return from_environment("XDG_STATE_HOME", ".local", "state") / "napari-upaint" / "log"
