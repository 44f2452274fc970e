"""``upaint train``: real files in, a model out; bad input in one sentence; Ctrl-C keeps the best so far."""

from __future__ import annotations

import errno
import signal
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_upaint.cli import main
from napari_upaint.commands import _running
from napari_upaint.core.sample import Sample
from napari_upaint.engine.progress import Stop, TrainProgress, TrainResult
from napari_upaint.errors import UserError
from napari_upaint.io.models import load_model
from napari_upaint.settings import TrainSettings


def train(*arguments: object) -> int:
    return main(["train", *map(str, arguments)])


class FakeTraining:
    """Stands in for the engine: remembers what it was given, counts steps until it is stopped."""

    def __init__(self, model: Path) -> None:
        self.model, self.samples, self.said = load_model(model), list[Sample](), dict[str, Any]()
        self.signal_at = -1
        self.stopped = False
        self.learns = True

    def __call__(self, samples: Sequence[Sample], **said: Any) -> Generator[TrainProgress | TrainResult, Any, None]:
        self.samples, self.said = list(samples), said
        for step in range(1, 20):
            if step == self.signal_at:
                signal.raise_signal(signal.SIGINT)
            told = yield TrainProgress("training", step, 0.1 * step, 2.0, step / 20, loss=1 / step)
            if isinstance(told, Stop):
                self.stopped = True
                break
        step = step if self.learns else 0
        yield TrainResult(self.model, True, 1.0, 0.5, step, 2.0)


@pytest.fixture
def fake(trained: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTraining:
    training = FakeTraining(trained)
    monkeypatch.setattr("napari_upaint.engine.train.train", training)
    return training


def test_a_model_comes_out(trained: Path) -> None:
    header = load_model(trained).header
    assert header.name == "tiny"
    assert header.kind == "objects"
    assert header.architecture.width == 4


def test_the_same_seed_gives_the_same_model(files: Path, tiny: list[str]) -> None:
    arguments = (files / "cells.tif", "--labels", files / "cells_strokes.tif", *tiny)
    weights = []
    for name, seed in (("first", 1), ("again", 1), ("other", 2)):
        assert train(*arguments, "-o", files / f"{name}.safetensors", "--seed", seed) == 0
        weights.append(load_model(files / f"{name}.safetensors").weights)
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not all(np.array_equal(weights[0][name], weights[2][name]) for name in weights[0])


def test_training_goes_on_from_a_file(files: Path, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = files / "new" / "more.safetensors"
    arguments = (files / "cells.tif", "--labels", files / "cells_strokes.tif", "--steps", 1, "-o", out)
    assert train(*arguments, "--model", trained) == 0
    assert load_model(out).header.architecture.width == 4
    assert main(["models", str(out)]) == 0
    said = capsys.readouterr().out
    assert f"{out}: 1 step in " in said
    assert "start: tiny, 1 step, " in said


def test_finished_masks_are_learnt_from(files: Path, fake: FakeTraining, trained: Path) -> None:
    """As other programs write them: 0 background, objects from 1 up; slices without any were not looked at."""
    masks = np.zeros((5, 40, 50), np.uint16)
    masks[0, 5:15, 5:20], masks[0, 15:30, 5:20] = 1, 2
    tifffile.imwrite(files / "stack.tif", np.random.default_rng(0).random(masks.shape, np.float32))
    tifffile.imwrite(files / "masks.tif", masks)
    arguments = (
        files / "stack.tif",
        "--labels",
        files / "masks.tif",
        "--model",
        trained,
        "-o",
        files / "m.safetensors",
    )
    assert train(*arguments, "--masks") == 0
    [sample] = fake.samples
    np.testing.assert_array_equal(sample.annotation, masks[0] + 1)
    assert train(*arguments) == 0
    np.testing.assert_array_equal(fake.samples[0].annotation, masks[0])


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Sample]:
    """Samples that reach the engine, which then refuses them."""
    given: list[Sample] = []

    def refuse(samples: Sequence[Sample], **_: object) -> None:
        given[:] = samples
        raise UserError("That is all.")

    monkeypatch.setattr("napari_upaint.engine.train.train", refuse)
    return given


def test_forgotten_masks_are_noticed(read: list[Sample], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Their first object was learnt as background, without a word."""
    masks = np.zeros((30, 40), np.uint16)
    for number in range(6):
        masks[5:10, 6 * number : 6 * number + 4] = number + 1
    tifffile.imwrite(tmp_path / "cells.tif", np.random.default_rng(0).random(masks.shape, np.float32))
    tifffile.imwrite(tmp_path / "cells_masks.tif", masks)
    arguments = tmp_path / "cells.tif", "--labels", tmp_path / "cells_masks.tif", "-o", tmp_path / "m"
    for options, noticed in (([], True), (["--classes"], False), (["--masks"], False)):
        assert train(*arguments, "--model", "none", *options) == 2
        assert ("learnt as background; add --masks if 0 is" in capsys.readouterr().err) is noticed
        np.testing.assert_array_equal(read[0].annotation, masks + (options == ["--masks"]))


def test_masks_without_background_may_be_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As ilastik writes a segmentation: its first class is 1, and nothing is 0."""
    tifffile.imwrite(tmp_path / "a.tif", np.random.default_rng(0).random((20, 30), np.float32))
    tifffile.imwrite(tmp_path / "b.tif", np.array([[1] * 15 + [2] * 15] * 20, np.uint8))
    arguments = tmp_path / "a.tif", "--labels", tmp_path / "b.tif", "-o", tmp_path / "m", "--model", "none", "--classes"
    assert train(*arguments, "--masks") == 2
    assert "There is no background (0) in the labels; leave out --masks if 1 is" in capsys.readouterr().err


def test_an_empty_file_of_many_is_left_out(
    read: list[Sample], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One field of view without cells refused the masks of five hundred others."""
    mask = np.zeros((30, 40), np.uint8)
    mask[5:9, 5:9] = 1
    for name in "ab":
        tifffile.imwrite(tmp_path / f"{name}.tif", np.random.default_rng(0).random(mask.shape, np.float32))
        tifffile.imwrite(tmp_path / f"{name}_masks.tif", mask if name == "b" else mask * 0)
    arguments = tmp_path, "--masks", "-o", tmp_path / "m", "--model", "none", "--labels"
    assert train(*arguments, tmp_path) == 2
    assert [one.name for one in read] == ["b.tif"]
    assert "1 of 2 files of labels is empty and is left out: a_masks.tif\n" in capsys.readouterr().err
    (tmp_path / "b.tif").unlink()
    assert train(*arguments, tmp_path) == 2
    assert "Nothing is painted in a_masks.tif; " in capsys.readouterr().err


def test_options_reach_the_engine(files: Path, fake: FakeTraining, trained: Path) -> None:
    arguments = (files / "cells.tif", "--labels", files / "cells_strokes.tif", "-o", files / "m.safetensors")
    options = "--recipe paper --seed 3 --w0 7 --balance never --no-flip --zoom 1.5 --device cpu --classes --steps 12"
    assert train(*arguments, "--model", trained, *options.split()) == 0
    assert fake.said["settings"] == TrainSettings(recipe="paper", seed=3, steps=12, seconds=1e6)
    assert (fake.said["weights"].w0, fake.said["weights"].balance) == (7, "never")
    assert (fake.said["augment"].flip, fake.said["augment"].zoom) == (False, 1.5)
    assert (fake.said["kind"], fake.said["device"], fake.said["name"]) == ("classes", "cpu", "m")
    assert fake.said["start"].header == load_model(trained).header


def test_ctrl_c_saves_the_best_so_far(files: Path, fake: FakeTraining, capsys: pytest.CaptureFixture[str]) -> None:
    fake.signal_at = 4
    out = files / "best.safetensors"
    before = signal.getsignal(signal.SIGINT)
    assert train(files / "cells.tif", "--labels", files / "cells_strokes.tif", "-o", out, "--model", "none") == 130
    assert fake.stopped
    assert load_model(out).header.name == "tiny"
    assert "best model so far is saved" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_before_the_first_step_replaces_nothing(
    files: Path, fake: FakeTraining, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.signal_at, fake.learns = 1, False
    out = files / "best.safetensors"
    out.write_bytes(b"a good model")
    assert train(files / "cells.tif", "--labels", files / "cells_strokes.tif", "-o", out, "--model", "none") == 130
    assert out.read_bytes() == b"a good model"
    assert capsys.readouterr().out == "Stopped before the first step; nothing was learnt.\n"


def test_reading_shows_how_far_it_is(files: Path, fake: FakeTraining, monkeypatch: pytest.MonkeyPatch) -> None:
    bars: dict[str, list[float]] = {}
    made = _running.bar

    def watched(total: float, title: str) -> Any:
        progress = made(total, title)
        monkeypatch.setattr(progress, "update", lambda n=1: bars[title].append(n))
        bars[title] = [total]
        return progress

    monkeypatch.setattr(_running, "bar", watched)
    pair = [files / "cells.tif"] * 3, [files / "cells_strokes.tif"] * 3
    assert train(*pair[0], "--labels", *pair[1], "-o", files / "m.safetensors", "--model", "none") == 0
    assert bars["reading"] == [3, 1, 1, 1]


def test_every_painted_slice_is_a_sample(files: Path, fake: FakeTraining, crops: tuple[np.ndarray, ...]) -> None:
    image, strokes, _ = crops
    stack = np.stack([image, image // 2, image[::-1], image])
    painted = np.stack([strokes, np.zeros_like(strokes), strokes[::-1], np.zeros_like(strokes)])
    for axes in ("ZYX", "TYX"):
        tifffile.imwrite(files / "stack.tif", stack, imagej=True, metadata={"axes": axes})
        tifffile.imwrite(files / "painted.tif", painted, imagej=True, metadata={"axes": axes})
        assert train(files / "stack.tif", "--labels", files / "painted.tif", "-o", files / "m", "--model", "none") == 0
        assert [np.array_equal(one.image[0], stack[at]) for one, at in zip(fake.samples, (0, 2), strict=True)] == [
            True
        ] * 2
        # Normalised once for the file: the slices agree.
        assert len({one.normalization for one in fake.samples}) == 1


def test_colours_and_channels_become_channels(files: Path, fake: FakeTraining, crops: tuple[np.ndarray, ...]) -> None:
    image, strokes, _ = crops
    from PIL import Image

    Image.fromarray(np.stack([image, image // 2, image[::-1]], -1).astype(np.uint8)).save(files / "rgb.png")
    Image.fromarray(strokes.astype(np.uint8)).save(files / "painted.png")
    tifffile.imwrite(files / "two.tif", np.stack([image, image]), imagej=True, metadata={"axes": "CYX"})
    for name, channels in (("rgb.png", 3), ("two.tif", 2)):
        assert train(files / name, "--labels", files / "painted.png", "-o", files / "m", "--model", "none") == 0
        assert [one.image.shape for one in fake.samples] == [(channels, *image.shape)]


def test_folders_pair_by_name(files: Path, fake: FakeTraining) -> None:
    images, painted = files / "images", files / "painted"
    images.mkdir()
    painted.mkdir()
    for name in ("a", "b", "unpainted"):
        (images / f"{name}.tif").write_bytes((files / "cells.tif").read_bytes())
    for name in ("b", "a_strokes"):
        (painted / f"{name}.tif").write_bytes((files / "cells_strokes.tif").read_bytes())
    assert train(images, "--labels", painted, "-o", files / "m", "--model", "none") == 0
    assert [one.name for one in fake.samples] == ["a.tif", "b.tif"]


def test_one_folder_may_hold_both(files: Path, fake: FakeTraining) -> None:
    both = files / "both"
    both.mkdir()
    for name in ("cells", "cells_strokes"):
        (files / f"{name}.tif").rename(both / f"{name}.tif")
    assert train(both, "--labels", both, "-o", files / "m", "--model", "none") == 0
    assert [one.name for one in fake.samples] == ["cells.tif"]


def _spoil(files: Path, what: str) -> tuple[str, str, list[str]]:
    """Write bad input; return the names of the image and the labels, and options."""
    image = tifffile.imread(files / "cells.tif")
    strokes = tifffile.imread(files / "cells_strokes.tif")
    more: list[str] = []
    match what:
        case "another shape":
            strokes = strokes[:-1]
        case "another number of slices":
            image = np.stack([image] * 3)
            strokes = np.stack([strokes] * 2)
        case "nothing painted":
            strokes = np.zeros_like(strokes)
        case "only background":
            strokes = np.minimum(strokes, 1)
        case "only objects":
            strokes = np.where(strokes == 1, 0, strokes)
        case "constant":
            image = np.full_like(image, 7)
        case "nan":
            image = image.astype(np.float32)
            image[3, 4] = np.nan
        case "infinite":
            image = image.astype(np.float32)
            image[3, 4] = np.inf
        case "fractions":
            strokes = strokes.astype(np.float32) + 0.5
        case "negative":
            strokes = strokes.astype(np.int16) - 1
        case "colour labels":
            strokes = np.stack([strokes] * 3, -1).astype(np.uint8)
        case "no model":
            more = ["--model", "cells.tif"]
        case "missing model":
            more = ["--model", "nowhere.safetensors"]
    tifffile.imwrite(files / "bad.tif", image, photometric="minisblack")
    kind = "rgb" if what == "colour labels" else "minisblack"
    tifffile.imwrite(files / "bad_strokes.tif", strokes, photometric=kind)
    match what:
        case "unreadable image":
            (files / "bad.tif").write_bytes(b"II*\0 not really")
        case "text":
            (files / "bad.tif").write_text("cells, honestly")
        case "empty file":
            (files / "bad_strokes.tif").write_bytes(b"")
        case "missing file":
            (files / "bad.tif").unlink()
        case "empty folder":
            (files / "empty").mkdir()
            return "empty", "empty", more
        case "two images":
            return "bad.tif", "bad_strokes.tif", ["--labels", "bad_strokes.tif", "cells_strokes.tif"]
    return "bad.tif", "bad_strokes.tif", more


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("another shape", "159 x 160"),
        ("another number of slices", "2 x 160 x 160"),
        ("nothing painted", "Nothing is painted"),
        ("only background", "is only background (1) in the labels; paint both, or add --masks if 0 is background"),
        ("only objects", "There are objects but no background (1) in the labels; paint both, or add --masks"),
        ("constant", "constant"),
        ("nan", "NaN"),
        ("infinite", "infinite"),
        ("fractions", "whole number"),
        ("negative", "negative"),
        ("colour labels", "3 channels"),
        ("no model", "not a U-Paint model"),
        ("missing model", "nowhere.safetensors"),
        ("unreadable image", "bad.tif"),
        ("text", "bad.tif"),
        ("empty file", "bad_strokes.tif"),
        ("missing file", "bad.tif"),
        ("empty folder", "empty"),
        ("two images", "Images: 1, label files: 2"),
    ],
)
def test_bad_input_gets_one_sentence(
    what: str,
    words: str,
    files: Path,
    tiny: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image, strokes, more = _spoil(files, what)
    monkeypatch.chdir(files)
    options = tiny[2:] if "--model" in more else tiny
    assert train(image, "--labels", strokes, "-o", "m.safetensors", *options, *more) == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert said.err.startswith("upaint train: ")
    assert words in said.err
    assert not said.out
    assert not (files / "m.safetensors").exists()


@pytest.mark.parametrize("mistyped", [("--model", "nothing"), ("folder",)])
def test_what_is_mistyped_leaves_no_folder_behind(files: Path, mistyped: tuple[str, ...]) -> None:
    out = files / "new" / "m.safetensors"
    assert train(files / "cells.tif", "-o", out, "--labels", files / "cells_strokes.tif", *mistyped) == 2
    assert not out.parent.exists()


def test_an_output_that_cannot_be_written_is_found_before_training(
    files: Path, fake: FakeTraining, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (files / "cells.tif", "--labels", files / "cells_strokes.tif", "--model", "none")
    for out in (files / "cells.tif" / "m.safetensors", files, files / ("m" * 245)):
        assert train(*arguments, "-o", out) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not fake.samples


def test_a_failure_leaves_the_older_model(files: Path, tiny: list[str]) -> None:
    model = files / "older.safetensors"
    model.write_bytes(b"older")
    _spoil(files, "only background")
    assert train(files / "bad.tif", "--labels", files / "bad_strokes.tif", "-o", model, *tiny) == 2
    assert model.read_bytes() == b"older"


@pytest.mark.slow
def test_a_full_disk_does_not_cost_the_training(
    files: Path, fake: FakeTraining, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home, full = files / "home", files / "full" / "model.safetensors"
    monkeypatch.setenv("UPAINT_HOME", str(home))
    write = Path.write_bytes

    def write_bytes(path: Path, content: bytes) -> int:
        if path.parent == full.parent:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    for name in ("model", "model_2"):
        assert train(files / "cells.tif", "--labels", files / "cells_strokes.tif", "-o", full) == 2
        said = capsys.readouterr().err
        rescued = home / "models" / f"{name}.safetensors"
        assert "No space left" in said
        assert f"is in {rescued} instead" in said
        np.testing.assert_equal(load_model(rescued).weights, fake.model.weights)
    assert not list(full.parent.iterdir())


def test_strokes_are_learnt_and_found_again(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, arguments = files / "cells.safetensors", [files / "cells.tif", "--labels", files / "cells_strokes.tif"]
    assert train(*arguments, "--steps", 8, "-o", model) == 0
    assert main(["segment", str(files / "cells.tif"), "--model", str(model), "-o", str(files / "out")]) == 0
    capsys.readouterr()
    assert main(["evaluate", str(files / "out" / "cells_labels.tif"), str(files / "truth" / "cells.tif")]) == 0
    assert float(capsys.readouterr().out.splitlines()[-1].split()[1]) > 0.7
