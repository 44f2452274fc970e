"""Files and folders to write: what results are called, whether they can be written, and what they must not replace."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from napari_upaint.errors import FileError
from napari_upaint.io.file_names import MODEL_ENDING, PACKAGE_ENDING

if TYPE_CHECKING:
    from napari_upaint.io.models import ModelFile

ENDINGS = ("_labels", "_scores")
# Between the name of an image and these where the user stopped before its last plane, and behind `SOFTWARE` in such
# files: they are no results that count.
STOPPED = "_stopped"
# Our TIFFs carry this as the program that made them. Whatever is painted and saved, be it a corrected result, is
# written anew by another program, or by another part of this one, and does not.
SOFTWARE = "upaint"


def check_output(path: Path, *, inputs: Sequence[Path] = (), folder: bool = False) -> Path:
    """Return the path of an output, ``~`` spelled out, if it can be written, before any work is done.

    Parameters
    ----------
    inputs : sequence of Path
        Files that are read.
    folder : bool
        Whether `path` is a folder of results; it is made if it is missing.

    Raises
    ------
    FileError
        If it cannot be written, or is one of the inputs.
    """
    path = path.expanduser()
    check_distinct([path], inputs)
    place = path if folder else path.parent
    if not folder and os.path.isdir(path):
        raise FileError(f"{path} is a folder; give the name of a file.")
    if folder and os.path.isfile(path):
        raise FileError(f"{path} is a file; give the name of a folder.")
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return path
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise FileError(f"Cannot write to {place} ({reason}); choose another folder.") from error


def check_distinct(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Refuse outputs that would replace an input, by whatever name or link it is called.

    Raises
    ------
    FileError
        If there is one.
    """
    read = {identity for path in inputs if (identity := _identity(path)) is not None}
    for path in outputs:
        if _identity(path) in read:
            raise FileError(f"{path} is an input and would be replaced; choose another name or folder for the output.")


def result_paths(folder: Path, name: str, *, scores: bool) -> list[Path]:
    """Return the files with the results of an image: labels, and scores where they are wanted."""
    return [folder / f"{name}{ending}.tif" for ending in ENDINGS[: 1 + scores]]


def mark(path: Path) -> list[str]:
    """Return the words that a file has for the program that made it: a mark and, of results, what they are made of."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            return str(file.pages.first.software).split()
    except Exception:  # a damaged file makes tifffile raise anything at all; whatever it was, it is not ours
        return []


def is_marked(path: Path, *marks: str) -> bool:
    """Return whether a file is a result (with these marks alone) that nobody else has written since."""
    return any(word in (marks or (SOFTWARE, SOFTWARE + STOPPED)) for word in mark(path)[:1])


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
                f"{path} exists and is not a result of upaint segment, or was changed since; choose another folder, or"
                " add --overwrite to replace such files."
            )


def model_path(path: Path) -> Path:
    """Return the file of a model, its name completed; another ending than that of models is a `FileError`."""
    return _completed(path, (MODEL_ENDING,), "models")


def tiff_path(path: Path) -> Path:
    """Return the file of a TIFF, its name completed; another ending than those of TIFFs is a `FileError`."""
    return _completed(path, (".tif", ".tiff"), "weight maps")


def package_path(path: Path) -> Path:
    """Return the file of a package, its name completed; another ending is a `FileError`."""
    return _completed(path, (PACKAGE_ENDING,), "packages")


def _completed(path: Path, endings: tuple[str, ...], what: str) -> Path:
    path = path.expanduser()
    if os.path.isdir(path):
        return path  # `check_output` has the words for it
    if not path.suffix:
        return path.with_name(path.name + endings[0])
    if path.suffix.lower() not in endings:
        raise FileError(f"{path.name} ends in {path.suffix}, but {what} are {endings[0]} files; give another name.")
    return path


def save_trained(model: ModelFile, path: Path) -> Path:
    """Write a model that a training has made; where that fails, elsewhere: an hour's work is not lost for a full disk.

    Raises
    ------
    FileError
        If it cannot be written to `path`; the sentence says where the model is instead.
    """
    from napari_upaint.io.folders import user_models_folder
    from napari_upaint.io.models import save_model

    try:
        return save_model(model, path)
    except FileError as error:
        for folder in (user_models_folder(), Path(tempfile.gettempdir())):
            try:
                saved = save_model(model, _unused(folder / path.name))
            except FileError:
                continue
            raise FileError(f"{error} The trained model is in {saved} instead.") from error
        raise


def _unused(path: Path) -> Path:
    """Return the path, with a number in the name if there is such a file."""
    names = (f"{path.stem}{f'_{number}' * (number > 1)}{path.suffix}" for number in count(1))
    return next(free for name in names if not (free := path.with_name(name)).exists())


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what a file is by, whatever it is called; None if there is none."""
    try:
        found = path.expanduser().stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
