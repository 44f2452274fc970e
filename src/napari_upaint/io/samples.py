"""The sample images of the package: small, real, offline, with permissive terms of use."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from napari_upaint.errors import FileError
from napari_upaint.io.images import Image, read_image

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
