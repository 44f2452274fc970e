"""Files with results: what they are called, and that no others are replaced by them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_upaint.errors import FileError

ENDINGS = ("_labels", "_scores")
# Between the name of an image and these where the user stopped before its last plane, and behind `SOFTWARE` in such
# files: they are no results that count.
STOPPED = "_stopped"
# Our TIFFs carry this as the program that made them. Whatever is painted and saved, be it a corrected result, is
# written anew by another program, or by another part of this one, and does not.
SOFTWARE = "upaint"


def result_paths(folder: Path, name: str, *, scores: bool) -> list[Path]:
    """Return the files with the results of an image: labels, and scores where they are wanted."""
    return [folder / f"{name}{ending}.tif" for ending in ENDINGS[: 1 + scores]]


def is_marked(path: Path, *marks: str) -> bool:
    """Return whether a file is a result (with these marks alone) that nobody else has written since."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            return file.pages.first.software in (marks or (SOFTWARE, SOFTWARE + STOPPED))
    except Exception:  # a damaged file makes tifffile raise anything at all; whatever it was, it is not ours
        return False


def check_replaced(results: Sequence[Path]) -> None:
    """Refuse to replace files that are no results of ``upaint segment``, but painted, corrected or from elsewhere.

    Raises
    ------
    FileError
        If there is one.
    """
    for path in results:
        if path.exists() and not is_marked(path):
            raise FileError(
                f"{path} exists and is no result of upaint segment, or was changed since; choose another folder, or"
                " add --overwrite to replace such files."
            )
