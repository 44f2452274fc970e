"""``upaint demo``: the whole job without a window, and when a window is opened."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imread

from napari_upaint.cli import main
from napari_upaint.commands import demo
from napari_upaint.commands._demo_job import annotated
from napari_upaint.io.images import read_image
from napari_upaint.io.models import load_model
from napari_upaint.io.samples import SAMPLES, open_sample

RESULTS = ("labels", "scores", "strokes", "weights")


@pytest.fixture
def quick(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start from a tiny model, whatever is bundled."""
    monkeypatch.setattr("napari_upaint.commands._demo_job.start_model", lambda _name: load_model(trained))


@pytest.mark.parametrize("sample", ["nuclei_fluorescence", "nuclei_he", "nuclei_3d"])
def test_the_job_without_a_window(sample: str, quick: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--headless", "--seconds", "1", "--sample", sample, "-o", str(tmp_path)]) == 0
    image = read_image(tmp_path / f"{sample}_labels.tif")
    results = {what: read_image(tmp_path / f"{sample}_{what}.tif") for what in RESULTS}
    original = open_sample(sample).image
    for what, result in results.items():
        assert result.leading_shape == original.leading_shape, what
        assert result.plane_shape == original.plane_shape, what
        assert result.plane_spacing == pytest.approx(original.plane_spacing), what
    painted = np.asarray(results["strokes"].data) > 0
    assert np.array_equal(np.asarray(results["weights"].data) > 0, painted)
    assert load_model(tmp_path / f"{sample}.safetensors").header.kind == "objects"
    picture = imread(tmp_path / f"{sample}.png")
    assert picture.shape[1] > 4 * picture.shape[0] * image.plane_shape[1] / image.plane_shape[0]
    said = capsys.readouterr()
    assert said.err == f"Training on {sample} for 1 s; everything else takes some seconds.\n"
    for words in ("device", "load", "train", "segment after training", "weight map", "write", "before training"):
        assert re.search(f"^.*{words}", said.out, re.MULTILINE)
    assert len(re.findall(r"^(?:IoU|object F1) (?:before|after) training +\d\.\d{3}", said.out, re.MULTILINE)) == 4


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_sample_has_something_painted(sample: str) -> None:
    truth, painted = annotated(open_sample(sample), sample, 0)
    assert truth.shape == painted.shape
    assert {0, 1} < set(np.unique(painted))
    assert not truth[painted == 1].any()


@pytest.mark.parametrize(
    ("arguments", "display", "window"),
    [("--device cpu", True, True), ("", False, False), ("--headless", True, False), ("-o {folder}", True, False)],
)
def test_a_window_where_there_is_a_display(
    arguments: str, display: bool, window: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, done = list[str](), list[str]()
    monkeypatch.setattr(demo, "has_display", lambda: display)
    monkeypatch.setattr(demo, "find_spec", lambda _name: object())
    monkeypatch.setattr(demo, "_show", lambda *asked: opened.append(asked) or 0)
    monkeypatch.setattr("napari_upaint.commands._demo_job.do_job", lambda sample, *_, **__: done.append(sample) or 0)
    monkeypatch.chdir(tmp_path)
    assert main(["demo", *arguments.format(folder=tmp_path / "out").split()]) == 0
    assert (opened, len(done)) == (([(demo.DEFAULT_SAMPLE, "cpu")], 0) if window else ([], 1))


def test_how_to_train_is_not_said_to_a_window(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "_why_no_window", lambda: "")
    monkeypatch.setattr(demo, "_show", lambda *_: pytest.fail("opened a window"))
    assert main(["demo", "--seconds", "10", "--seed", "1"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("upaint demo: --seconds, --seed would have no effect: in the window, the dock sets them;")
    assert said.count("\n") == 1


def test_without_napari_the_job_is_done_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "has_display", lambda: True)
    monkeypatch.setattr(demo, "find_spec", lambda _name: None)
    monkeypatch.setattr("napari_upaint.commands._demo_job.do_job", lambda *_, **__: 0)
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    assert "napari is not installed" in capsys.readouterr().err


def test_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    for arguments in (["--sample", "unicorns", "-o", "out"], ["-o", "file"], ["-o", "out", "--seconds", "0"]):
        paths = [str(tmp_path / word) if word in ("out", "file") else word for word in arguments]
        assert main(["demo", *paths]) == 2
        assert capsys.readouterr().err.count("\n") == 1
        assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_unknown_sample_opens_no_window(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(demo, "_why_no_window", lambda: "")
    monkeypatch.setattr(demo, "_show", lambda *_: pytest.fail("opened a window"))
    assert main(["demo", "--sample", "unicorns"]) == 2
    assert "There is no sample 'unicorns'" in capsys.readouterr().err


@pytest.mark.slow
def test_a_minute_of_training_helps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--headless", "-o", str(tmp_path)]) == 0
    table = capsys.readouterr().out
    seconds = re.search(r"^train +([\d.]+) s", table, re.MULTILINE)
    assert seconds is not None
    assert float(seconds[1]) < 60
    before, after = (re.search(f"^IoU {when} training +([0-9.]+)", table, re.MULTILINE) for when in ("before", "after"))
    assert after is not None
    assert float(after[1]) > (0.7 if before is None else float(before[1]))
