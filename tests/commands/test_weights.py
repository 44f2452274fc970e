"""``upaint weights``: the map that the training uses, as a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_upaint.cli import main
from napari_upaint.core.weight_map import weight_map
from napari_upaint.io.images import read_image
from napari_upaint.settings import WeightSettings


def weights(*arguments: object) -> int:
    return main(["weights", *map(str, arguments)])


def test_the_file_holds_the_map_of_the_loss(files: Path) -> None:
    out = files / "maps" / "w.tif"
    assert weights(files / "cells_strokes.tif", "-o", out, "--w0", 7, "--sigma", 3) == 0
    written, painted = read_image(out), read_image(files / "cells_strokes.tif")
    expected = weight_map(
        np.asarray(painted.data), "objects", WeightSettings(w0=7, sigma=3), spacing=painted.plane_spacing
    )
    assert np.allclose(written.data, expected)
    assert not np.asarray(written.data)[np.asarray(painted.data) == 0].any()
    assert written.plane_spacing == pytest.approx((0.5, 0.5))
    assert written.unit == "micrometer"


def test_stacks_slice_by_slice(files: Path, crops: tuple[np.ndarray, ...]) -> None:
    painted = np.stack([crops[1], np.zeros_like(crops[1]), crops[1]])
    tifffile.imwrite(files / "stack.tif", painted, imagej=True, metadata={"axes": "ZYX"})
    assert weights(files / "stack.tif", "-o", files / "w.tif") == 0
    written = read_image(files / "w.tif")
    assert written.axes == "ZYX"
    assert np.array_equal(np.asarray(written.data)[0], np.asarray(written.data)[2])
    assert not np.asarray(written.data)[1].any()


@pytest.mark.parametrize(
    "what", ["nothing painted", "no file", "text", "folder for a file", "wrong sigma", "too many classes"]
)
def test_bad_input(what: str, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels, out, more = files / "labels.tif", files / "maps" / "w.tif", list[str]()
    tifffile.imwrite(labels, np.zeros((9, 9), np.uint8))
    if what == "no file":
        labels.unlink()
    elif what == "text":
        labels.write_text("paint")
    elif what == "folder for a file":
        labels, out = files / "cells_strokes.tif", files
    elif what == "wrong sigma":
        labels, more = files / "cells_strokes.tif", ["--sigma", "0"]
    elif what == "too many classes":
        tifffile.imwrite(labels, np.full((9, 9), 34, np.uint8))
        more = ["--classes"]
    assert weights(labels, "-o", out, *more) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (files / "maps").exists()


def test_a_weight_map_is_called_what_it_is(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert weights(files / "cells_strokes.tif", "-o", files / "w") == 0
    assert (files / "w.tif").is_file()
    assert not (files / "w").exists()
    capsys.readouterr()
    assert weights(files / "cells_strokes.tif", "-o", files / "w.png") == 2
    assert "ends in .png, but weight maps are .tif files" in capsys.readouterr().err
    assert not (files / "w.png").exists()
