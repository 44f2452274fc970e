"""``upaint models``: all models, one line each, and their cards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from napari_upaint.cli import main
from napari_upaint.io.models import DEFAULT_MODEL, bundled_models


def write_changed(path: Path, **fields: object) -> None:
    """Write a bundled model whose header says something else."""
    with safe_open(bundled_models()[0], framework="numpy") as opened:
        metadata, weights = opened.metadata(), {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    header = json.loads(metadata["header"]) | fields
    save_file(weights, path, metadata=metadata | {"header": json.dumps(header)})


def test_the_card_of_a_file_says_what_its_header_does(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", str(trained)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("# tiny\n")
    facts = dict(line[4:].split("**: ", 1) for line in said.splitlines() if line.startswith("* **"))
    assert facts["Classes"] == "background, object; painted as objects"
    assert str(trained) in facts["File"]
    assert facts["Channels"].startswith("1")
    assert "Learned objects of image.tif, from scratch." in said
    assert "2 levels, 4 channels" in facts["Network"]
    assert "percentiles 1 and 99.8" in facts["Normalisation"]
    assert "from scratch, 2 steps, seed 0" in facts["Trained"]
    assert "image" in facts["Images"]
    assert "torch" in facts["Versions"]
    assert facts["Command"].startswith("`upaint train image.tif --labels strokes.tif -o tiny.safetensors")


def test_the_card_says_what_a_model_of_many_channels_saw_of_each_at_first(tmp_path, capsys) -> None:
    for told, said in (((0.75, 0.25), "1, or any; at first it saw 75%, 25% of them"), (None, "1, or any")):
        write_changed(tmp_path / "one.safetensors", training={"channel_shares": told})
        assert main(["models", str(tmp_path / "one.safetensors")]) == 0
        assert f"* **Channels**: {said}\n" in capsys.readouterr().out


def test_a_card_in_another_alphabet_is_printed(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.safetensors").write_bytes(trained.read_bytes())
    (tmp_path / "own.md").write_bytes("# Zellkörper\n".encode("latin-1"))
    assert main(["models", str(tmp_path / "own.safetensors")]) == 0
    assert capsys.readouterr().out.startswith("# Zellk\ufffdrper\n")


def test_the_list_begins_with_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    head, _, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "MB", "dim", "network", "channels", "classes", "what"]
    assert [line.split()[0] for line in lines[: len(bundled_models())]] == [one.stem for one in bundled_models()]
    assert "background, object, border" in lines[0]


@pytest.mark.parametrize("name", [one.stem for one in bundled_models()])
def test_bundled_models_bring_a_card_with_data_and_terms(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", name]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"# {name}\n")
    terms = "CC BY 4.0" if name.endswith("3d") else "CC0"  # none of the volumes is in the public domain
    for wanted in ("## Trained on", terms, "## Scores", "## The file", "seed"):
        assert wanted in said


def test_a_file_of_an_older_version_is_described_with_what_it_says(tmp_path, capsys) -> None:
    write_changed(tmp_path / "old.safetensors", provenance={}, training={}, summary="")
    assert main(["models", str(tmp_path / "old.safetensors"), DEFAULT_MODEL]) == 0
    said = capsys.readouterr().out
    assert said.startswith("# old\n")
    assert "**Pixel size**: unknown" in said
    assert f"# {DEFAULT_MODEL}\n" in said


def test_what_is_no_model_is_refused(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", str(files / "cells.tif")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
