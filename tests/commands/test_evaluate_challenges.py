"""``upaint evaluate --isbi`` and ``--ctc``: folders laid out as the challenges do, scored as they do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from napari_upaint.cli import main
from napari_upaint.core.isbi import isbi_scores
from napari_upaint.core.metrics import seg_score
from napari_upaint.io.images import Image, write_scores


def evaluate(*arguments: object) -> int:
    return main(["evaluate", *map(str, arguments)])


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()[2:]]


def write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, array, photometric="minisblack")


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert evaluate(*arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


@pytest.fixture
def stack() -> tuple[np.ndarray, np.ndarray]:
    """Scores of cells, float32, and truth, bool; (3, 64, 64)."""
    rng = np.random.default_rng(0)
    truth = ndimage.gaussian_filter(rng.normal(size=(3, 64, 64)), (0, 5, 5)) > -0.02
    scores = ndimage.gaussian_filter(truth + rng.normal(0, 1, truth.shape), (0, 1, 1))
    return np.clip(scores, 0, 1).astype(np.float32), truth


def measures(scores: np.ndarray, truth: np.ndarray) -> list[str]:
    best = isbi_scores(scores, truth)
    return [f"{best.warping:.6f}", f"{best.rand:.4f}", f"{best.pixel:.4f}", f"{best.v_rand:.4f}"]


def test_a_stack_of_scores_is_scored_as_the_challenge_does(tmp_path, stack, capsys):
    scores, truth = stack
    write(tmp_path / "scores.tif", scores)
    write(tmp_path / "test-labels.tif", truth * np.uint8(255))
    assert evaluate("--isbi", tmp_path / "scores.tif", tmp_path / "test-labels.tif") == 0
    ((count, word, *found),) = rows(capsys.readouterr().out)
    assert (count, word) == ("3", "slices")
    assert found == measures(scores, truth)
    assert 0 < float(found[1]) < 1


@pytest.mark.parametrize("top", [np.uint8(255), np.uint16(65535)])
def test_folders_of_slices_and_scores_of_membranes(tmp_path, stack, capsys, top):
    scores, truth = stack
    scores = np.round(scores * top).astype(top.dtype)
    for at in (2, 0, 1):  # slice 10 comes after slice 2
        write(tmp_path / "scores" / f"slice{at + 8}.tif", top - scores[at])
        write(tmp_path / "labels" / f"{at + 8}.tif", (~truth[at]).astype(np.uint8))
    options = ("--scores-of", "membranes", "--labels-of", "membranes")
    assert evaluate("--isbi", tmp_path / "scores", tmp_path / "labels", *options) == 0
    # 1 - (1 - x) is not x to the last bit, and a score of 102/255 is exactly the threshold 0.4.
    expected = measures(1 - (top - scores) / np.float32(top), truth)
    assert rows(capsys.readouterr().out)[0][2:] == expected


def test_maps_of_0_and_1_are_those_of_0_and_255(tmp_path, stack, capsys):
    cells, truth = stack[0] > 0.1, stack[1]  # cells run together: without any the measures would be better
    write(tmp_path / "truth.tif", truth.astype(np.uint8))
    for top in (1, 255):
        write(tmp_path / "cells.tif", cells * np.uint8(top))
        assert evaluate("--isbi", tmp_path / "cells.tif", tmp_path / "truth.tif") == 0
        ((_, _, *found),) = rows(capsys.readouterr().out)
        assert found == measures(cells.astype(np.float32), truth)


def test_scores_of_this_program_hold_more_than_cells(tmp_path, stack, capsys):
    scores, truth = stack
    parts = np.stack([0.5 * (1 - scores), scores, 0.5 * (1 - scores)], axis=1)
    like = Image(truth, "ZYX", name="em")
    write_scores(tmp_path / "em_scores.tif", parts.astype(np.float16), like, ("background", "object", "border"))
    write(tmp_path / "labels.tif", truth.astype(np.uint8))
    assert evaluate("--isbi", tmp_path / "em_scores.tif", tmp_path / "labels.tif") == 0
    assert rows(capsys.readouterr().out)[0][2:] == measures(scores.astype(np.float16).astype(np.float32), truth)


def test_with_a_model_the_folder_of_the_challenge_is_enough(tmp_path, files, trained, capsys):
    image = tifffile.imread(files / "cells.tif")
    write(tmp_path / "test-volume.tif", np.stack([image, image]))
    folder, truth = tmp_path / "test-labels", tifffile.imread(files / "truth" / "cells.tif") > 0
    for at in range(2):
        write(folder / f"{at}.tif", truth * np.uint8(255))
    assert evaluate("--isbi", tmp_path, "--model", trained, "--rotations", 2) == 0
    ((count, *_, score),) = rows(capsys.readouterr().out)
    assert count == "2"
    assert 0 <= float(score) <= 1
    assert evaluate("--isbi", tmp_path / "test-volume.tif", folder, "--model", trained, "--rotations", 2) == 0
    assert rows(capsys.readouterr().out)[0][-1] == score


def test_what_is_wrong_with_a_stack_is_said(tmp_path, stack, capsys):
    scores, truth = stack
    write(tmp_path / "scores.tif", scores)
    write(tmp_path / "labels.tif", truth[:2].astype(np.uint8))
    said = refused(capsys, "--isbi", tmp_path / "scores.tif", tmp_path / "labels.tif")
    assert "3 x 64 x 64" in said
    assert "2 x 64 x 64" in said
    write(tmp_path / "test-volume.tif", scores)
    assert "test-labels" in refused(capsys, "--isbi", tmp_path, "--model", "generalist-fast")
    assert "LABELS" in refused(capsys, "--isbi", tmp_path / "scores.tif")
    for wrong in (scores * 7, scores - 1, np.where(truth, np.nan, scores)):
        write(tmp_path / "wrong.tif", wrong)
        assert "0 to 1" in refused(capsys, "--isbi", tmp_path / "wrong.tif", tmp_path / "labels.tif")
    write_scores(tmp_path / "unknown.tif", np.stack([scores] * 2, axis=1), Image(truth, "ZYX"), ("a", "b"))
    assert "2 channels" in refused(capsys, "--isbi", tmp_path / "unknown.tif", tmp_path / "labels.tif")
    assert "no file" in refused(capsys, "--isbi", tmp_path / "none.tif", tmp_path / "labels.tif")


@pytest.fixture
def sequences(tmp_path, crops) -> Path:
    """Two sequences with results that miss, cut, merge and move objects; 02 is a volume, annotated in slices."""
    rng, truth = np.random.default_rng(1), crops[2].astype(np.uint16)
    for frame in (0, 3):
        shown = np.roll(truth, 7 * frame, 1)
        result = np.roll(shown, 2, 0)
        result[rng.random(int(truth.max()) + 1)[result] < 0.3] = 0
        result[:, 80:][result[:, 80:] > 0] += 100
        write(tmp_path / "01_GT" / "SEG" / f"man_seg{frame:03d}.tif", shown)
        write(tmp_path / "01_RES" / f"mask{frame:03d}.tif", result)
    volume = np.stack([np.roll(truth, 3 * z, 0) for z in range(4)])
    for z in (1, 2):
        write(tmp_path / "02_GT" / "SEG" / f"man_seg_005_{z:03d}.tif", np.roll(volume[z], 4, 1))
    write(tmp_path / "02_RES" / "mask005.tif", volume)
    write(tmp_path / "02_GT" / "SEG" / "man_seg006.tif", volume[:, :50])
    write(tmp_path / "02_RES" / "mask006.tif", np.roll(volume[:, :50], 3, 2))
    return tmp_path


def pairs(folder: Path, sequence: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """References and results of a sequence, found in another way than the command does."""
    found = []
    for path in sorted((folder / f"{sequence}_GT" / "SEG").iterdir()):
        frame, *z = path.stem.removeprefix("man_seg").strip("_").split("_")
        result = tifffile.imread(folder / f"{sequence}_RES" / f"mask{frame}.tif")
        found.append((tifffile.imread(path), result[int(z[0])] if z else result))
    return found


def test_seg_is_the_mean_over_all_objects_of_a_sequence(sequences, capsys):
    assert evaluate("--ctc", sequences) == 0
    found = rows(capsys.readouterr().out)
    means = []
    for name, (shown, annotated, objects, _, seg) in zip(("01", "02"), found, strict=False):
        each = [(len(np.unique(truth)) - 1, seg_score(labels, truth)) for truth, labels in pairs(sequences, name)]
        assert shown == name
        assert (int(annotated), int(objects)) == (len(each), sum(count for count, _ in each))
        means.append(sum(count * score for count, score in each) / int(objects))
        assert float(seg) == pytest.approx(means[-1], abs=6e-5)
        assert 0.2 < float(seg) < 0.9
    assert found[2] == ["mean", f"{np.mean(means):.4f}"]
    assert int(found[0][3]) < int(found[0][2])  # some objects were not found


def test_seg_is_that_of_py_ctcmetrics(sequences, capsys):
    metrics = pytest.importorskip("ctc_metrics.metrics")
    representations = pytest.importorskip("ctc_metrics.utils.representations")
    assert evaluate("--ctc", sequences) == 0
    shown = [row[-1] for row in rows(capsys.readouterr().out)]
    for name, seg in zip(("01", "02"), shown, strict=False):
        matches = []
        for at, (truth, labels) in enumerate(pairs(sequences, name)):
            write(sequences / "a.tif", truth)
            write(sequences / "b.tif", labels)
            matches.append(representations.match(str(sequences / "a.tif"), str(sequences / "b.tif")))
            assert at < 4
        expected = metrics.seg([one[0] for one in matches], [one[4] for one in matches])
        assert float(seg) == pytest.approx(expected, abs=6e-5)


def test_results_may_be_in_another_folder_and_be_perfect(sequences, tmp_path, capsys):
    other = tmp_path / "mine"
    for at, frame in ((0, "000"), (3, "003")):
        write(other / "01_RES" / f"mask{at:04d}.tif", tifffile.imread(sequences / f"01_GT/SEG/man_seg{frame}.tif"))
    for path in (sequences / "02_GT" / "SEG").iterdir():
        path.unlink()
    (sequences / "02_GT" / "SEG").rmdir()
    assert evaluate("--ctc", sequences, other) == 0
    ((name, annotated, objects, found, seg),) = rows(capsys.readouterr().out)
    assert (name, annotated, seg) == ("01", "2", "1.0000")
    assert objects == found


def test_with_a_model_the_images_are_segmented_first(tmp_path, files, trained, capsys):
    write(tmp_path / "01" / "t003.tif", tifffile.imread(files / "cells.tif"))
    write(tmp_path / "01_GT" / "SEG" / "man_seg003.tif", tifffile.imread(files / "truth" / "cells.tif"))
    assert evaluate("--ctc", tmp_path, "--model", trained) == 0
    assert rows(capsys.readouterr().out)[0][:2] == ["01", "1"]
    assert evaluate(files / "cells.tif", files / "truth" / "cells.tif", "--model", trained) == 0
    assert rows(capsys.readouterr().out)[0][0] == "cells.tif"


def test_what_is_missing_in_a_data_set_is_said(sequences, tmp_path, capsys):
    assert "01_GT" in refused(capsys, "--ctc", tmp_path / "01_RES")
    assert "no folder" in refused(capsys, "--ctc", tmp_path / "nowhere")
    assert "01_RES" in refused(capsys, "--ctc", sequences, tmp_path / "01_GT")
    (sequences / "01_RES" / "mask003.tif").rename(sequences / "01_RES" / "mask_old.tif")
    assert "mask003.tif" in refused(capsys, "--ctc", sequences)
    assert "images t000.tif" in refused(capsys, "--ctc", sequences, "--model", "generalist-fast")
    write(sequences / "01_RES" / "mask003.tif", np.zeros((9, 9), np.uint16))
    assert "9 x 9" in refused(capsys, "--ctc", sequences)
    write(sequences / "02_GT" / "SEG" / "man_seg_005_004.tif", np.ones((160, 160), np.uint16))
    (sequences / "01_GT" / "SEG" / "man_seg003.tif").unlink()
    assert "slice 4" in refused(capsys, "--ctc", sequences)
    write(sequences / "02_RES" / "mask005.tif", np.ones((160, 160), np.uint16))
    assert "slice 1" in refused(capsys, "--ctc", sequences)
    for path in (sequences / "01_GT" / "SEG").iterdir():
        path.unlink()
    assert "man_seg000.tif" in refused(capsys, "--ctc", sequences)
    write(sequences / "01_GT" / "SEG" / "man_seg000.tif", np.zeros((160, 160), np.uint16))
    assert "no object" in refused(capsys, "--ctc", sequences)
