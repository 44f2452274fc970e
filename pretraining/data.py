"""Reads the training sets: images with instance labels, and volumes, whole or cut into slices along three axes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage import io as skimage_io

from napari_upaint.core.normalize import measure
from napari_upaint.errors import FileError, ImageError

# Frames of one series look alike: splitting by a hash of the file name would put neighbours into both splits.
SERIES = ("yeast_phase", "yeast_phase_traps", "yeast_brightfield", "chloroplast_em", "coli_brightfield")
HELD_OUT = 0.1  # of the images, for validation
# Whole images that the samples of the package were cut from: no bundled model may have seen them.
SAMPLED = {
    "dsb2018_train": frozenset(
        {
            "a891bbc89143bca7a717386144eb061ec2d599cba24681389bcb3a2fedb8ff8c",
            "4590d7d47f521df62f3bcb0bf74d1bca861d94ade614d8afc912d1009d607b94",
        }
    ),
    "usiigaci_phc": frozenset({"train_set1"}),
}
# In volumes only these slices (first, end) along Z, with a margin around the part that was cut out.
SAMPLED_SLICES = {
    "fib25_3d": {"fib25_medulla_250": (0, 20)},
    "gonuclear_3d": {"1135_mini": (56, 100)},
}


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One plane, or one volume.

    Attributes
    ----------
    image : numpy.ndarray
        float16, (C, [Z,] Y, X), C = 1 or 3, normalised as the plug-in does.
    labels : numpy.ndarray
        int32, ([Z,] Y, X): 0 background, ids from 1, -1 ignored.
    diameter : float
        Median over objects of the square root of their area (cube root of their volume), px; 0 without objects.
    """

    set_name: str
    name: str
    image: np.ndarray
    labels: np.ndarray
    diameter: float


def read_sets(
    root: Path,
    names: list[str],
    excluded: set[str],
    excluded_slices: Mapping[str, Mapping[str, tuple[int, int]]],
    *,
    volumes: bool = False,
) -> tuple[list[Record], list[Record]]:
    """Read all sets; return the training and the validation records.

    Parameters
    ----------
    root : pathlib.Path
        Folder of the sets, each with `images` and `labels`.
    names : list of str
        Sets to read; names that end in `_colour` are part of another set and skipped.
    excluded : set of str
        Stems of files that are left out of both (the samples of the package, kept for its tests).
    excluded_slices : mapping
        Set -> stem -> (first, end): slices along Z that are removed from a volume for the same reason.
    volumes : bool
        Whether volumes stay whole instead of being cut into slices; a part of each is then used for validation.

    Raises
    ------
    FileError
        If a set has no images.
    """
    training: list[Record] = []
    validation: list[Record] = []
    for set_name in (name for name in names if not name.endswith("_colour")):
        folder = root / set_name
        paths = sorted((folder / "images").glob("*"))
        if not paths:
            raise FileError(f"{folder} holds no images; give the folder of the sets with --data.")
        for number, path in enumerate(path for path in paths if path.stem not in excluded):
            held_out = _held_out(set_name, path.stem, number, len(paths))
            cut = excluded_slices.get(set_name, {}).get(path.stem, (0, 0))
            if volumes:
                learnt, judged = _parts(set_name, folder, path, cut)
                training.append(learnt)
                validation.append(judged)
                continue
            (validation if held_out else training).extend(_records(set_name, folder, path, cut))
    return training, validation


def _held_out(set_name: str, stem: str, number: int, count: int) -> bool:
    if count < 4:  # a set of one or two volumes is for training alone
        return False
    if set_name in SERIES:
        return number >= count * (1 - HELD_OUT)
    return int(hashlib.sha256(f"{set_name}/{stem}".encode()).hexdigest(), 16) % 1000 < 1000 * HELD_OUT


def _read(set_name: str, folder: Path, path: Path, cut: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    label_path = next((folder / "labels").glob(f"{path.stem}.*"))
    image = np.asarray(skimage_io.imread(path))
    labels = np.asarray(skimage_io.imread(label_path)).astype(np.int32)
    ignore = folder / "ignore" / path.name
    if ignore.exists():
        labels[np.asarray(skimage_io.imread(ignore)) > 0] = -1
    labels = _instances(set_name, labels)
    if labels.ndim == 3:
        # With a margin of 5 slices, since neighbouring slices are nearly the same.
        image, labels = (
            np.delete(array, slice(max(0, cut[0] - 5), cut[1] + 5 if cut[1] else 0), 0) for array in (image, labels)
        )
    return image, labels


def _parts(set_name: str, folder: Path, path: Path, cut: tuple[int, int]) -> tuple[Record, Record]:
    """Cut a volume along its last axis: four fifths to learn from, one fifth for validation."""
    image, labels = _read(set_name, folder, path, cut)
    at = int(labels.shape[-1] * 0.8)
    first, second = (
        _record(set_name, path.stem, image[None, ..., part], labels[..., part]) for part in (slice(at), slice(at, None))
    )
    return first, second


def _records(set_name: str, folder: Path, path: Path, cut: tuple[int, int]) -> list[Record]:
    image, labels = _read(set_name, folder, path, cut)
    if labels.ndim == 3:
        return [
            _record(set_name, f"{path.stem}-{axis}-{i}", np.take(image, i, axis)[None], np.take(labels, i, axis))
            for axis in range(3)
            for i in range(0, labels.shape[axis], 3)  # neighbouring slices are nearly the same
        ]
    channels = np.moveaxis(image[..., :3], -1, 0) if image.ndim == 3 else image[None]
    if len(channels) == 3 and all(np.array_equal(channels[0], other) for other in channels[1:]):
        channels = channels[:1]
    # Stained tissue is rare among these nuclei, so it counts as a separate set.
    group = f"{set_name}_colour" if set_name == "dsb2018_train" and len(channels) == 3 else set_name
    return [_record(group, path.stem, channels, labels)]


def _instances(set_name: str, labels: np.ndarray) -> np.ndarray:
    if set_name == "axon_sem":  # 1 = myelin, 2 = axon; the insides of the axons are the objects
        return np.asarray(ndimage.label(labels == 2)[0], np.int32)
    if set_name == "tnbc_he":  # painted as foreground; touching nuclei may be merged
        return np.asarray(ndimage.label(labels > 0)[0], np.int32)
    return labels


def _record(set_name: str, name: str, image: np.ndarray, labels: np.ndarray) -> Record:
    try:
        scaled = measure(image, name).apply(image).astype(np.float16)
    except ImageError:  # an empty slice of a volume: worth learning, too
        scaled = np.zeros(image.shape, np.float16)
    areas = np.bincount(labels[labels > 0].ravel())
    areas = areas[areas > 0]
    diameter = float(np.median(areas ** (1 / labels.ndim))) if len(areas) else 0.0
    return Record(set_name, name, scaled, np.ascontiguousarray(labels, np.int32), diameter)
