"""Options without effect are refused instead of ignored."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_upaint.cli import main


@pytest.mark.parametrize("model", [[], ["--model", "generalist-fast"]])
def test_the_network_of_a_start_model_cannot_be_chosen(
    model: list[str], files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    given = ["train", "cells.tif", "--labels", "cells_strokes.tif", "-o", "m", *model]
    assert main([*given, "--ndim", "3", "--width", "8"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("upaint train: --ndim, --width would have no effect: ")
    assert "add --model none" in said
    assert said.count("\n") == 1
    for option in ("--variant plain", "--depth 3", "--padding same", "--norm none", "--dropout 0.2"):
        assert main([*given, *option.split()]) == 2
        assert option.split()[0] in capsys.readouterr().err


def test_nothing_is_segmented_without_a_model(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = str(files / "truth" / "cells.tif")
    assert main(["evaluate", truth, truth, "--rotations", "8", "--no-fill-holes"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("upaint evaluate: --rotations, --fill-holes would have no effect: ")
    assert "--model" in said
    assert main(["evaluate", truth, truth]) == 0


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["a", "b", "--scores-of", "cells"], "--scores-of would have no effect"),
        (["--ctc", "a", "--labels-of", "membranes"], "--labels-of would have no effect"),
        (["--ctc", "a", "--classes"], "--classes would have no effect: --ctc"),
        (["a", "b", "--channel", "2"], "--channel would have no effect: nothing is segmented"),
        (["--isbi", "a", "b", "--objects"], "--objects would have no effect: --isbi"),
        (["--ctc", "a", "b", "--model", "generalist-fast"], "The results in b would be ignored"),
    ],
)
def test_what_is_not_scored_is_refused(options: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", *options]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"upaint evaluate: {why}")
    assert said.count("\n") == 1


@pytest.mark.parametrize(("command", "first"), [("evaluate", 1), ("train", 2), ("weights", 2)])
def test_the_help_says_where_objects_begin(command: str, first: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"every value from {first} on is one object" in said
    assert ("unless the model has classes" in said) == (command != "weights")  # which knows no model
