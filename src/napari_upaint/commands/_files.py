"""Files and folders of the command line: which there are, which belong together, whether results can be written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from napari_upaint.errors import FileError

# Endings of this program's own results: no input when a folder holds both.
RESULTS = ("_labels", "_scores")


def expand(paths: Sequence[Path]) -> list[Path]:
    """Return the image files that files and folders stand for; a folder without images is a `FileError`."""
    from napari_upaint.io.images import list_images

    found: list[Path] = []
    for path in paths:
        # A file that is missing is found out when it is read: it does not stop the others.
        found += _without_results(list_images(path)) if path.is_dir() else [path]
    return list(dict.fromkeys(found))


def pair(images: Sequence[Path], labels: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Return (image, labels) pairs: files in the order given; where there are folders, by name.

    By name means: the labels of ``cells.tif`` are called ``cells.*`` or ``cells_*.*`` (``cells_labels.tif``, ...).
    """
    if all(not path.is_dir() for path in (*images, *labels)):
        if len(images) != len(labels):
            raise FileError(f"There are {len(images)} images and {len(labels)} label files; give one for each image.")
        return list(zip(images, labels, strict=True))
    from napari_upaint.io.images import list_images

    label_files = list_images(labels)
    pairs = [(image, match) for image in expand(images) if (match := _partner(image, label_files)) is not None]
    if not pairs:
        raise FileError(
            f"No labels in {labels[0]} go with the images by name;"
            " those of cells.tif are called cells.tif or cells_NAME.tif."
        )
    return pairs


def check_output(path: Path, *, folder: bool = False) -> Path:
    """Return the path of an output if it can be written, before any work is done.

    Parameters
    ----------
    folder : bool
        Whether `path` is a folder of results; it is made if it is missing.

    Raises
    ------
    FileError
        If it cannot be written.
    """
    place = path if folder else path.parent
    if not folder and path.is_dir():
        raise FileError(f"{path} is a folder; give the name of a file.")
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return path
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise FileError(f"Cannot write to {place} ({reason}); choose another folder.") from error


def _without_results(files: Sequence[Path]) -> list[Path]:
    stems = {file.stem for file in files}
    own = {stem + ending for stem in stems for ending in RESULTS}
    return [file for file in files if file.stem not in own]


def _partner(image: Path, labels: Sequence[Path]) -> Path | None:
    """Return the label file of the same name, or the one whose name goes on after ``_`` if it is the only one."""
    from napari_upaint.io.images import plain_name

    same = [file for file in labels if plain_name(file) == plain_name(image) and file != image]
    longer = [file for file in labels if file.stem.startswith(f"{plain_name(image)}_") and file != image]
    return same[0] if same else longer[0] if len(longer) == 1 else None
