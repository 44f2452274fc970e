"""The sets of images, none learnt from by a bundled model: which are painted, which are scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from napari_upaint.core.objects import class_parts
from napari_upaint.core.usual_object import UNKNOWN, smallest_object
from napari_upaint.settings import Kind, ObjectSettings

# px: larger images are cut to their middle, for every contender, so that a run takes hours, not days.
MOST = 768
# px: if nothing is known of the objects, smaller ones are left out of what contenders find. They are also left out of a
# truth whose objects are connected parts of a drawn mask, as slips of the pen (56 of 59 parts of a white blood cell).
SMALLEST = smallest_object(ObjectSettings(), UNKNOWN)


@dataclass(frozen=True)
class BenchSet:
    """One set.

    Attributes
    ----------
    name : str
        Name of its folder, which holds `images` and `labels`.
    what, publisher : str
        What it shows; who published it.
    train, test : tuple of str
        Names of the images to paint, in turn with each seed, and of those to score, without extension; half a slice of
        a volume is `NAME@SLICE<` (left) or `NAME@SLICE>` (right).
    truth : str
        How the label image is read: "instances", "components" of what is not 0, "gaps" (components of what is 0),
        "classes".
    labels : str
        Ending of the label image's name, before its extension.
    """

    name: str
    what: str
    publisher: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    truth: Literal["instances", "components", "gaps", "classes"] = "instances"
    labels: str = ""

    @property
    def kind(self) -> Kind:
        """What is painted."""
        return "classes" if self.truth == "classes" else "objects"


SETS = (
    BenchSet(
        "isbi2012_em",
        "neurites between membranes, ssTEM",
        "ISBI 2012 challenge; Cardona et al. 2010",
        ("05", "15"),
        ("24", "27", "29"),
        "gaps",
    ),
    BenchSet(
        "coelho_u2os",
        "nuclei, fluorescence",
        "Coelho, Shariff, Murphy 2009",
        ("dna-0", "dna-24"),
        ("dna-12", "dna-33", "dna-45"),
    ),
    BenchSet(
        "bact_trpL", "bacteria, phase contrast", "van Vliet et al. 2018", ("t013", "t011"), ("t015", "t017", "t019")
    ),
    BenchSet(
        "bbbc003_dic_embryo",
        "mouse embryos, DIC",
        "Broad Bioimage Benchmark Collection, BBBC003",
        ("7_19_M1E18", "7_19_M2E13"),
        ("7_19_M1E6", "7_19_M2E10", "7_19_M2E5"),
        "components",
    ),
    BenchSet(
        "bbbc009_dic_rbc",
        "red blood cells, DIC",
        "Broad Bioimage Benchmark Collection, BBBC009",
        ("48hr-001-DIC", "6hr-001-DIC"),
        ("48hr-003-DIC", "6hr-002-DIC", "6hr-007-DIC"),
    ),
    BenchSet(
        "usiigaci_val",
        "adherent cells, phase contrast",
        "Usiigaci, Tsai et al. 2019",
        ("val_set46", "val_set48"),
        ("val_set47", "val_set49", "val_set50"),
    ),
    BenchSet(
        "epfl6",
        "mitochondria, FIB-SEM of mouse hippocampus",
        "EPFL CVLab",
        ("training0000", "training0120"),
        ("testing0000", "testing0162"),
        "components",
        "_mito",
    ),
    BenchSet(
        "tcga_lgg_he",
        "nuclei, stained glioma (colour)",
        "TCGA images, annotated by third parties",
        ("TCGA-DB-5270-R01", "TCGA-DU-8165-R01"),
        ("TCGA-DB-5275-R01", "TCGA-DU-5847-R01", "TCGA-FG-A4MU-R01"),
    ),
    BenchSet(
        "gbm40_he",
        "nuclei, stained glioblastoma (colour)",
        "TCGA images, annotated by third parties",
        ("01", "21"),
        ("09", "25", "37"),
    ),
    BenchSet(
        "wbc_dataset2",
        "plasma and nuclei of white blood cells, stained smear (colour), classes",
        "Zheng et al. 2018",
        ("003", "006"),
        ("027", "048", "075"),
        "classes",
    ),
    BenchSet(
        "cells3d_nuclei",
        "nuclei, fluorescence, slices (left half painted, right half scored)",
        "Allen Institute for Cell Science; ships with scikit-image's data",
        ("cells3d_nuclei@32<", "cells3d_nuclei@26<"),
        ("cells3d_nuclei@26>", "cells3d_nuclei@32>", "cells3d_nuclei@38>"),
    ),
)


def find_set(name: str) -> BenchSet:
    """Return a set by name."""
    return next(one for one in SETS if one.name == name)


def read(data: Path, one: BenchSet, image: str) -> tuple[np.ndarray, np.ndarray]:
    """Read an image (C, Y, X) and its truth (Y, X), int32: 0 background, objects or classes from 1."""
    from skimage.io import imread

    name, _, part = image.partition("@")
    pixels, labels = (imread(_file(data / one.name / folder, name + end)) for folder, end in _folders(one))
    if part:
        pixels, labels = (_part(array, int(part[:-1]), part[-1]) for array in (pixels, labels))
    pixels = np.moveaxis(pixels[..., :3], -1, 0) if pixels.ndim == 3 else pixels[None]
    window = _middle(labels.shape)
    return np.ascontiguousarray(pixels[(slice(None), *window)]), _truth(labels, one)[window]


def _folders(one: BenchSet) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("images", ""), ("labels", one.labels)


def _file(folder: Path, stem: str) -> Path:
    found = [path for path in sorted(folder.glob("*")) if path.stem == stem]
    if not found:
        raise FileNotFoundError(f"There is no image {stem} in {folder}.")
    return found[0]


def _part(volume: np.ndarray, number: int, side: str) -> np.ndarray:
    """Return half a slice of a volume: the half that is scored is not painted in any slice."""
    half = volume.shape[-1] // 2
    return np.asarray(volume[number][:, :half] if side == "<" else volume[number][:, half:])


def _middle(shape: Sequence[int]) -> tuple[slice, ...]:
    return tuple(slice(max(0, (n - MOST) // 2), max(0, (n - MOST) // 2) + MOST) for n in shape)


def _truth(labels: np.ndarray, one: BenchSet) -> np.ndarray:
    if one.truth == "instances":
        return labels.astype(np.int32)
    drawn = {"components": labels != 0, "gaps": labels == 0, "classes": labels}[one.truth]
    parts = class_parts(drawn)
    kept = np.bincount(parts.ravel())[parts] >= SMALLEST
    return np.where(kept, labels if one.truth == "classes" else parts, 0).astype(np.int32)
