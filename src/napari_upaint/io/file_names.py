"""Names of files: made of what users call things, without their endings, which there are, whether two are the same."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

MODEL_ENDING = ".safetensors"
PACKAGE_ENDING = ".zip"  # of models for other programs
_DEVICE = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³])\s*(\.|$)", re.IGNORECASE)


def file_name(text: str, otherwise: str, most: int = 60) -> str:
    """Return a text as part of a file name, with what every file system takes; `otherwise` if nothing is left."""
    alphabet = sys.getfilesystemencoding()  # not every system's has all letters
    text = text.encode(alphabet, "replace").decode(alphabet)
    kept = "".join(c if c.isalnum() or c in " ._-" else "_" for c in text)
    # No dots and blanks at the ends: Windows drops them, and a dot in front hides a file.
    name = kept.strip(" .")[:most].strip(" .")
    # What Windows calls its devices, whatever stands behind the dot.
    return (f"_{name}" if _DEVICE.match(name) else name) or otherwise


def plain_name(path: Path) -> str:
    """Return the name of a file without its ending, also without the one of `.ome.tif`."""
    return re.sub(r"\.ome$", "", path.stem, flags=re.IGNORECASE)


def files_in(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a folder whose names match; none where it cannot be looked into: its drive may be away."""
    try:
        return list(folder.glob(pattern))
    except OSError:
        return []


def is_there(path: Path) -> bool:
    """Return whether there is such a file or folder; ``OSError`` where its drive is away.

    From Python 3.14 on the methods of paths say False of a drive that is away, as if its files had been deleted.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    return True


def is_another_file(file: str, other: str) -> bool:
    """Return whether what is known of `other`, "" if nothing, is of another file: one that was moved is the same."""
    if not file or not other or file == other:
        return False
    return os.path.exists(other) and Path(file).resolve() != Path(other).resolve()
