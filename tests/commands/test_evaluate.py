"""``upaint evaluate``: measures of a result against a ground truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_upaint.cli import main
from napari_upaint.commands.evaluate import compare


def evaluate(*arguments: object) -> int:
    return main(["evaluate", *map(str, arguments)])


def _rows(text: str) -> dict[str, list[float]]:
    return {line.split()[0]: [float(cell) for cell in line.split()[1:]] for line in text.splitlines()[2:]}


def test_a_perfect_result(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(files / "truth" / "cells.tif", files / "truth" / "cells.tif") == 0
    assert _rows(capsys.readouterr().out) == {"cells.tif": [1, 1, 1, 1]}


def test_merged_objects_cost_f1_and_not_iou(crops: tuple[np.ndarray, ...]) -> None:
    truth = crops[2][None]
    merged = (truth > 0).astype(np.int32)
    found = compare(merged, truth)
    assert found["IoU"] == 1
    assert found["F1"] < 0.5
    assert compare(np.zeros_like(truth), truth) == {"IoU": 0, "F1": 0, "precision": 0, "recall": 0}


def test_slices_are_compared_one_by_one(crops: tuple[np.ndarray, ...]) -> None:
    truth = crops[2]
    ids = truth.max() + 1 - truth.astype(int)
    # Other numbers in each slice, an empty slice in between: still perfect.
    found = compare(np.stack([truth, truth * 0, np.where(truth > 0, ids, 0)]), np.stack([truth, truth * 0, truth]))
    assert found == {"IoU": 1, "F1": 1, "precision": 1, "recall": 1}


def test_classes_one_by_one() -> None:
    truth = np.repeat([[[0, 1, 2, 2]]], 4, axis=1)
    labels = np.repeat([[[0, 1, 1, 2]]], 4, axis=1)
    assert compare(labels, truth, "classes") == {"IoU 1": 0.5, "IoU 2": 0.5}


def test_a_class_that_is_only_in_the_result_counts() -> None:
    truth = np.repeat([[[0, 1, 1, 0]]], 4, axis=1)
    labels = np.repeat([[[0, 1, 1, 3]]], 4, axis=1)
    assert compare(labels, truth, "classes") == {"IoU 1": 1, "IoU 3": 0}


def test_files_need_not_have_the_same_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, classes in (("a", [0, 1, 10]), ("b", [0, 2, 1]), ("c", [0, 0, 0])):
        for folder in ("results", "truth"):
            (tmp_path / folder).mkdir(exist_ok=True)
            image = np.repeat([classes], 3, axis=0).astype(np.uint8)
            image[:, 1] *= folder == "truth" or name == "a"  # b's second column is not found
            tifffile.imwrite(tmp_path / folder / f"{name}.tif", image)
    assert evaluate(tmp_path / "results", tmp_path / "truth", "--classes") == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == "file IoU 1 IoU 2 IoU 10".split()
    assert rows[2:] == [
        ["a.tif", "1.000", "-", "1.000"],
        ["b.tif", "1.000", "0.000", "-"],
        ["c.tif", "-", "-", "-"],
        ["mean", "1.000", "0.000", "1.000"],
    ]


def test_folders_by_name_with_a_mean(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results, truth = files / "results", files / "truth"
    results.mkdir()
    content = (truth / "cells.tif").read_bytes()
    (truth / "more.tif").write_bytes(content)
    (results / "cells_labels.tif").write_bytes(content)
    tifffile.imwrite(results / "more_labels.tif", np.zeros_like(tifffile.imread(truth / "more.tif")))
    assert evaluate(results, truth) == 0
    rows = _rows(capsys.readouterr().out)
    assert rows == {"cells_labels.tif": [1] * 4, "more_labels.tif": [0] * 4, "mean": [0.5] * 4}


def test_other_shapes_are_refused(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tifffile.imwrite(files / "small.tif", np.zeros((9, 9), np.uint8))
    assert evaluate(files / "small.tif", files / "truth" / "cells.tif") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "1 x 9 x 9" in said
