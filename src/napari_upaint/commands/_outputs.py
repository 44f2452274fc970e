"""Files and folders to write: what results are called, whether they can be written, and what they must not replace."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from napari_upaint.errors import FileError, reason
from napari_upaint.io.file_names import from_home

if TYPE_CHECKING:
    from napari_upaint.io.models import ModelFile

ENDINGS = ("_labels", "_scores")
# Stands between the name of an image and these if the user stopped before its last plane, and after `SOFTWARE` in
# such files: they do not count as results.
STOPPED = "_stopped"
# Our TIFFs name this as the program that made them. Whatever is painted and saved, even a corrected result, is written
# by another program, or by another part of this one, and does not.
SOFTWARE = "upaint"


def output_file(path: Path, what: str, *endings: str, inputs: Sequence[Path]) -> Path:
    """Return the path of a file to write if it can be written: ``~`` expanded, with the first ending if it has none.

    It makes missing folders, so call it last before the work: a mistyped name of an input leaves none behind.

    Parameters
    ----------
    what : str
        Its content in the plural, for messages.
    inputs : sequence of Path
        Files that are read.

    Raises
    ------
    FileError
        If it cannot be written, has another ending, or is a folder or one of the inputs.
    """
    path = from_home(path)
    if not os.path.isdir(path):  # reported below
        path = _with_ending(path, what, endings)
    check_distinct([path], inputs)
    if os.path.isdir(path):
        raise FileError(f"{path} is a folder; give the name of a file.")
    _try_to_write(path.parent, path.name)
    return path


def output_folder(path: Path, names: Sequence[str] = ()) -> Path:
    """Return the path of a folder for results, ``~`` expanded, if files of these names can be written to it.

    Raises
    ------
    FileError
        If they cannot.
    """
    path = from_home(path)
    if os.path.isfile(path):
        raise FileError(f"{path} is a file; give the name of a folder.")
    _try_to_write(path, max(names, key=lambda name: len(os.fsencode(name)), default=""))
    return path


def _with_ending(path: Path, what: str, endings: Sequence[str]) -> Path:
    if not path.suffix:
        return path.with_name(path.name + endings[0])
    if path.suffix.lower() not in endings:
        raise FileError(f"{path.name} ends in {path.suffix}, but {what} are {endings[0]} files; give another name.")
    return path


def _try_to_write(folder: Path, name: str) -> None:
    """Make a folder if it is missing, and for a moment a file in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # As long a name as that wanted, since disks differ in what they allow. It begins with a dot, so that no other
        # process takes it for an image, and eight random letters.
        with tempfile.NamedTemporaryFile(prefix=".", suffix=name[9:], dir=folder):
            return
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise FileError(f"{name} is too long a name for a file in {folder}; choose a shorter one.") from error
        raise FileError(f"Cannot write to {folder} ({reason(error)}); choose another folder.") from error


def check_distinct(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Refuse outputs that would replace an input, whatever name or link it is given by.

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
    """Return the files with the results of an image: labels, and scores if they are wanted."""
    return [folder / f"{name}{ending}.tif" for ending in ENDINGS[: 1 + scores]]


def mark(path: Path) -> list[str]:
    """Return what a file says about the program that made it: a mark and, for results, what they were made from."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            return str(file.pages.first.software).split()
    except Exception:  # a damaged file makes tifffile raise anything at all; whatever it was, it is not ours
        return []


def is_marked(path: Path, *marks: str) -> bool:
    """Return whether a file is a result (with one of these marks, if given) that nobody else has written since."""
    return any(word in (marks or (SOFTWARE, SOFTWARE + STOPPED)) for word in mark(path)[:1])


def check_replaced(results: Sequence[Path]) -> None:
    """Refuse to replace files that are not results of ``upaint segment``, but painted, corrected or from elsewhere.

    Raises
    ------
    FileError
        If there is one.
    """
    for path in results:
        if os.path.exists(path) and not is_marked(path):
            raise FileError(
                f"{path} exists and is not a result of upaint segment, or was changed since; choose another folder, or"
                " add --overwrite to replace such files."
            )


def save_trained(model: ModelFile, path: Path) -> Path:
    """Write a trained model; if that fails, write it elsewhere: a full disk must not cost an hour's work.

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
    """Return what identifies a file, whatever its name; None if there is no file."""
    try:
        found = from_home(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
