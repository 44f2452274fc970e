"""``upaint segment``: every image in files and folders, whatever happens to one of them."""

from __future__ import annotations

import errno
import os
import signal
import sys
import weakref
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import tifffile

from napari_upaint.cli import main
from napari_upaint.core.normalize import Normalization
from napari_upaint.engine.progress import PlaneResult, PredictProgress, Sight, Stop
from napari_upaint.errors import ImageError
from napari_upaint.io import images
from napari_upaint.io.images import Image, read_image, write_image, write_labels
from napari_upaint.io.models import ModelFile, load_model, save_model


def segment(*arguments: object) -> int:
    return main(["segment", *map(str, arguments)])


class FakeSegmentation:
    """Stands in for the engine: a threshold, in three tiles."""

    def __init__(self) -> None:
        self.planes: list[np.ndarray] = []
        self.normalizations: list[Normalization] = []
        self.said: dict[str, Any] = {}
        self.signal_at = -1

    def __call__(
        self, image: np.ndarray, normalization: Normalization, model: ModelFile, **said: Any
    ) -> Generator[PredictProgress | PlaneResult, Any, None]:
        self.planes.append(image)
        self.normalizations.append(normalization)
        self.said = said
        if len(self.planes) == self.signal_at:
            signal.raise_signal(signal.SIGINT)
        for done in range(1, 4):
            if isinstance((yield PredictProgress(done, 3)), Stop):
                return
        bright = normalization.apply(image)[0] > 0.5
        scores = np.stack([~bright, bright]).astype(np.float16)
        yield PlaneResult(bright.astype(np.int32), scores, ("background", "object"))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeSegmentation:
    segmentation = FakeSegmentation()
    monkeypatch.setattr("napari_upaint.engine.segment.segment_plane", segmentation)
    return segmentation


def test_dyes_that_a_training_has_not_seen_are_said_to_be_mixed(
    files: Path, trained: Path, fake: FakeSegmentation, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the window each dye is a layer of its own, and a model that knows one was shown the mean of all."""
    gray = np.asarray(read_image(files / "cells.tif").data)
    dyes = Image(np.stack([gray, gray[::-1]]), "CYX", channel_names=("tubulin", "DAPI"))
    write_image(files / "dyes.tif", dyes)
    write_image(files / "colours.tif", Image(np.stack([gray] * 3, -1), "YXS"))
    words = "dyes.tif has 2 channels (tubulin, DAPI), but tiny has learnt from one channel: it sees a mixture"
    for name, model, told in (
        ("dyes.tif", trained, True),
        ("cells.tif", trained, False),
        ("colours.tif", trained, False),
        ("dyes.tif", "generalist-fast", False),
    ):
        assert segment(files / name, "--model", model, "-o", files / "results") == 0
        said = capsys.readouterr().err
        assert (words in said) == told and ("has learnt" in said) == told


def test_one_channel_is_looked_at_by_name_or_number(
    files: Path, trained: Path, fake: FakeSegmentation, capsys: pytest.CaptureFixture[str]
) -> None:
    gray = np.asarray(read_image(files / "cells.tif").data)
    write_image(files / "dyes.tif", Image(np.stack([gray[::-1], gray]), "CYX", channel_names=("tubulin", "DAPI")))
    segment(files / "cells.tif", "--model", trained, "-o", files / "alone")
    expected = read_image(files / "alone" / "cells_labels.tif").data
    for channel in ("dapi", "2"):
        out = files / f"of {channel}"
        assert segment(files / "dyes.tif", "--model", trained, "-o", out, "--channel", channel) == 0
        np.testing.assert_array_equal(read_image(out / "dyes_labels.tif").data, expected)
        assert "has learnt from" not in capsys.readouterr().err
    for channel in ("3", "0", "-1", "gfp"):
        assert segment(files / "dyes.tif", "--model", trained, "-o", files / "no", f"--channel={channel}") == 2
        told = f"dyes has no channel {channel}; choose one of 1 to 2 (tubulin, DAPI)."
        assert told in capsys.readouterr().err


def test_labels_and_scores_keep_the_scale(files: Path, trained: Path) -> None:
    out = files / "new" / "results"
    assert segment(files / "cells.tif", "--model", trained, "-o", out, "--scores") == 0
    image, labels, scores = (read_image(path) for path in (files / "cells.tif", *sorted(out.iterdir())))
    assert sorted(path.name for path in out.iterdir()) == ["cells_labels.tif", "cells_scores.tif"]
    assert labels.data.shape == image.data.shape
    assert labels.data.dtype.kind in "iu"
    assert scores.axes == "CYX"
    assert scores.channel_names[:2] == ("background", "object")
    assert np.allclose(np.asarray(scores.data).sum(0), 1, atol=0.01)
    for written in (labels, scores):
        assert written.unit == image.unit == "micrometer"
        assert written.plane_spacing == pytest.approx(image.plane_spacing)


def test_a_bundled_model_finds_once_how_it_sees_an_image(
    files: Path,
    trained: Path,
    fake: FakeSegmentation,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    looked: list[list[np.ndarray]] = []
    found = Sight(0.5)

    def look(windows: list[np.ndarray], *_: object) -> Generator[PredictProgress | Sight, Any, None]:
        looked.append(windows)
        yield PredictProgress(0, 1)
        yield found

    monkeypatch.setattr("napari_upaint.engine.tasks.look", look)
    gray = np.asarray(read_image(files / "cells.tif").data)
    write_image(files / "movie.tif", Image(np.stack([gray + n for n in range(4)]), "TYX"))
    for model, seen in (("generalist-fast", found), (trained, None)):
        out = files / str(seen)
        assert segment(files / "movie.tif", "--model", model, "-o", out) == 0
        assert fake.said["sight"] == seen
        assert ("seen at 0.5 times its size" in capsys.readouterr().out) == (seen is not None)
    assert [[window.shape for window in windows] for windows in looked] == [[(1, *gray.shape)] * 3]
    # Planes of all time points tell, also if volumes are to be segmented: the window looks at the same ones.
    volumes = np.stack([[gray // 2 + 4 * t + z for z in range(4)] for t in range(3)])
    write_image(files / "volumes.tif", Image(volumes, "TZYX"))
    assert segment(files / "volumes.tif", "--model", "generalist-fast", "-o", files / "deep", "--volumes") == 0
    assert sorted(int(window.min()) for window in looked.pop()) == [gray.min() // 2 + 4 * t + 2 for t in range(3)]
    # All pixels are the same: so is how they are seen.
    planes, again = len(fake.planes), ("--model", "generalist-fast", "-o")
    looked.clear()
    assert segment(files / "movie.tif", *again, files / str(found)) == 0
    assert len(fake.planes) == planes and not looked
    # Of a part, this cannot be told: what was made at another scale is made again.
    fake.signal_at = planes + 3
    assert segment(files / "movie.tif", *again, files / "part") == 130
    found = Sight(0.7)
    assert segment(files / "movie.tif", *again, files / "part") == 0
    assert len(fake.planes) == planes + 3 + 4


def test_scores_are_written_on_request_only(files: Path, trained: Path, fake: FakeSegmentation) -> None:
    assert segment(files / "cells.tif", "--model", trained, "-o", files / "out") == 0
    assert [path.name for path in (files / "out").iterdir()] == ["cells_labels.tif"]


def test_results_too_large_for_memory_are_kept_in_a_file(
    files: Path,
    trained: Path,
    fake: FakeSegmentation,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made: list[object] = []
    memmap = np.memmap
    monkeypatch.setattr("numpy.memmap", lambda *args, **more: made.append(args) or memmap(*args, **more))
    for name in ("in memory", "in files"):
        assert not made
        assert segment(files / "cells.tif", "--model", trained, "-o", files / name, "--scores") == 0
        monkeypatch.setattr("napari_upaint.commands._segmenting._IN_FILE_FROM", 1000)
    for path in (files / "in memory").iterdir():
        one, other = (read_image(folder / path.name) for folder in (files / "in memory", files / "in files"))
        np.testing.assert_array_equal(one.data, other.data)
        assert (one.axes, one.spacing, one.data.dtype) == (other.axes, other.spacing, other.data.dtype)
    assert len(made) == 2
    assert len(list((files / "in files").iterdir())) == 2  # nothing is left behind
    monkeypatch.setattr("numpy.memmap", Mock(side_effect=OSError(errno.ENODEV, "No such device")))
    assert segment(files / "cells.tif", "--model", trained, "-o", files / "unmapped") == 0
    room = 4 * read_image(files / "cells.tif").data.size  # for the labels, which take it later, but not for scores, too
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=room))
    assert segment(files / "cells.tif", "--model", trained, "-o", files / "unmapped") == 0
    assert segment(files / "cells.tif", "--model", trained, "-o", files / "full", "--scores") == 2
    assert "choose a folder on a larger disk" in capsys.readouterr().err


def test_options_reach_the_engine(files: Path, trained: Path, fake: FakeSegmentation) -> None:
    options = "--rotations 7 --tile 188 --threshold 0.4 --smallest 5 --split --no-fill-holes --device cpu".split()
    assert segment(files / "cells.tif", "--model", trained, "-o", files / "out", *options) == 0
    assert (fake.said["settings"].rotations, fake.said["settings"].tile) == (7, 188)
    objects = fake.said["objects"]
    assert (objects.threshold, objects.smallest, objects.split, objects.fill_holes) == (0.4, 5, True, False)
    assert fake.said["device"] == "cpu"


@pytest.mark.parametrize("axes", ["ZYX", "TYX", "TZYX", "TZCYX"])
def test_stacks_slice_by_slice_with_one_normalization(
    axes: str, files: Path, trained: Path, fake: FakeSegmentation, crops: tuple[np.ndarray, ...]
) -> None:
    lengths = {"T": 2, "Z": 3, "C": 2}
    leading = [lengths[letter] for letter in axes[:-2]]
    rng = np.random.default_rng(0)
    stack = (crops[0] * rng.uniform(0.5, 1, [*leading, 1, 1])).astype(crops[0].dtype)
    tifffile.imwrite(files / "stack.tif", stack, imagej=True, metadata={"axes": axes})
    assert segment(files / "stack.tif", "--model", trained, "-o", files / "out", "--scores") == 0
    labels, scores = (read_image(files / "out" / f"stack_{what}.tif") for what in ("labels", "scores"))
    assert labels.axes == axes.replace("C", "")
    assert scores.axes == labels.axes[:-2] + "CYX"
    assert len(set(fake.normalizations)) == 1
    planes = stack.reshape(-1, lengths["C"] if "C" in axes else 1, *crops[0].shape)
    assert all(np.array_equal(*pair) for pair in zip(fake.planes, planes, strict=True))
    expected = fake.normalizations[0].apply(planes.swapaxes(0, 1))[0] > 0.5
    assert np.array_equal(np.asarray(labels.data).reshape(expected.shape) > 0, expected)


def test_a_bad_file_does_not_stop_the_others(
    files: Path, trained: Path, fake: FakeSegmentation, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = files / "plates"
    folder.mkdir()
    (files / "cells.tif").rename(folder / "c.tif")
    (folder / "a.tif").write_text("no image")
    tifffile.imwrite(folder / "b.tif", np.full((50, 50), 9, np.uint8))
    assert segment(folder, files / "gone.tif", "--model", trained, "-o", files / "out") == 2
    assert [path.name for path in (files / "out").iterdir()] == ["c_labels.tif"]
    *said, summary = capsys.readouterr().err.splitlines()
    assert len(said) == 3
    assert all(line.startswith("upaint segment: ") for line in said)
    assert all(word in line for word, line in zip(("a.tif", "constant", "gone.tif"), said, strict=True))
    assert summary == "upaint segment: 3 of 4 images failed, wholly or in part: a.tif, b.tif, gone.tif"


def test_what_is_wrong_is_said_at_once(
    files: Path, trained: Path, fake: FakeSegmentation, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []

    def look(*arguments: Any, **more: Any) -> Generator[Any, Any, None]:
        said.append(capsys.readouterr().err)
        yield from fake(*arguments, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_upaint.engine.segment.segment_plane", look)
        assert segment(files / "gone.tif", files / "cells.tif", "--model", trained, "-o", files / "out") == 2
    [before] = said
    assert before.startswith("upaint segment: There is no file")


def test_not_even_the_unexpected_stops_the_others(
    files: Path,
    trained: Path,
    fake: FakeSegmentation,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail_once(*arguments: Any, **said: Any) -> Generator[Any, Any, None]:
        if not fake.planes:
            fake.planes.append(arguments[0])
            raise MemoryError
        yield from fake(*arguments, **said)

    monkeypatch.setattr("napari_upaint.engine.segment.segment_plane", fail_once)
    (files / "more.tif").write_bytes((files / "cells.tif").read_bytes())
    assert segment(files / "cells.tif", files / "more.tif", "--model", trained, "-o", files / "out") == 1
    assert [path.name for path in (files / "out").iterdir()] == ["more_labels.tif"]
    said = capsys.readouterr().err  # which explains itself, without a traceback
    assert said.startswith("upaint segment: cells.tif: Memory ran out")
    assert said.count("\n") == 1


@pytest.mark.parametrize("bad", [[7], [0], [0, 7, 29]])  # on 0 and 29 gray values are measured
def test_a_bad_plane_does_not_stop_the_others(
    bad: list[int], files: Path, trained: Path, fake: FakeSegmentation, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = np.stack([tifffile.imread(files / "cells.tif").astype(np.float32)] * 30)
    for at in bad:
        stack[at, 3, 4] = np.nan
    tifffile.imwrite(files / "movie.tif", stack, imagej=True, metadata={"axes": "TYX"})
    engine = fake.__call__

    def refuse(image: np.ndarray, *others: Any, **said: Any) -> Generator[Any, Any, None]:
        if not np.isfinite(image).all():
            raise ImageError("The image has pixels that are NaN or infinite; replace them by numbers.")
        yield from engine(image, *others, **said)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_upaint.engine.segment.segment_plane", refuse)
        assert segment(files / "movie.tif", "--model", trained, "-o", files / "out", "--scores") == 2
    found = [tifffile.imread(files / "out" / f"movie_{what}.tif") for what in ("labels", "scores")]
    for results in found:
        filled = results.reshape(30, -1).any(axis=1)
        assert list(np.flatnonzero(~filled)) == bad
    said = capsys.readouterr()
    assert said.out.rstrip().endswith(f"in {30 - len(bad)} of 30 planes")
    assert said.err == (
        f"upaint segment: Plane T={bad[0]} of movie.tif (the first is 0) has pixels that are NaN or infinite; replace"
        f" them by numbers. It is empty in the results{', and so are 2 more' * (len(bad) > 1)}.\n"
    )


@pytest.mark.parametrize("bad", [7, 0])  # on 0 gray values are measured
def test_a_plane_that_cannot_be_read_does_not_stop_the_others(
    bad: int,
    files: Path,
    trained: Path,
    fake: FakeSegmentation,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(images, "LAZY_FROM", 0)
    path = files / "movie.tif"
    stack = np.stack([tifffile.imread(files / "cells.tif")] * 20)
    tifffile.imwrite(path, stack, photometric="minisblack", compression="zlib", metadata={"axes": "TYX"})
    with tifffile.TiffFile(path) as opened:
        start = opened.pages[bad].dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[start : start + 40] = bytes(40)
    path.write_bytes(content)
    for run in range(2):
        assert segment(path, "--model", trained, "-o", files / "out") == 2
        found = tifffile.imread(files / "out" / "movie_labels.tif")
        assert list(np.flatnonzero(~found.reshape(20, -1).any(axis=1))) == [bad]
        said = capsys.readouterr()
        assert said.err.startswith(f"upaint segment: movie.tif: Plane T={bad} of movie (the first is 0) cannot be read")
        assert said.err.endswith("; check where its file lies, or copy it again. It is empty in the results.\n")
        assert ("(19 of them from an earlier run)" in said.out) == (run == 1)
    assert len(fake.planes) == 19


def test_a_folder_of_images_and_results_can_be_segmented_again(
    files: Path, trained: Path, fake: FakeSegmentation
) -> None:
    folder = files / "plates"
    folder.mkdir()
    (files / "cells.tif").rename(folder / "cells.tif")
    for _ in range(2):
        assert segment(folder, "--model", trained, "-o", folder, "--scores") == 0
        assert sorted(path.name for path in folder.iterdir()) == ["cells.tif", "cells_labels.tif", "cells_scores.tif"]


def test_two_images_that_would_become_one_file_are_refused(
    files: Path, trained: Path, fake: FakeSegmentation, capsys: pytest.CaptureFixture[str]
) -> None:
    (files / "other").mkdir()
    (files / "other" / "cells.tif").write_bytes((files / "cells.tif").read_bytes())
    assert segment(files / "cells.tif", files / "other" / "cells.tif", "--model", trained, "-o", files / "out") == 2
    said = capsys.readouterr().err
    assert "cells_labels.tif" in said and "files of one kind" in said
    assert not fake.planes


def test_names_that_a_disk_takes_for_the_same_are_refused(
    files: Path, trained: Path, fake: FakeSegmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    (files / "other").mkdir()
    (files / "other" / "CELLS.tif").write_bytes((files / "cells.tif").read_bytes())
    both = files / "cells.tif", files / "other" / "CELLS.tif"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert segment(*both, "--model", trained, "-o", files / "out") == 2
    monkeypatch.setattr(sys, "platform", "linux")
    assert segment(*both, "--model", trained, "-o", files / "out") == 0


def test_ctrl_c_keeps_what_is_finished_and_says_what_failed(
    files: Path, trained: Path, fake: FakeSegmentation, capsys: pytest.CaptureFixture[str]
) -> None:
    copies = [files / f"{name}.tif" for name in "abc"]
    for path in copies:
        path.write_bytes((files / "cells.tif").read_bytes())
    fake.signal_at = 2
    assert segment(files / "gone.tif", *copies, "--model", trained, "-o", files / "out") == 130
    assert [path.name for path in (files / "out").iterdir()] == ["a_labels.tif"]
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith(f"upaint segment: There is no file {files / 'gone.tif'}")
    ending = "upaint segment: stopped at image 3 of 4, b.tif"
    assert said[-2:] == [f"{ending}; the same command goes on there", "upaint segment: interrupted"]
    fake.signal_at = len(fake.planes) + 1
    assert segment(files / "gone.tif", *copies, "--model", trained, "-o", files / "out", "--overwrite") == 130
    assert "upaint segment: stopped at image 2 of 4, a.tif" in capsys.readouterr().err.splitlines()  # not going on


def test_the_finished_planes_of_a_movie_that_is_stopped_are_kept_beside_results_that_count(
    files: Path, trained: Path, fake: FakeSegmentation, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = files / "movies"
    folder.mkdir()
    stack = np.stack([tifffile.imread(files / "cells.tif")] * 5)
    tifffile.imwrite(folder / "movie.tif", stack, imagej=True, metadata={"axes": "TYX"})
    fake.signal_at = 4
    arguments = (folder, "--model", trained, "-o", folder)
    assert segment(*arguments, "--scores") == 130
    said = capsys.readouterr()
    assert said.out.rstrip().endswith("in 3 of 5 planes")
    assert said.err.splitlines()[-1] == "upaint segment: interrupted"
    names = ["movie_stopped_labels.tif", "movie_stopped_scores.tif"]
    assert sorted(path.name for path in folder.iterdir()) == ["movie.tif", *names]
    for name in names:
        filled = tifffile.imread(folder / name).reshape(5, -1).any(axis=1)
        assert list(filled) == [True] * 3 + [False] * 2
    assert segment(*arguments) == 0  # they are not images, and no longer of use
    assert sorted(path.name for path in folder.iterdir()) == ["movie.tif", "movie_labels.tif"]


def test_what_is_of_no_use_any_more_may_be_removed_by_another_process_at_the_same_time(
    files: Path, trained: Path, fake: FakeSegmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = np.stack([tifffile.imread(files / "cells.tif")] * 5)
    tifffile.imwrite(files / "movie.tif", stack, imagej=True, metadata={"axes": "TYX"})
    fake.signal_at = 4
    arguments = (files / "movie.tif", "--model", trained, "-o", files / "out")
    assert segment(*arguments) == 130

    def meanwhile(path: Path, *marks: str) -> bool:
        path.unlink(missing_ok=True)
        return True

    monkeypatch.setattr("napari_upaint.commands.segment.is_marked", meanwhile)
    assert segment(*arguments) == 0


def test_stopped_while_an_empty_plane_is_done_again_it_says_so(
    files: Path, trained: Path, fake: FakeSegmentation
) -> None:
    """Nothing is left to be done, but `upaint segment ... && upaint measure ...` must not go on."""
    stack = np.stack([tifffile.imread(files / "cells.tif")] * 3)
    stack[1] = 0
    tifffile.imwrite(files / "movie.tif", stack, imagej=True, metadata={"axes": "TYX"})
    arguments = (files / "movie.tif", "--model", trained, "-o", files / "out")
    assert segment(*arguments) == 0
    before = tifffile.imread(files / "out" / "movie_labels.tif")
    fake.signal_at = len(fake.planes) + 1
    assert segment(*arguments) == 130
    assert len(fake.planes) == fake.signal_at
    np.testing.assert_array_equal(tifffile.imread(files / "out" / "movie_labels.tif"), before)


def test_the_same_command_goes_on_where_it_was_stopped_and_keeps_nothing_else(
    files: Path, trained: Path, fake: FakeSegmentation, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = np.stack([tifffile.imread(files / "cells.tif")] * 5)
    out, movie, model = files / "out", files / "movie.tif", files / "m.safetensors"
    model.write_bytes(trained.read_bytes())

    def write() -> None:
        tifffile.imwrite(movie, stack, imagej=True, metadata={"axes": "TYX"})

    def computed(*options: object, stop: int = 0) -> int:
        fake.planes.clear()
        fake.signal_at = stop
        assert segment(movie, "--model", model, "-o", out, *options) == (130 if stop else 0)
        return len(fake.planes)

    write()
    assert computed(stop=3) == 3
    assert computed(stop=2) == 2
    assert "in 3 of 5 planes (2 of them from an earlier run)" in capsys.readouterr().out
    assert computed() == 2
    assert "in 5 planes (3 of them from an earlier run)" in capsys.readouterr().out
    assert [path.name for path in out.iterdir()] == ["movie_labels.tif"]
    labels = tifffile.imread(out / "movie_labels.tif")
    assert computed("--tile", 256) == 0
    assert computed("--overwrite") == 5
    np.testing.assert_array_equal(tifffile.imread(out / "movie_labels.tif"), labels)
    assert computed("--scores") == 5
    with pytest.MonkeyPatch.context() as exactly:
        exactly.setenv("UPAINT_EXACT", "1")
        assert computed() == 5
    assert computed("--threshold", 0.4) == 5
    assert computed("--threshold", 0.4, "--rotations", 2) == 5
    if Path("/proc/self/fd").is_dir():  # a large file is read when needed, and Windows does not replace an open one
        replaced = []

        def note(target: Path, *rest: Any, **options: Any) -> Path:
            replaced.extend(link for link in Path("/proc/self/fd").iterdir() if link.resolve() == target.resolve())
            return write_labels(target, *rest, **options)

        with pytest.MonkeyPatch.context() as lazily:
            lazily.setattr(images, "LAZY_FROM", 0)
            lazily.setattr(images, "write_labels", note)
            assert computed("--threshold", 0.4, "--rotations", 2) == 0
        assert not replaced
    stack[1] = stack[1, ::-1].copy()  # the gray values are the same
    write()
    assert computed(stop=4) == 4
    stack[4] = stack[4, ::-1].copy()  # had not been seen yet
    write()
    assert computed() == 2
    labels = tifffile.imread(out / "movie_labels.tif")
    assert (labels[1] != labels[0]).any()
    np.testing.assert_array_equal(labels[1:5:3], labels[:3:2][:, ::-1])  # each is that of its own plane
    loaded = load_model(model)
    save_model(ModelFile(loaded.header, {name: 2 * array for name, array in loaded.weights.items()}), model)
    assert computed() == 5


def test_who_insists_is_not_kept_waiting(files: Path, trained: Path, fake: FakeSegmentation) -> None:
    stack = np.stack([tifffile.imread(files / "cells.tif")] * 5)
    tifffile.imwrite(files / "movie.tif", stack, imagej=True, metadata={"axes": "TYX"})
    engine = fake.__call__

    def insist(*given: Any, **said: Any) -> Generator[Any, Any, None]:
        if len(fake.planes) == 2:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        yield from engine(*given, **said)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_upaint.engine.segment.segment_plane", insist)
        assert segment(files / "movie.tif", "--model", trained, "-o", files / "out") == 130
    assert not list((files / "out").iterdir())


@pytest.mark.skipif(os.name != "posix", reason="pipes that break")
def test_without_a_reader_no_further_image_is_segmented(
    files: Path,
    trained: Path,
    fake: FakeSegmentation,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (files / "more.tif").write_bytes((files / "cells.tif").read_bytes())
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as unread:
        monkeypatch.setattr("sys.stdout", unread)
        assert segment(files / "cells.tif", files / "more.tif", "--model", trained, "-o", files / "out") == 141
    assert len(fake.planes) == 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("scores", [False, True])
def test_scores_of_a_plane_are_not_kept(
    scores: bool, files: Path, trained: Path, fake: FakeSegmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[weakref.ref[np.ndarray]] = []

    def watched(*arguments: Any, **said: Any) -> Generator[Any, Any, None]:
        assert sum(one() is not None for one in made) <= 1
        for message in fake(*arguments, **said):
            if isinstance(message, PlaneResult):
                made.append(weakref.ref(message.scores))
            yield message

    monkeypatch.setattr("napari_upaint.engine.segment.segment_plane", watched)
    stack = np.stack([tifffile.imread(files / "cells.tif")] * 4)
    tifffile.imwrite(files / "stack.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    assert segment(files / "stack.tif", "--model", trained, "-o", files / "out", *["--scores"] * scores) == 0
    assert len(made) == 4


@pytest.mark.parametrize(
    ("model", "out", "words"),
    [
        ("cells.tif", "out", "not a U-Paint model"),
        ("truth", "out", "folder"),
        ("nowhere", "out", "nowhere"),
        ("tiny", "cells.tif", "cells.tif is a file; give the name of a folder"),
        ("tiny", "cells.tif/deeper", "cells.tif"),
    ],
)
def test_bad_models_and_folders(
    model: str,
    out: str,
    words: str,
    files: Path,
    trained: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(files)
    assert segment("cells.tif", "--model", trained if model == "tiny" else model, "-o", out) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert words in said
    assert not (files / "out").exists()


def test_a_read_only_folder(
    files: Path, trained: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    # Root may write anywhere, so the refusal is faked.
    monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)
    assert segment(files / "cells.tif", "--model", trained, "-o", files / "out") == 2
    assert (
        capsys.readouterr().err
        == f"upaint segment: Cannot write to {files / 'out'} (Permission denied); choose another folder.\n"
    )


def test_a_name_that_is_too_long_for_a_result_is_found_before_anything_is_segmented(
    files: Path, trained: Path, fake: FakeSegmentation, capsys: pytest.CaptureFixture[str]
) -> None:
    image = (files / "cells.tif").rename(files / f"{'n' * 245}.tif")
    for _ in range(2):  # the second time there is a folder
        assert segment(image, "--model", trained, "-o", files / "out") == 2
        assert capsys.readouterr().err.endswith(f" in {files / 'out'}; choose a shorter one.\n")
    assert not fake.planes
    assert not [*(files / "out").iterdir()]


def test_a_folder_without_images(files: Path, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "empty").mkdir()
    assert segment(files / "empty", "--model", trained, "-o", files / "out") == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_pixels_that_are_not_numbers(files: Path, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = tifffile.imread(files / "cells.tif").astype(np.float32)
    image[0, 0] = np.nan
    tifffile.imwrite(files / "nan.tif", image)
    assert segment(files / "nan.tif", "--model", trained, "-o", files / "out") == 2
    assert "nan.tif" in capsys.readouterr().err
