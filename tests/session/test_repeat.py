"""Texts that repeat a training: they run, and ask for the same."""

import ast
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from napari_upaint import cli
from napari_upaint.commands._options import settings_from
from napari_upaint.io.image import Image
from napari_upaint.io.images import write_image, write_labels
from napari_upaint.io.models import DEFAULT_MODEL, bundled_models, load_model
from napari_upaint.io.samples import open_sample
from napari_upaint.session.repeat import Repeat, as_command, as_python
from napari_upaint.session.run import Run
from napari_upaint.settings import AugmentSettings, TrainSettings, WeightSettings


def a_run(name="my cells", kind="objects", settings=None, weights=None, augment=None):
    said = settings or TrainSettings(), weights or WeightSettings(), augment or AugmentSettings()
    return Run(name, "2026-01-02T10:00:00+01:00", kind, "", *said, (), 0.5, 0.2, True, 3, 1.0, "", ("cells",))


@pytest.fixture
def files(tmp_path):
    """Two small images and their strokes, in a folder whose name needs quoting."""
    sample, folder = open_sample("nuclei_fluorescence"), tmp_path / "it's a folder"
    folder.mkdir()
    pairs = []
    for name, cut in (("a b", np.s_[128:288, 128:288]), ("c", np.s_[192:352, 192:352])):  # where paint is
        image = write_image(folder / f"{name}.tif", Image(np.ascontiguousarray(sample.image.data[cut]), "YX"))
        pairs.append((image, write_labels(folder / f"{name} painted.tif", sample.strokes[cut])))
    return tuple(pairs)


@pytest.fixture
def repeat(files):
    """A training that differs from the defaults wherever it can cheaply."""
    settings = TrainSettings(steps=2, seed=4, scale=1.0)
    weights, augment = WeightSettings(balance="never"), AugmentSettings(flip=False, zoom=1.1)
    run = a_run(settings=settings, weights=weights, augment=augment)
    return Repeat(run, files, bundled_models()[0], "cpu")


def run_program(text, folder):
    ended = subprocess.run([sys.executable, "-c", text], cwd=folder, capture_output=True, text=True, timeout=240)
    assert ended.returncode == 0, ended.stderr


def test_the_program_runs(repeat, tmp_path):
    text = as_python(repeat)
    assert f"load_model('{DEFAULT_MODEL}')" in text
    assert "TrainSettings(steps=2, scale=1.0, seed=4)" in text
    run_program(text, tmp_path)
    header = load_model(tmp_path / "my cells.safetensors").header
    assert header.name == "my cells"
    assert header.training["steps_done"] == 2
    assert header.training["seed"] == 4
    assert header.training["augment"]["zoom"] == 1.1
    assert len(header.provenance["images"]) == 2


def test_the_command_runs(repeat, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = shlex.split(as_command(repeat))
    assert words[:2] == ["upaint", "train"]
    assert cli.main(words[1:]) == 0
    header = load_model(tmp_path / "my cells.safetensors").header
    assert header.training["steps_done"] == 2
    assert header.training["weights"]["balance"] == "never"


@pytest.mark.parametrize(
    "run",
    [
        a_run(),
        a_run("größer\n'than\" life", "classes", TrainSettings(seconds=7, hold=0, recipe="paper")),
        a_run(weights=WeightSettings(w0=0, sigma=3.5), augment=AugmentSettings(rotate=False, grid=5)),
    ],
)
def test_the_command_asks_for_the_same(run):
    text = as_command(Repeat(run, ((Path("a b.tif"), Path("-p.tif")),), None, "cuda"))
    words = shlex.split(text.replace("-p.tif", "p.tif"))
    args = cli.build_parser().parse_args(words[1:])
    assert settings_from(TrainSettings, args) == run.settings
    assert settings_from(WeightSettings, args) == run.weights
    assert settings_from(AugmentSettings, args) == run.augment
    assert (args.kind, args.model, args.images, args.device) == (run.kind, "none", [Path("a b.tif")], "cuda")
    assert "\n" not in text


def test_names_are_no_commands_on_windows(monkeypatch):
    monkeypatch.setattr("napari_upaint.session.repeat.os", SimpleNamespace(name="nt"))
    pairs = ((Path("a&calc&.tif"), Path("a b&c.tif")), (Path("c.tif"), Path("(d).tif")))
    text = as_command(Repeat(a_run(), pairs, None))
    assert text.startswith('upaint train "a&calc&.tif" c.tif --labels "a b&c.tif" "(d).tif" --objects')


@pytest.mark.parametrize(
    ("settings", "said", "unsaid"),
    [(TrainSettings(steps=5, seconds=7), "--steps 5", "--seconds"), (TrainSettings(), "--seconds 60.0", "--steps")],
)
def test_how_long_it_takes_is_always_said_and_in_one_way(settings, said, unsaid):
    command = as_command(Repeat(a_run(settings=settings), ((Path("a.tif"), Path("b.tif")),), None))
    assert said in command and unsaid not in command


def test_a_model_to_start_from_brings_its_network():
    settings = TrainSettings(7, 0, "paper", ndim=3, variant="dense", width=8, depth=3, padding="same", norm="group")
    run = a_run(settings=replace(settings, dropout=0.1))
    repeat = Repeat(run, ((Path("a.tif"), Path("p.tif")),), bundled_models()[0])
    args = cli.build_parser().parse_args(shlex.split(as_command(repeat))[1:])
    assert settings_from(TrainSettings, args) == TrainSettings(7, 0, "paper")
    args = cli.build_parser().parse_args(shlex.split(as_command(replace(repeat, start=None)))[1:])
    assert settings_from(TrainSettings, args) == run.settings


def test_the_program_uses_what_it_imports(repeat):
    tree = ast.parse(as_python(repeat))
    imported = [one.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for one in node.names]
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert len(imported) >= 6
    assert set(imported) <= used


def test_odd_names_do_not_break_the_program(tmp_path):
    run = a_run('größer\n"""\'than life" \\')
    text = as_python(Repeat(run, ((Path('a "b"\\c.tif'), Path("p.tif")),), None))
    compile(text, "text", "exec")
    assert "start=None" in text
