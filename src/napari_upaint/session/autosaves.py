"""Save annotations and corrected results in the user's folder while they are painted, so that nothing is lost.

A file holds the painted rectangle of each plane, compressed: saving costs what was painted, even for a stack too large
to be written every few seconds. Each session writes its own files, so nothing from an older one is ever replaced.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, product
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np

from napari_upaint.core.boxes import Box, box_of
from napari_upaint.engine.memory import available
from napari_upaint.errors import FileError
from napari_upaint.io.atomic import replacing, sweep_unfinished
from napari_upaint.io.file_names import composed, delete, file_name, files_in
from napari_upaint.io.folders import data_folder
from napari_upaint.session.paint_notes import PaintNotes

# This many sessions of an image are kept however old they are, plus all from the last three months: many unrelated
# images are called "Pos0".
_MOST_KEPT = 10
_OLD = 90 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Autosaved:
    """An annotation that was saved while it was painted.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    saved : float
        Time of saving, in seconds since 1970.
    pixels : int
        Painted pixels.
    shape : tuple of int
        Shape of the annotation, axes (..., Y, X).
    dtype : str
        Its data type.
    notes : dict
        What the caller wanted kept with it: anything that JSON can hold.
    """

    path: Path
    saved: float
    pixels: int
    shape: tuple[int, ...]
    dtype: str
    notes: dict[str, Any]


def new_autosave(image: str, shape: Sequence[int]) -> Path:
    """Return a new path for what is painted in this session on an image of this name and shape."""
    return _folder() / f"{_stem(image, shape)} {secrets.token_hex(4)}.npz"


def autosave(annotation: Any, path: Path, notes: dict[str, Any] | None = None) -> bool:
    """Save an annotation to a file of `new_autosave`, atomically.

    Parameters
    ----------
    annotation : array
        Integers, axes (..., Y, X); read plane by plane. It may be painted on meanwhile: paint that is missed is saved
        the next time.
    path : pathlib.Path
        The file; what it held before is replaced.
    notes : dict or None
        Anything that JSON can hold, returned with the annotation.

    Returns
    -------
    bool
        Whether it was saved. An empty annotation never replaces a painted one, and is saved only if regions go with it.

    Raises
    ------
    FileError
        If it cannot be written; what was saved before is left as it was.
    """
    painted = _painted(annotation)
    first = next(painted, None)
    if first is None and not ((notes or {}).get("regions") and _holds_none(path)):
        return False
    pixels, about = 0, {"shape": list(annotation.shape), "dtype": str(annotation.dtype), "notes": notes or {}}
    # Plane by plane: a corrected stack may fill half of the memory.
    with replacing(path) as new, ZipFile(new, "w", ZIP_DEFLATED) as file:
        for key, cut in chain([first] if first is not None else [], painted):
            _add(file, key, cut)
            pixels += int(np.count_nonzero(cut))
        _add(file, "about", np.array(json.dumps(about | {"pixels": pixels})))
    return True


def _holds_none(path: Path) -> bool:
    """Return whether no paint is lost if a file is replaced."""
    try:
        return describe_autosave(path).pixels == 0
    except FileError:
        return not os.path.exists(path)


def _painted(annotation: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the painted rectangle of each plane, with its place."""
    for index in product(*(range(n) for n in annotation.shape[:-2])):
        plane = np.asarray(annotation[index])
        box = box_of(plane != 0)
        if box is not None:
            yield _key(index, box), plane[box].copy()


def _add(file: ZipFile, key: str, array: np.ndarray) -> None:
    """Write an array as `numpy.savez_compressed` does, which wants all of them at once."""
    with file.open(f"{key}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, array, allow_pickle=False)


def autosaved(image: str, shape: Sequence[int]) -> list[Autosaved]:
    """Return what was saved for an image of this name and shape, newest first; damaged files are left out."""
    found = []
    sweep_unfinished(_folder())
    # Found by the digits alone: some disks of Macs spell accents in another way than they were given.
    for path in files_in(_folder(), f"* {_digits(image, shape)} *.npz"):
        with contextlib.suppress(FileError):
            found.append(describe_autosave(path))
    found = [one for one in found if one.shape == tuple(shape)]
    found.sort(key=lambda one: one.saved, reverse=True)
    for old in found[_MOST_KEPT:]:
        if time.time() - old.saved > _OLD:
            discard(old)
    return found


def restore(saved: Autosaved) -> np.ndarray:
    """Return the saved annotation, with the shape and data type that it had.

    Raises
    ------
    FileError
        If its file is gone or damaged, or needs more memory than is free.
    """
    try:
        with saved.path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            _check_room(file.zip.infolist())
            annotation = np.zeros(saved.shape, saved.dtype)
            for key in file.files:
                if key != "about":
                    annotation[_place(key)] = file[key]
    except MemoryError as error:
        raise FileError(f"Cannot read {saved.path} ({error}); close other programs and try again.") from error
    except Exception as error:  # zip, zlib and NumPy each raise their own for a damaged file
        raise FileError(f"Cannot read {saved.path} ({error}); what was painted then is lost.") from error
    return annotation


def is_in(saved: Autosaved, annotation: Any) -> bool:
    """Return whether an annotation of the same shape has all the paint that was saved; only painted boxes are read.

    Also False if the file is gone or damaged.
    """
    try:
        with saved.path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            _check_room(file.zip.infolist())
            boxes = ((file[key], _place(key)) for key in file.files if key != "about")
            return all(bool(((painted == 0) | (np.asarray(annotation[at]) == painted)).all()) for painted, at in boxes)
    except Exception:  # zip, zlib and NumPy each raise their own for a damaged file
        return False


def is_here(saved: Autosaved, annotation: Any, notes: PaintNotes) -> bool:
    """Return whether labels of that shape, with their notes, have all that was saved: a project may have brought it.

    Also False if the file is gone or damaged.
    """
    about = PaintNotes.read(saved.notes)
    if about.corrected != notes.corrected:
        return False
    if about.corrected and np.count_nonzero(annotation) != saved.pixels:
        return False  # what was erased on a result is a correction, too
    return set(about.regions) <= set(notes.regions) and is_in(saved, annotation)


def discard(saved: Autosaved) -> None:
    """Delete a saved annotation for good, unless another window has saved more into its file since it was looked at."""
    with contextlib.suppress(OSError):
        if saved.path.stat().st_mtime == saved.saved:
            delete(saved.path)


def _folder() -> Path:
    return data_folder() / "annotations"


def _stem(image: str, shape: Sequence[int]) -> str:
    return f"{file_name(Path(composed(image)).name, 'annotation')} {_digits(image, shape)}"


def _digits(image: str, shape: Sequence[int]) -> str:
    """Return digits of a name and a shape: they also differ if names do so only in what file names cannot hold."""
    named = f"{composed(image)} {tuple(int(n) for n in shape)}".encode(errors="surrogatepass")
    return hashlib.sha256(named).hexdigest()[:8]


def describe_autosave(path: Path) -> Autosaved:
    """Return what a file written by `autosave` says about itself; `FileError` if it is not one."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            _check_room([file.zip.getinfo("about.npy")])
            about = json.loads(str(file["about"]))
        shape, notes = tuple(int(n) for n in about["shape"]), dict(about["notes"])
        if np.dtype(dtype := str(about["dtype"])).kind not in "bui":
            raise ValueError(f"labels are integers, not {dtype}")
        return Autosaved(path, path.stat().st_mtime, int(about["pixels"]), shape, dtype, notes)
    except Exception as error:
        raise FileError(f"{path} is not a saved annotation ({error}).") from error


def _check_room(members: Iterable[ZipInfo]) -> None:
    """Refuse parts of a file that would fill the memory: a project may be somebody else's, and zeros take no room."""
    needed, free = sum(one.file_size for one in members), available()
    if free is not None and needed > free:
        raise MemoryError(f"it needs {needed / 2**30:.1f} GB of memory, and {free / 2**30:.1f} GB are free")


def _key(index: tuple[int, ...], box: Box) -> str:
    return " ".join(map(str, (*index, box[0].start, box[0].stop, box[1].start, box[1].stop)))


def _place(key: str) -> tuple[int | slice, ...]:
    numbers = [int(number) for number in key.split()]
    top, bottom, left, right = numbers[-4:]
    return (*numbers[:-4], slice(top, bottom), slice(left, right))
