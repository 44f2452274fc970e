"""Records of trainings that were interrupted."""

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from napari_upaint.io.folders import data_folder
from napari_upaint.io.models import Architecture, ModelFile, ModelHeader, load_model, save_model
from napari_upaint.io.samples import open_sample
from napari_upaint.session.interrupted import (
    Asked,
    begin_training,
    end_training,
    give_up,
    interrupted_trainings,
    whole_run,
)
from napari_upaint.session.run import CurvePoint, Run
from napari_upaint.settings import AugmentSettings, TrainSettings, WeightSettings

SETTINGS = TrainSettings(seconds=60, seed=5)
ASKED = Asked("cells", (60, 80), "classes", "generalist-fast", SETTINGS, WeightSettings(), AugmentSettings())


def write(path, steps=7, seconds=12.5):
    """Do what the engine does now and then."""
    header = ModelHeader("m", Architecture(), training={"steps_done": steps, "seconds_done": seconds})
    save_model(ModelFile(header, {"a": np.ones(2, np.float32)}), path)


def found(image="cells", shape=(60, 80), **more):
    return interrupted_trainings(image, shape, **more)


def test_what_was_written_is_found(tmp_path):
    path = begin_training(ASKED)
    assert found() == []  # no weights yet: nothing to continue
    write(path)
    (one,) = found()
    assert one.asked == ASKED
    assert (one.steps, one.seconds, one.model) == (7, 12.5, path)
    assert one.remaining() == TrainSettings(seconds=47.5, seed=5)
    assert found("others") == found(shape=(60, 81)) == found(running=[path]) == []
    end_training(path)
    assert found() == []
    assert list(path.parent.iterdir()) == []


def test_a_training_on_another_file_of_that_name_is_left_out(tmp_path):
    monday, tuesday = tmp_path / "monday.tif", tmp_path / "tuesday.tif"
    monday.touch()
    write(begin_training(ASKED, file=str(monday)))
    assert found(file=str(monday))[0].file == str(monday)
    assert found(file=str(tuesday)) == []
    assert len(found()) == 1  # nobody knows
    monday.rename(tuesday)
    assert len(found(file=str(tuesday))) == 1


def test_steps_that_are_left():
    asked = Asked("cells", (60, 80), "objects", "", TrainSettings(steps=10), WeightSettings(), AugmentSettings())
    path = begin_training(asked)
    write(path)
    assert found()[0].remaining().steps == 3
    write(path, steps=10)
    assert found()[0].remaining().steps == 1


def test_a_second_is_left_at_least():
    write(begin_training(ASKED), seconds=100.0)
    assert found()[0].remaining().seconds == 1


def test_a_continuation_that_is_interrupted_too():
    first = begin_training(ASKED)
    write(first)
    second = begin_training(ASKED, found()[0])
    assert [one.model for one in found()] == [first]  # it has written nothing yet
    write(second, 4, 10.0)
    third = begin_training(ASKED, found()[0])
    (one,) = found()
    assert (one.model, one.steps, one.seconds) == (second, 11, 22.5)
    write(third, 1, 1.0)
    assert [one.steps for one in found()] == [12]
    end_training(third)
    assert list(first.parent.iterdir()) == []


def test_the_newest_comes_first():
    paths = [begin_training(ASKED) for _ in range(3)]
    for path, ago in zip(paths, (50, 10, 90), strict=True):
        write(path)
        os.utime(path, (time.time() - ago,) * 2)
    assert [one.model for one in found()] == [paths[1], paths[0], paths[2]]


def test_given_up_before_the_first_weights():
    first = begin_training(ASKED)
    write(first)
    give_up(begin_training(ASKED, found()[0]))
    assert [one.model for one in found()] == [first]
    assert len(list(first.parent.iterdir())) == 2
    give_up(first)  # it has weights: they are worth something
    assert len(found()) == 1


def test_the_training_of_another_window_is_left_alone():
    path = begin_training(ASKED)
    write(path)
    record = path.with_name(f"{path.stem}.training.json")

    def owned_by(pid):
        record.write_text(json.dumps(json.loads(record.read_text()) | {"pid": pid}))

    record.write_text(json.dumps(json.loads(record.read_text()) | {"computer": "another one"}))
    assert found() == []  # its process cannot be asked from here
    record.write_text(json.dumps(json.loads(record.read_text()) | {"computer": platform.node()}))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        owned_by(other.pid)
        assert found() == []
        for seconds, trains in ((60, True), (180, False)):  # whoever has that number then, it does not train
            ago = time.time() - seconds
            os.utime(path, (ago, ago))
            assert (found() == []) is trains
        write(path)
        other.communicate(b"\n")
    if os.name == "posix":
        assert len(found()) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "napari-upaint-training-1"}', "\0"])
def test_rubbish_is_left_out(text):
    path = begin_training(ASKED)
    write(path)
    path.with_name(f"{path.stem}.training.json").write_text(text)
    assert found() == []


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), "many", None])
def test_weights_that_do_not_say_how_long_they_were_trained_are_left_out(seconds):
    write(begin_training(ASKED), seconds=seconds)
    assert found() == []


def test_what_a_killed_engine_was_writing_is_removed_later():
    folder = begin_training(ASKED).parent
    left = folder / f".{'0a' * 8}.safetensors"
    left.touch()
    found()
    assert left.exists()
    os.utime(left, (0, 0))
    found()
    assert not left.exists()


def test_a_record_that_names_itself_is_no_endless_chain():
    path = begin_training(ASKED)
    write(path)
    record = path.with_name(f"{path.stem}.training.json")
    itself = {"continued": {"steps": 1, "seconds": 1.0, "model": path.name}}
    record.write_text(json.dumps(json.loads(record.read_text()) | itself))
    assert found() == []
    end_training(path)
    assert list(path.parent.iterdir()) == []


def test_the_whole_run():
    path = begin_training(ASKED)
    write(path)
    settings = TrainSettings(seconds=47.5), WeightSettings(), AugmentSettings()
    curve = (CurvePoint(1, 0.5, 0.3, None),)
    run = Run("n", "2026-01-01", "classes", "", *settings, curve, 0.5, 0.2, True, 20, 47.0, "", ("cells",))
    whole = whole_run(run, found()[0])
    assert (whole.steps, whole.seconds, whole.settings) == (27, 59.5, SETTINGS)
    assert whole.curve == (CurvePoint(8, 13.0, 0.3, None),)


@pytest.mark.skipif(os.name != "posix", reason="needs kill -9")
def test_kill_9_of_the_window_costs_seconds(tmp_path):
    program = Path(__file__).with_name("upaint_killed_training.py")
    shape = open_sample("nuclei_fluorescence").image.data.shape
    with subprocess.Popen([sys.executable, str(program), str(tmp_path / "seconds")]) as user:
        try:
            end = time.monotonic() + 120
            while not list((data_folder() / "trainings").glob("*.safetensors")):
                assert user.poll() is None
                assert time.monotonic() < end
                time.sleep(0.05)
            time.sleep(1.5)
            assert found(shape=shape) == []  # it lives
        finally:
            user.kill()
    (one,) = found(shape=shape)
    partial = load_model(one.model)
    assert one.steps > 0
    assert partial.header.border
    assert float((tmp_path / "seconds").read_text()) - one.seconds < 5  # of a machine that may be busy


def test_nothing_is_found_on_a_drive_that_is_away(away, monkeypatch):
    monkeypatch.setenv("UPAINT_HOME", str(away))
    assert interrupted_trainings("cells", (4, 4)) == []
