"""Find the image files that files and folders on the command line stand for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from napari_upaint.commands._outputs import ENDINGS, STOPPED
from napari_upaint.io.file_names import BY_PRODUCTS, MASKS, PAINTED, from_home, plain_name

_LISTED = 5  # names in a message


def expand(paths: Sequence[Path]) -> list[Path]:
    """Return the image files that files and folders stand for; `FileError` if a folder has none.

    If a folder also holds results or annotations of its images, of this program or others, these are not images.
    """
    from napari_upaint.io.images import list_images

    found: list[Path] = []
    for path in map(from_home, paths):
        # A missing file is noticed when it is read, so it does not stop the others.
        found += _without_results(list_images(path)) if os.path.isdir(path) else [path]
    return list(dict.fromkeys(found))


def listed(files: Sequence[Path]) -> str:
    """Return "a.tif, b.tif"; for many files, only the first ones and how many more there are."""
    names = [file.name for file in files[:_LISTED]]
    more = len(files) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _without_results(files: Sequence[Path]) -> list[Path]:
    parts = [one + ending for one in ("", STOPPED) for ending in ENDINGS]
    own = {plain_name(file).lower() + part for file in files for part in (*parts, PAINTED, *MASKS, *BY_PRODUCTS)}
    return [file for file in files if plain_name(file).lower() not in own]
