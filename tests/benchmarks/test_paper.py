"""The paper's experiment, made small: what has been done is not repeated, and the table is next to the paper's."""

from __future__ import annotations

import json

import numpy as np
import pytest
from benchmarks.paper import PUBLISHED, main, read_samples
from scipy import ndimage
from skimage import io as skimage_io


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("images", "labels"):
        (tmp_path / "data" / name).mkdir(parents=True)
    for number in range(30):
        membranes = np.abs(ndimage.gaussian_filter(rng.normal(size=(48, 40)), 4)) < 0.01
        image = np.where(membranes, 60, 160) + rng.integers(0, 40, membranes.shape)
        for name, one in (("images", image), ("labels", membranes)):
            path = tmp_path / "data" / name / f"{number:02d}.png"
            skimage_io.imsave(path, one.astype(np.uint8), check_contrast=False)
    return tmp_path / "data"


def test_membranes_are_background_and_cells_the_class(data):
    (sample,) = read_samples(data, [7])
    membranes = skimage_io.imread(data / "labels" / "07.png") > 0
    assert set(np.unique(sample.annotation)) == {1, 2}
    assert (sample.annotation[membranes] == 1).all()
    assert sample.image.shape == (1, 48, 40)


def test_it_goes_on_where_it_was(data, tmp_path, capsys):
    output = tmp_path / "out"
    asked = ["--data", str(data), "-o", str(output), "--steps", "1", "--width", "1", "--only", "he"]
    assert main(asked) == 0
    table = capsys.readouterr().out
    assert all(row[0] in table for row in PUBLISHED)
    assert "7 rotations averaged" in table
    before = {path.name: path.stat().st_mtime_ns for path in output.iterdir() if path.suffix != ".jsonl"}
    assert set(before) == {"he.safetensors", "he_1.npy", "he_7.npy"}
    (output / "he_7.npy").unlink()  # as if it had been interrupted there
    assert main(asked) == 0
    assert capsys.readouterr().out == table[table.index("###") :]
    after = {path.name: path.stat().st_mtime_ns for path in output.iterdir() if path.suffix != ".jsonl"}
    assert {name for name in after if after[name] != before[name]} == {"he_7.npy"}
    runs = [json.loads(line) for line in (output / "results.jsonl").read_text().splitlines()]
    assert [run["steps"] for run in runs if "steps" in run] == [1]
