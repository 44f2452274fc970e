"""The sample images of the package: small, real, offline, with permissive terms of use."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from napari_upaint.errors import FileError
from napari_upaint.io.images import Image, read_image

# Whole images of the training sets that the samples were cut from: no bundled model may have seen them.
HELD_OUT = {
    "dsb2018_train": frozenset(
        {
            "a891bbc89143bca7a717386144eb061ec2d599cba24681389bcb3a2fedb8ff8c",
            "4590d7d47f521df62f3bcb0bf74d1bca861d94ade614d8afc912d1009d607b94",
        }
    ),
    "usiigaci_phc": frozenset({"train_set1"}),
}
# In volumes only these slices (first, end) along Z, with a margin around the part that was cut out.
HELD_OUT_SLICES = {
    "fib25_3d": {"fib25_medulla_250": (0, 20)},
    "gonuclear_3d": {"1135_mini": (56, 100)},
}

# In the order of the menu; sources and terms are in the README.md beside the files.
SAMPLES = ("nuclei_fluorescence", "nuclei_he", "cells_phase", "membranes_em", "nuclei_3d")


@dataclass(frozen=True, slots=True, eq=False)
class PackageSample:
    """A sample of the package.

    Attributes
    ----------
    image : Image
        The image as read from its file.
    strokes : numpy.ndarray or None
        Annotation, uint16, axes ([Z,] Y, X): 0 unlabelled, 1 background, from 2 up one id per object.
    truth : numpy.ndarray or None
        Ground truth, uint16, axes ([Z,] Y, X): 0 background, from 1 up one id per object.
    """

    image: Image
    strokes: np.ndarray | None
    truth: np.ndarray | None


def open_sample(name: str) -> PackageSample:
    """Read a sample of the package.

    Raises
    ------
    FileError
        If there is no sample with that name.
    """
    if name not in SAMPLES:
        raise FileError(f"There is no sample {name!r}; choose one of {', '.join(SAMPLES)}.")
    folder = Path(str(files("napari_upaint") / "samples"))
    return PackageSample(
        image=read_image(folder / f"{name}.tif"),
        strokes=_labels(folder / f"{name}_strokes.tif"),
        truth=_labels(folder / f"{name}_truth.tif"),
    )


def _labels(path: Path) -> np.ndarray | None:
    return np.asarray(read_image(path).data) if path.is_file() else None
