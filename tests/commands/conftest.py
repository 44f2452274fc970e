"""A small real image with strokes as files, and a model small enough to train in a blink."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_upaint.cli import main
from napari_upaint.io.images import Image, write_image, write_labels
from napari_upaint.io.samples import open_sample

EDGE = 160


@pytest.fixture(scope="session")
def tiny() -> list[str]:
    """Options of a training that takes no time and needs no bundled model."""
    return "--model none --width 4 --depth 2 --steps 2 --scale 1".split()


@pytest.fixture(scope="session")
def crops() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, strokes and truth of the part of a sample with the most paint, 160 x 160."""
    sample = open_sample("nuclei_fluorescence")
    image, strokes, truth = np.asarray(sample.image.data), sample.strokes, sample.truth
    assert strokes is not None
    assert truth is not None
    ends = [range(0, length - EDGE + 1, 16) for length in image.shape]
    y, x = max(
        ((y, x) for y in ends[0] for x in ends[1]),
        key=lambda at: len(np.unique(strokes[at[0] :, at[1] :][:EDGE, :EDGE])),
    )
    part = slice(y, y + EDGE), slice(x, x + EDGE)
    return image[part], strokes[part], truth[part]


@pytest.fixture
def files(tmp_path: Path, crops: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Path:
    """A folder with cells.tif, cells_strokes.tif and truth/cells.tif; pixels of 0.5 um."""
    image, strokes, truth = crops
    like = Image(image, "YX", spacing={"Y": 0.5, "X": 0.5}, unit="micrometer", name="cells")
    write_image(tmp_path / "cells.tif", like)
    write_labels(tmp_path / "cells_strokes.tif", strokes, like)
    write_labels(tmp_path / "truth" / "cells.tif", truth, like)
    return tmp_path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, crops: tuple[np.ndarray, ...], tiny: list[str]) -> Path:
    """A model trained for two steps from scratch."""
    folder = tmp_path_factory.mktemp("trained")
    for name, array in zip(("image", "strokes"), crops, strict=False):
        write_image(folder / f"{name}.tif", Image(array, "YX"))
    arguments = ["train", folder / "image.tif", "--labels", folder / "strokes.tif", "-o", folder / "tiny.safetensors"]
    assert main([*map(str, arguments), *tiny]) == 0
    return folder / "tiny.safetensors"
