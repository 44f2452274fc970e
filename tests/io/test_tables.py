"""A table comes back as it was, with numbers that people can read, or is not written at all."""

import csv

import numpy as np
import pytest

from napari_upaint.errors import FileError
from napari_upaint.io.tables import write_table


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_numbers_and_words_come_back(tmp_path):
    table = {
        "image": ["a, b.tif", 'µ"m.tif', ""],
        "label": np.array([1, 2, 2**40]),
        "x_um": np.array([0.1 + 0.2, 1e-7, 3]),
    }
    path = write_table(table, tmp_path / "t.csv")
    head, *body = rows(path)
    assert head == ["image", "label", "x_um"]
    assert body == [["a, b.tif", "1", "0.3"], ['µ"m.tif', "2", "1e-07"], ["", str(2**40), "3"]]
    values = np.random.default_rng(0).normal(size=20).astype(np.float32)
    found = rows(write_table({"v": values}, path))[1:]
    np.testing.assert_array_equal(np.array([one[0] for one in found], np.float32), values)


def test_a_name_without_an_ending_gets_one_and_a_table_without_rows_has_a_head(tmp_path):
    assert write_table({"label": [], "area_px2": np.zeros(0)}, tmp_path / "t") == tmp_path / "t.csv"
    assert rows(tmp_path / "t.csv") == [["label", "area_px2"]]


def test_a_table_that_cannot_be_written_leaves_the_one_before(tmp_path):
    path = write_table({"label": [1]}, tmp_path / "t.csv")
    with pytest.raises(ValueError, match="shorter"):
        write_table({"label": [1, 2], "x": [1]}, path)
    assert rows(path) == [["label"], ["1"]]
    assert [one.name for one in tmp_path.iterdir()] == ["t.csv"]
    with pytest.raises(FileError, match="Cannot write"):
        write_table({"label": [1]}, path / "below.csv")
