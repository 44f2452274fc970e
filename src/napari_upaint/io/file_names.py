"""Names of files: from users' names of things, without their endings; and what is asked of, or done to, any file."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import unicodedata
from pathlib import Path

from napari_upaint.errors import FileError

MODEL_ENDING = ".safetensors"
PACKAGE_ENDING = ".zip"  # of models for other programs
PAINTED = "_annotation"  # what the tutorial adds to an image's name for the file of its paint
# What other programs (Cellpose, ilastik) add to an image's name: for labels, and for pictures of how they were found.
MASKS = ("_masks", "_mask", "_cp_masks", "_simple segmentation", "_object identities", "_object predictions")
BY_PRODUCTS = ("_flows", "_cellprob", "_outlines", "_cp_output", "_outlines_cp_masks", "_probabilities", "_uncertainty")
_DEVICE = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³])\s*(\.|$)", re.IGNORECASE)


def file_name(text: str, otherwise: str, most: int = 60) -> str:
    """Return a text as part of a file name, in characters that all file systems take; `otherwise` if none are left."""
    alphabet = sys.getfilesystemencoding()  # not every system can encode all letters
    text = text.encode(alphabet, "replace").decode(alphabet)
    kept = "".join(c if c.isalnum() or c in " ._-" else "_" for c in text)
    # No dots or blanks at the ends: Windows drops them, and a dot in front hides a file.
    name = kept.strip(" .")[:most].strip(" .")
    # Names of devices on Windows, whatever follows the dot.
    return (f"_{name}" if _DEVICE.match(name) else name) or otherwise


def from_home(path: str | Path) -> Path:
    """Return a path with ``~`` expanded; one whose ``~`` stands for no home folder, as in "~cells.tif", as it is."""
    return Path(os.path.expanduser(path))


def home() -> Path:
    """Return the user's home folder; `FileError` if the system knows none: for instance in a container."""
    try:
        return Path.home()
    except RuntimeError as error:
        raise FileError(
            "There is no home folder to keep models and settings in; set the environment variable UPAINT_HOME to a"
            " folder for them."
        ) from error


def plain_name(path: Path) -> str:
    """Return the name of a file without its ending, including that of `.ome.tif`."""
    return re.sub(r"\.ome$", "", path.stem, flags=re.IGNORECASE)


def composed(name: str) -> str:
    """Return a name with letters as one character each, to be compared: Macs write an "é" as two."""
    return unicodedata.normalize("NFC", name)


def files_in(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a folder whose names match; none if it cannot be read: its drive may be disconnected."""
    try:
        return list(folder.glob(pattern))
    except OSError:
        return []


def delete(*paths: Path | None) -> None:
    """Delete files, as far as they are there and the system allows it: on Windows, none that another program reads."""
    for path in paths:
        if path is not None:
            with contextlib.suppress(OSError):
                path.unlink()


def is_there(path: Path) -> bool:
    """Return whether a file or folder exists; raise ``OSError`` if its drive is disconnected.

    From Python 3.14 on, the methods of paths return False for a disconnected drive, as if its files had been deleted.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    return True


def absolute(file: str) -> str:
    """Return a path that means the same from any folder; "" and addresses of the web as they are."""
    return file if not file or "://" in file else os.path.abspath(file)


def is_another_file(file: str, other: str) -> bool:
    """Return whether two known paths ("": unknown) are different files; if `other` is gone, it was moved: the same.

    A relative path says nothing: it was noted in a folder that nobody knows any more.
    """
    if not file or not other or file == other or not os.path.isabs(other):
        return False
    return os.path.exists(other) and Path(file).resolve() != Path(other).resolve()
