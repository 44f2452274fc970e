"""The user's preferences: a small JSON file, so that the command knows them, too."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from napari_upaint.errors import FileError, UserError
from napari_upaint.io.file_names import from_home, home
from napari_upaint.settings import Preferences

# Set it to keep everything elsewhere, for instance on a larger disk; it takes precedence over the preferred folder.
VARIABLE = "UPAINT_HOME"


def preferences_file() -> Path:
    """Return the file of the preferences (it need not exist yet)."""
    if own := os.environ.get(VARIABLE):
        folder = from_home(own)
    elif sys.platform == "win32":
        folder = from_environment("APPDATA", "AppData", "Roaming") / "napari-upaint"
    elif sys.platform == "darwin":
        folder = home() / "Library" / "Preferences" / "napari-upaint"
    else:
        folder = from_environment("XDG_CONFIG_HOME", ".config") / "napari-upaint"
    return folder / "preferences.json"


def load_preferences() -> Preferences:
    """Return the preferences, with defaults for values that are missing, unknown or out of range."""
    try:
        raw = json.loads(preferences_file().read_text("utf-8"))
    except (OSError, ValueError, FileError):
        return Preferences()
    return preferences_from(raw if isinstance(raw, dict) else {})


def preferences_from(raw: dict[str, Any]) -> Preferences:
    """Return preferences made of values from a file or another program, each checked separately."""
    good = Preferences()
    for one in fields(Preferences):
        value: Any = raw.get(one.name)
        if type(value) is type(one.default):
            with contextlib.suppress(UserError):
                changed: dict[str, Any] = {one.name: value}
                good = replace(good, **changed)
    return good


def save_preferences(preferences: Preferences) -> Path:
    """Write the preferences atomically and return their file.

    Raises
    ------
    FileError
        If the file cannot be written.
    """
    from napari_upaint.io.atomic import write_json  # not above: the command only reads preferences, and starts at once

    path = preferences_file()
    write_json(path, asdict(preferences))
    return path


def from_environment(variable: str, *otherwise: str) -> Path:
    """Return the folder that an environment variable names, else one in the user's home.

    A relative one is ignored, as XDG demands.
    """
    value = Path(os.environ.get(variable, ""))
    return value if value.is_absolute() else home().joinpath(*otherwise)
