"""Where U-Paint keeps this user's files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# Set it to keep everything somewhere else, for instance on a larger disk.
VARIABLE = "UPAINT_HOME"


def data_folder() -> Path:
    """Return the folder for models, runs and autosaved annotations (it need not exist yet)."""
    if home := os.environ.get(VARIABLE):
        return Path(home).expanduser()
    if sys.platform == "win32":
        return _from_environment("LOCALAPPDATA", Path.home() / "AppData" / "Local") / "napari-upaint"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "napari-upaint"
    return _from_environment("XDG_DATA_HOME", Path.home() / ".local" / "share") / "napari-upaint"


def user_models_folder() -> Path:
    """Return the folder of the user's own models (it need not exist yet)."""
    return data_folder() / "models"


def _from_environment(variable: str, otherwise: Path) -> Path:
    value = os.environ.get(variable, "")
    # The XDG rules: a relative path is to be ignored.
    return Path(value) if Path(value).is_absolute() else otherwise
