"""``upaint measure``: one table of the objects of all images."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_upaint.cli import main
from napari_upaint.core.measure import measure
from napari_upaint.io.images import Image, read_image, write_image


def run(*arguments: object) -> int:
    return main(["measure", *map(str, arguments)])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def column(table: list[dict[str, str]], name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in table])


def stack(path: Path, axes: str = "TZYX", spacing: dict[str, float] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Write a movie of volumes and its labels; return both. One volume is empty."""
    rng = np.random.default_rng(0)
    pixels, labels = rng.integers(0, 255, (3, 4, 20, 30), dtype=np.uint8), np.zeros((3, 4, 20, 30), np.uint8)
    labels[0, :2, 3:9, 4:11], labels[2, 1:, 10:18, 20:29], labels[2, 2, :3, :3] = 1, 7, 2
    for name, data in (("", pixels), ("_labels", labels)):
        write_image(path.with_name(f"{path.stem}{name}.tif"), Image(data, axes, spacing or {}, "micrometer"))
    return pixels, labels


def test_a_row_for_each_object_in_units_of_the_file(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(files / "cells.tif", "--labels", files / "truth", "-o", files / "new" / "objects") == 0
    image, truth = (np.asarray(read_image(files / name).data) for name in ("cells.tif", "truth/cells.tif"))
    expected, found = (
        measure(truth, image[None], spacing=(0.5, 0.5), unit="micrometer"),
        rows(files / "new/objects.csv"),
    )
    assert list(found[0]) == ["image", *expected] and "area_um2" in expected
    assert {row["image"] for row in found} == {"cells.tif"}
    for name, values in expected.items():
        np.testing.assert_allclose(column(found, name), values, rtol=1e-8)
    count = len(np.unique(truth)) - 1
    assert capsys.readouterr().out == f"{files / 'new' / 'objects.csv'}: {count} labels in 1 image\n"


def test_planes_and_volumes_of_a_movie(tmp_path: Path) -> None:
    pixels, labels = stack(tmp_path / "movie.tif", spacing={"Z": 2.0, "Y": 0.5, "X": 0.5})
    assert run(tmp_path, "--labels", tmp_path, "-o", tmp_path / "planes.csv") == 0
    found = rows(tmp_path / "planes.csv")
    places = [(int(row["t"]), int(row["z"]), int(row["label"])) for row in found]
    assert places == [(0, 0, 1), (0, 1, 1), (2, 1, 7), (2, 2, 2), (2, 2, 7), (2, 3, 7)]
    means = [pixels[t, z][labels[t, z] == label].mean() for t, z, label in places]
    np.testing.assert_allclose(column(found, "intensity_mean"), means, rtol=1e-8)
    assert run(tmp_path, "--labels", tmp_path, "--volumes", "-o", tmp_path / "volumes.csv") == 0
    found = rows(tmp_path / "volumes.csv")
    assert [(row["t"], row["label"]) for row in found] == [("0", "1"), ("2", "2"), ("2", "7")] and "z" not in found[0]
    assert column(found, "volume_um3").tolist() == [2 * 42 * 0.5, 9 * 0.5, 3 * 72 * 0.5]


def test_images_of_several_kinds_share_a_table(
    files: Path, crops: tuple[np.ndarray, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    image, _, truth = crops
    (files / "lab").mkdir()
    two = Image(np.stack([image, image // 2]), "CYX", channel_names=("DNA", "my actin"))
    write_image(files / "dyes.tif", two)
    tifffile.imwrite(files / "red.tif", np.stack([image.astype(np.uint8)] * 3, -1), photometric="rgb")
    tifffile.imwrite(files / "alone.tif", image)
    for name in ("cells", "dyes", "red"):
        tifffile.imwrite(files / "lab" / f"{name}_labels.tif", truth.astype(np.uint16))
    images = [files / f"{name}.tif" for name in ("cells", "dyes", "red", "alone")]
    assert run(*images, "--labels", files / "lab", "-o", files / "all.csv") == 0
    said, found = capsys.readouterr(), rows(files / "all.csv")
    assert "1 of 4 images has no labels by name and is left out: alone.tif" in said.err
    count = len(np.unique(truth)) - 1
    assert said.out.endswith(f": {3 * count} labels in 3 images\n") and len(found) == 3 * count
    cells, dyes, red = ([row for row in found if row["image"] == f"{name}.tif"] for name in ("cells", "dyes", "red"))
    assert cells[0]["area_um2"] and not cells[0]["area_px2"] and not dyes[0]["area_um2"]
    np.testing.assert_array_equal(column(dyes, "DNA_mean"), column(cells, "intensity_mean"))
    assert (column(dyes, "my_actin_max") <= column(dyes, "DNA_max")).all() and not dyes[0]["intensity_mean"]
    assert column(red, "green_mean").all() and not red[0]["DNA_mean"]


def test_images_of_one_name_are_told_apart(files: Path) -> None:
    for folder in ("a", "b"):
        for name in ("cells.tif", "truth/cells.tif"):
            (files / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (files / folder / name).write_bytes((files / name).read_bytes())
    images, labels = ([files / folder / name for folder in "ab"] for name in ("cells.tif", "truth/cells.tif"))
    assert run(*images, "--labels", *labels, "-o", files / "t.csv") == 0
    assert list(dict.fromkeys(row["image"] for row in rows(files / "t.csv"))) == [str(path) for path in images]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("shape", "truth.tif is 3 x 3 pixels, cells.tif 160 x 160; labels need the shape of their image."),
        ("no labels", "There is no file"),
        ("fractions", "truth.tif holds fractions"),
        ("ending", "objects.xlsx ends in .xlsx, but tables are .csv files"),
        ("no volume", "cells.tif is not a stack along Z (axes YX); leave out --volumes."),
        ("input", "is an input and would be replaced"),
    ],
)
def test_bad_input_leaves_the_table_before(
    what: str, words: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, labels, out, more = files / "cells.tif", files / "truth.tif", files / "objects.csv", list[str]()
    out.write_text("precious")
    labels.write_bytes((files / "truth" / "cells.tif").read_bytes())
    if what == "shape":
        tifffile.imwrite(labels, np.ones((3, 3), np.uint8))
    elif what == "no labels":
        labels.unlink()
    elif what == "fractions":
        tifffile.imwrite(labels, np.full((160, 160), 0.5, np.float32))
    elif what == "ending":
        out = files / "objects.xlsx"
    elif what == "no volume":
        more = ["--volumes"]
    elif what == "input":
        (files / "link.csv").symlink_to(labels)
        out = files / "link.csv"
    assert run(image, "--labels", labels, "-o", out, *more) == 2
    said = capsys.readouterr()
    assert words in said.err and "Traceback" not in said.err and not said.out
    assert (files / "objects.csv").read_text() == "precious" and not list(files.glob("*.xlsx"))
