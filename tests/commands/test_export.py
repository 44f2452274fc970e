"""``upaint export``: a package of a trained model, and one sentence if there cannot be one."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from napari_upaint.cli import main


def test_a_trained_model_becomes_a_package(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(trained), "-o", str(tmp_path / "mine"), "--author", "A", "--license", "MIT"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{tmp_path / 'mine.zip'}: ") and "takes tiles of 320 x 320 pixels" in said
    package = zipfile.ZipFile(tmp_path / "mine.zip")
    about = json.loads(package.read("rdf.yaml"))
    assert (about["name"], about["authors"], about["license"]) == ("tiny (U-Paint)", [{"name": "A"}], "MIT")
    text = package.read("README.md").decode()
    assert "Loss on held-out paint" in text and str(trained.parent) not in text


def test_the_scale_can_be_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "generalist-fast", "-o", str(tmp_path / "p.zip"), "--scale", "0.5"]) == 0
    assert "takes tiles of 640 x 640 pixels" in capsys.readouterr().out
    assert "at 0.5" in zipfile.ZipFile(tmp_path / "p.zip").read("README.md").decode()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody", "-o", "p.zip"], "nobody"),
        (["generalist-fast", "-o", "p.tif"], "p.tif ends in .tif, but packages are .zip files"),
        (["generalist-fast", "-o", "."], "is a folder"),
        (["generalist-fast", "-o", "p.zip", "--scale", "-1"], "scale"),
        (["generalist-fast", "-o", "p.zip", "--license", "CC BY 4.0"], "'CC BY 4.0' is no identifier of a license"),
    ],
)
def test_bad_input(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", *arguments]) == 2
    error = capsys.readouterr().err
    assert said.lower() in error.lower() and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
