"""``upaint evaluate``: measures of a result against a ground truth."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_upaint.cli import main
from napari_upaint.commands.evaluate import compare
from napari_upaint.io.models import load_model, save_model


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


@pytest.mark.parametrize("mask", ["truth", "result"])
def test_a_mask_of_ones_is_no_count_of_objects(
    crops: tuple[np.ndarray, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str], mask: str
) -> None:
    """Its F1 was 0 without a word."""
    for name in ("truth", "result"):
        labels = crops[2].astype(np.uint16)
        tifffile.imwrite(tmp_path / f"{name}.tif", (labels > 0).astype(np.uint16) if name == mask else labels)
    assert evaluate(tmp_path / "result.tif", tmp_path / "truth.tif") == 0
    assert f"Everything in {mask}.tif has number 1" in capsys.readouterr().err
    assert evaluate(tmp_path / f"{mask}.tif", tmp_path / f"{mask}.tif") == 0  # a single class, in both
    assert evaluate(tmp_path / "result.tif", tmp_path / "truth.tif", "--classes") == 0
    assert capsys.readouterr().err == ""


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


def test_a_model_of_classes_is_compared_by_classes(
    files: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = load_model(trained)
    header = replace(model.header, kind="classes")
    save_model(replace(model, header=header), files / "classes.safetensors")
    pair = files / "cells.tif", files / "truth" / "cells.tif"
    for option, head in ((), "IoU 1"), (("--objects",), "F1"):
        assert evaluate(*pair, "--model", files / "classes.safetensors", *option) == 0
        assert head in capsys.readouterr().out.splitlines()[0]


@pytest.fixture
def nothing_segmented(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        pytest.fail("an image was segmented")

    monkeypatch.setattr("napari_upaint.commands._segmenting.segment_image", fail)


def test_planes_in_another_order_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for axes in ("TZYX", "ZTYX"):
        lengths = [{"T": 2, "Z": 3}.get(letter, 9) for letter in axes]
        tifffile.imwrite(tmp_path / f"{axes}.ome.tif", np.ones(lengths, np.uint8), ome=True, metadata={"axes": axes})
    assert evaluate(tmp_path / "TZYX.ome.tif", tmp_path / "ZTYX.ome.tif") == 2
    assert "TZYX.ome.tif has axes TZYX, ZTYX.ome.tif ZTYX" in capsys.readouterr().err


@pytest.mark.usefixtures("nothing_segmented")
@pytest.mark.parametrize("layout", ["plain", "isbi", "ctc"])
def test_what_is_wrong_is_found_before_anything_is_segmented(
    layout: str, files: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tifffile.imread(files / "cells.tif")
    images, truth = files / ("01" if layout == "ctc" else "images"), files / "01_GT" / "SEG"
    images.mkdir()
    truth.mkdir(parents=True)
    names = ("t", "man_seg") if layout == "ctc" else ("", "")
    for at in range(3):
        tifffile.imwrite(images / f"{names[0]}{at:03d}.tif", image)
        tifffile.imwrite(truth / f"{names[1]}{at:03d}.tif", (image > 99)[: 90 if at == 2 else None].astype(np.uint8))
    if layout == "ctc":
        (images / "t002.tif").unlink()
    given = {"plain": [images, truth], "isbi": ["--isbi", images, truth], "ctc": ["--ctc", files]}[layout]
    assert evaluate(*given, "--model", trained) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert ("no t002.tif" if layout == "ctc" else "90 x 160") in said


def test_ctrl_c_ends_it_while_it_computes(
    files: Path, trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def computing(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)
        pytest.fail("it went on")

    monkeypatch.setattr("napari_upaint.commands.evaluate.compare", computing)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # shells turn it off in the background
    try:
        assert evaluate(files / "cells.tif", files / "truth" / "cells.tif", "--model", trained) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == "upaint evaluate: interrupted\n"


@pytest.mark.usefixtures("nothing_segmented")
@pytest.mark.parametrize("command", ["segment", "evaluate"])
def test_a_damaged_model_is_said_once(
    command: str, files: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, bad = load_model(trained), files / "bad.safetensors"
    save_model(replace(model, weights=dict(list(model.weights.items())[1:])), bad)
    rest = ["-o", files / "out"] if command == "segment" else [files / "truth" / "cells.tif"]
    assert main([command, *map(str, ["--model", bad, files / "cells.tif", *rest])]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "the file is damaged" in said


def test_images_beside_their_labels_are_no_ground_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As in a folder of Cellpose: results were compared with gray values."""
    image = np.random.default_rng(0).integers(0, 9, (20, 30)).astype(np.uint8)
    for name in ("truth/a.tif", "truth/a_masks.tif", "results/a_labels.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / name, image)
    assert evaluate(tmp_path / "results", tmp_path / "truth") == 2
    said = capsys.readouterr()
    assert "truth holds images beside their labels: a_masks.tif; name a folder of labels alone" in said.err
    assert not said.out
    (tmp_path / "truth" / "a_masks.tif").unlink()
    assert evaluate(tmp_path / "results", tmp_path / "truth") == 0
