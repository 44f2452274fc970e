"""What the user painted is never lost: annotations are saved beside the runs while they are painted."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from napari_upaint.io.folders import data_folder
from napari_upaint.io.image import Image
from napari_upaint.io.write import write_labels


def autosave(
    annotation: np.ndarray, name: str, folder: str | Path | None = None, *, like: Image | None = None
) -> Path | None:
    """Save an annotation as TIFF, replacing the one that was saved under this name before.

    Parameters
    ----------
    annotation : numpy.ndarray
        Integers, axes (..., Y, X). A copy, if it is still being painted: this runs in a thread.
    name : str
        Says which annotation it is: the image's name or path and the layer's name. Any text.
    folder : str, pathlib.Path or None
        A project's folder; None: the user's data folder.
    like : Image or None
        The image that was painted on, for its axes and scale.

    Returns
    -------
    pathlib.Path or None
        The file; None if nothing is painted: an empty layer must not replace what was painted before.

    Raises
    ------
    FileError
        If it cannot be written; the one saved before is left as it was.
    """
    if not annotation.any():
        return None
    return write_labels(autosave_path(name, folder), annotation, like)


def autosave_path(name: str, folder: str | Path | None = None) -> Path:
    """Return where the annotation of this name is saved, whether or not it has been."""
    folder = Path(folder).expanduser() if folder is not None else data_folder() / "annotations"
    kept = "".join(c if c.isalnum() or c in " ._-" else "_" for c in Path(name).name).strip(" .")[:60].strip(" .")
    # Names that differ only in what cannot stand in a file name, or in their folder, must not share a file.
    return folder / f"{kept or 'annotation'} {hashlib.sha256(name.encode()).hexdigest()[:8]}.tif"


def autosaved(folder: str | Path | None = None) -> list[Path]:
    """Return the saved annotations, the newest first."""
    folder = Path(folder).expanduser() if folder is not None else data_folder() / "annotations"
    return sorted(folder.glob("[!.]*.tif"), key=lambda path: path.stat().st_mtime, reverse=True)
