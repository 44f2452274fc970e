"""``upaint models``: what there is, in a few lines each."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_upaint.cli import main
from napari_upaint.io.models import bundled_models


def test_a_file_is_described(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", str(trained)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("tiny: ")
    assert "background, object" in said
    assert str(trained) in said


def test_the_list_begins_with_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(bundled_models()[0].stem if bundled_models() else "No model is bundled")


def test_what_is_no_model_is_refused(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", str(files / "cells.tif")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
