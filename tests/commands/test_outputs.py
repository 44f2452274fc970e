"""What is written replaces nothing but earlier results."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_upaint.cli import main
from napari_upaint.commands._outputs import SOFTWARE, check_distinct, is_marked, output_file, output_folder
from napari_upaint.engine.progress import PlaneResult
from napari_upaint.errors import FileError
from napari_upaint.io.images import Image, read_image, write_labels


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Planes that the engine was given; what it makes of them is a single object."""
    planes: list[np.ndarray] = []

    def segment(image: np.ndarray, *_: Any, **__: Any) -> Generator[PlaneResult, None, None]:
        planes.append(image)
        scores = np.ones((2, *image.shape[1:]), np.float16)
        yield PlaneResult(np.ones(image.shape[1:], np.int32), scores, ("background", "object"))

    monkeypatch.setattr("napari_upaint.engine.segment.segment_plane", segment)
    return planes


@pytest.fixture
def plates(files: Path) -> Path:
    """A folder with a.tif and b.ome.tif."""
    (files / "plates").mkdir()
    for name in ("a.tif", "b.ome.tif"):
        (files / "plates" / name).write_bytes((files / "cells.tif").read_bytes())
    return files / "plates"


def segment(*arguments: object) -> int:
    return main(["segment", *map(str, arguments)])


def test_an_input_is_no_output(tmp_path: Path) -> None:
    image, link, other = (tmp_path / name for name in ("a.tif", "b.tif", "c.tif"))
    image.touch()
    os.link(image, link)
    for path in (image, link, tmp_path / "new" / ".." / "a.tif"):
        (tmp_path / "new").mkdir(exist_ok=True)
        with pytest.raises(FileError, match="is an input"):
            output_file(path, "maps", ".tif", inputs=[other, image])
    assert output_file(other, "maps", ".tif", inputs=[image, tmp_path / "missing.tif"]) == other
    check_distinct([other], [other])  # a file that is not there is nobody's


def test_the_home_folder_may_be_called_by_its_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "me"))
    monkeypatch.chdir(tmp_path)
    assert output_file(Path("~/deep/w.tif"), "maps", ".tif", inputs=[]) == tmp_path / "me" / "deep" / "w.tif"
    assert output_folder(Path("~/out")) == tmp_path / "me" / "out"
    assert [path.name for path in tmp_path.iterdir()] == ["me"]


def test_trying_whether_a_folder_can_be_written_shows_others_no_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process that lists the folder just then would take it for one, and not find it any more."""
    real, tried = tempfile.NamedTemporaryFile, list[tuple[str, int]]()

    def note(**options: Any) -> Any:
        made = real(**options)
        tried.append((Path(made.name).name[0], len(Path(made.name).name)))
        return made

    monkeypatch.setattr("tempfile.NamedTemporaryFile", note)
    output_folder(tmp_path, names=["a_labels.tif", "cells_labels.tif"])
    assert tried == [(".", len("cells_labels.tif"))]


def test_names_of_models_are_completed(tmp_path: Path) -> None:
    for name, whole in (("mine", "mine.safetensors"), ("Mine.SafeTensors", "Mine.SafeTensors")):
        assert output_file(tmp_path / name, "models", ".safetensors", inputs=[]) == tmp_path / whole
    for name in ("lab.tif", "mine.v2"):
        with pytest.raises(FileError, match=name):
            output_file(tmp_path / name, "models", ".safetensors", inputs=[])


def test_training_replaces_no_image_and_says_the_real_name(
    files: Path, tiny: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    before = Path("cells_strokes.tif").read_bytes()
    given = ("train", "cells.tif", "--labels", "cells_strokes.tif", *tiny)
    assert main([*given, "-o", "cells_strokes.tif"]) == 2
    assert capsys.readouterr().err.startswith("upaint train: cells_strokes.tif ends in .tif, but models are")
    assert Path("cells_strokes.tif").read_bytes() == before
    assert main([*given, "-o", "cells"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("cells.safetensors: 2 steps")
    assert Path("cells.safetensors").is_file()
    assert not Path("cells").exists()


def test_a_weight_map_does_not_replace_the_labels(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = files / "cells_strokes.tif"
    before = labels.read_bytes()
    assert main(["weights", str(labels), "-o", str(labels)]) == 2
    assert "is an input" in capsys.readouterr().err
    assert labels.read_bytes() == before


@pytest.mark.parametrize("own_folder", [False, True])
def test_results_are_replaced_by_newer_ones(
    own_folder: bool, plates: Path, trained: Path, seen: list[np.ndarray]
) -> None:
    out = plates.parent / "out" if own_folder else plates
    tifffile.imwrite(plates / "a_annotation.tif", np.ones((160, 160), np.uint8))  # what was painted is not an image
    for count in (2, 4):
        assert segment(plates, "--model", trained, "-o", out, "--scores") == 0
        assert len(seen) == count  # results next to b.ome.tif are not images either
    assert {path.name for path in out.glob("*_[ls]*.tif")} == {
        f"{name}_{what}.tif" for name in "ab" for what in ("labels", "scores")
    }


@pytest.mark.parametrize("what", ["labels", "scores"])
@pytest.mark.parametrize("how", ["painted", "corrected", "damaged"])
def test_what_is_no_result_is_kept(
    what: str, how: str, plates: Path, trained: Path, seen: list[np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    out = plates.parent / "out"
    mine = out / f"b_{what}.tif"
    if how == "corrected":  # in napari, and saved by the writer of this package
        assert segment(plates, "--model", trained, "-o", out, "--scores") == 0
        write_labels(mine, np.asarray(read_image(mine).data).astype(int))
    else:
        out.mkdir()
        tifffile.imwrite(mine, np.ones((160, 160), np.uint8)) if how == "painted" else mine.write_text("oh")
    before, done = mine.read_bytes(), len(seen)
    capsys.readouterr()
    assert segment(plates, "--model", trained, "-o", out, "--scores") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(mine) in said
    assert "--overwrite" in said
    assert mine.read_bytes() == before
    assert len(seen) == done  # not even the first one was segmented
    if what == "scores":
        assert segment(plates, "--model", trained, "-o", out) == 0
        assert mine.read_bytes() == before
    assert segment(plates, "--model", trained, "-o", out, "--scores", "--overwrite") == 0
    assert mine.read_bytes() != before
    assert segment(plates, "--model", trained, "-o", out, "--scores") == 0


def test_a_result_is_never_seen_without_its_mark(
    plates: Path, trained: Path, seen: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    appeared, replace = [], Path.replace

    def look(path: Path, target: Path) -> Path:
        found = replace(path, target)
        appeared.append(is_marked(target))  # whatever ends the program now, the next run may replace it
        return found

    monkeypatch.setattr(Path, "replace", look)
    assert segment(plates, "--model", trained, "-o", plates.parent / "out", "--scores") == 0
    assert appeared == [True] * 4


def test_an_image_is_not_replaced_by_results_whatever_is_asked(
    plates: Path, trained: Path, seen: list[np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    assert segment(plates, "--model", trained, "-o", plates) == 0
    seen.clear()
    for options in ((), ("--overwrite",)):
        assert segment(*sorted(plates.glob("*.tif")), "--model", trained, "-o", plates, *options) == 2
        assert "a_labels.tif is an input" in capsys.readouterr().err
    assert not seen


@pytest.mark.parametrize(("axes", "top"), [("YX", 9), ("ZYX", 70_000), ("QYX", 9)])
def test_a_mark_changes_nothing_else(axes: str, top: int, tmp_path: Path) -> None:
    labels = np.arange(3 * 40 * 50).reshape(3, 40, 50)[: 3 if len(axes) == 3 else 1] % top
    labels = labels if len(axes) == 3 else labels[0]
    like = Image(labels, axes, {"Y": 0.5, "X": 0.5}, "micrometer")
    assert not is_marked(write_labels(tmp_path / "a.tif", labels, like))
    path = write_labels(tmp_path / "a.tif", labels, like, software=SOFTWARE)
    assert is_marked(path)
    back = read_image(path)
    np.testing.assert_array_equal(np.asarray(back.data), labels)
    assert (back.unit, back.plane_spacing) == ("micrometer", pytest.approx((0.5, 0.5)))
