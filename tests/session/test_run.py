"""Records of trainings: what goes in comes out, whatever lies next to it."""

import json
import math
import os
import threading
import time
from dataclasses import asdict, replace

import numpy as np
import pytest

from napari_upaint.core.normalize import Normalization
from napari_upaint.core.sample import Sample
from napari_upaint.engine.progress import TrainProgress, TrainResult
from napari_upaint.errors import FileError
from napari_upaint.io.folders import user_models_folder
from napari_upaint.io.models import (
    Architecture,
    ModelFile,
    ModelHeader,
    list_models,
    load_model,
    save_model,
)
from napari_upaint.session.protocol import TrainRequest
from napari_upaint.session.run import CurvePoint, curve_of, list_runs, load_run, read_settings, record, save_run
from napari_upaint.settings import AugmentSettings, TrainSettings

MODEL = ModelFile(ModelHeader("m", Architecture()), {"a": np.ones((2, 3), np.float32)})


def progress(n):
    return [TrainProgress("training", i, i / 10, 60, 0.1, 1 / (i + 1), 0.5 if i % 100 == 7 else None) for i in range(n)]


def a_run(name="nuclei", before=math.nan, start=MODEL):
    annotation = np.array([[0, 1, 1], [2, 3, 300]])
    sample = Sample(np.zeros((1, 2, 3)), annotation, Normalization((0.0,), (1.0,)), name="first.tif")
    request = TrainRequest((sample, sample), start=start, settings=TrainSettings(seconds=12, seed=3), name=name)
    result = TrainResult(MODEL, True, before, 0.25, 30, 11.5)
    return record(request, progress(30), result)


def test_a_run_comes_back_as_it_was():
    saved = save_run(a_run(), MODEL)
    assert list_runs() == [saved]
    assert saved.settings == TrainSettings(seconds=12, seed=3)
    assert saved.start == "m"
    assert saved.before is None
    assert saved.after == 0.25
    assert saved.painted == {1: 4, 2: 6}
    assert saved.images == ("first.tif",)
    assert len(saved.curve) == 30
    np.testing.assert_array_equal(load_model(saved.model).weights["a"], MODEL.weights["a"])
    assert saved.model in list_models()


def test_a_run_says_what_it_started_from():
    path = user_models_folder() / "mine.safetensors"
    assert [a_run(start=start).start for start in (path, "generalist-fast", None)] == [str(path), "generalist-fast", ""]


def test_runs_of_the_same_second_and_odd_names_do_not_meet(tmp_path):
    names = ["nuclei", "nuclei", "../../etc/passwd", "", "ü 細胞 \0 /", "x" * 500, "a" * 39 + ". b", "con\n"]
    for name in names:
        save_run(a_run(name), MODEL)
    runs = list_runs()
    assert sorted(run.name for run in runs) == sorted(names)
    assert len({run.model for run in runs}) == len(names)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_runs_that_two_docks_save_at_the_same_time_do_not_meet(monkeypatch):
    def slowly(model, path):
        time.sleep(0.2)
        return save_model(model, path)

    monkeypatch.setattr("napari_upaint.session.run.save_model", slowly)
    docks = [threading.Thread(target=save_run, args=(a_run("nuclei"), MODEL)) for _ in range(2)]
    for dock in docks:
        dock.start()
    for dock in docks:
        dock.join()
    assert len({run.model for run in list_runs()}) == 2


def test_runs_that_two_windows_save_at_the_same_time_do_not_meet(monkeypatch):
    run, others = a_run("nuclei"), ["window"]

    def meanwhile(model, path):
        if others:
            others.clear()
            save_run(run, MODEL)  # as another process would
        return save_model(model, path)

    monkeypatch.setattr("napari_upaint.session.run.save_model", meanwhile)
    save_run(run, MODEL)
    assert len({run.model for run in list_runs()}) == 2


def test_a_record_holds_only_what_every_program_can_read(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_run(replace(a_run(), before=float("nan")), MODEL)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("what", ["save_model", "write_json"])  # of the model, of the record
def test_a_run_that_cannot_be_written_leaves_nothing(monkeypatch, what):
    def full(*_, **__):
        raise FileError("Cannot write it (No space left on device); make room.")

    monkeypatch.setattr(f"napari_upaint.session.run.{what}", full)
    with pytest.raises(FileError, match="No space"):
        save_run(a_run("nuclei"), MODEL)
    assert list(user_models_folder().iterdir()) == []


def test_a_run_without_a_model_and_one_whose_model_is_gone():
    save_run(a_run("none"), None)
    gone = save_run(a_run("gone"), MODEL)
    gone.model.unlink()
    assert [run.model for run in list_runs()] == [None, None]


def test_of_runs_of_the_same_second_the_newest_is_first():
    names = ["b", "c", "a"]
    for name in names:
        save_run(a_run(name), None)
    assert [run.name for run in list_runs()] == names[::-1]


def test_runs_are_listed_newest_first_and_rubbish_is_left_out():
    assert list_runs() == []
    dates = ["2026-01-02T10:00:00+01:00", "2026-01-02T09:30:00+00:00", "2025-12-31T23:00:00-05:00"]
    for i, date in enumerate(dates):
        saved = save_run(a_run(), None)
        path = user_models_folder() / f"{saved.id}.run.json"
        raw = json.loads(path.read_text())
        path.write_text(json.dumps(raw | {"date": date, "message": str(i)}))
    undated, ancient = (json.dumps(raw | {"date": date}) for date in ("yesterday", "0001-01-01"))
    strange = json.dumps(raw | {"kind": '" & calc & "'})  # it would go into a command
    foreign = ["", "{", "[]", "null", '{"format": "napari-upaint-run-1"}', "\0\xff", undated, ancient, strange]
    for i, text in enumerate(foreign):
        (user_models_folder() / f"rubbish {i}.run.json").write_text(text)
    assert [run.message for run in list_runs()] == ["1", "0", "2"]
    with pytest.raises(FileError, match="not a record of a training"):
        load_run(user_models_folder() / "rubbish 1.run.json")


def test_names_in_a_record_are_words_whatever_somebody_wrote():
    saved = save_run(a_run(), None)
    path = user_models_folder() / f"{saved.id}.run.json"
    path.write_text(
        json.dumps(json.loads(path.read_text()) | {"images": [["a"]], "former": [{}], "name": 5, "start": 6})
    )
    run = load_run(path)
    assert (run.name, run.start, run.images, run.former) == ("5", "6", ("['a']",), ("{}",))


@pytest.mark.parametrize("name", ["seconds", "before", "after", "loss", "validation", "end"])
def test_numbers_in_a_record_are_numbers_whatever_somebody_wrote(name):
    """Or the list of trainings could not be shown, and drawing the curve would end the program."""
    saved = save_run(a_run(), None)
    path = user_models_folder() / f"{saved.id}.run.json"
    raw = json.loads(path.read_text())
    known = {"step": 1, "seconds": 1.0, "loss": 0.5, "validation": 0.5}
    for value in ("1e400", "-1e400", "NaN", "1" + "0" * 400, '"abc"', "[]"):
        if name in raw:
            edited = raw | {name: "here"}
        else:
            edited = raw | {"curve": [known | {"seconds" if name == "end" else name: "here"}]}
        path.write_text(json.dumps(edited).replace('"here"', value))
        for run in list_runs():
            numbers = run.seconds, run.before, run.after, *(x for one in run.curve for x in asdict(one).values())
            assert all(one is None or math.isfinite(one) for one in numbers), value


def test_settings_of_another_version_are_read_as_far_as_known():
    saved = save_run(a_run(), None)
    path = user_models_folder() / f"{saved.id}.run.json"
    raw = json.loads(path.read_text())
    raw["settings"]["of the future"] = 1
    del raw["settings"]["hold"]
    path.write_text(json.dumps(raw))
    assert list_runs()[0].settings == saved.settings


def test_settings_of_another_type_are_left_out():
    """No form could show them."""
    raw = {"flip": "often", "rotate": None, "grid": 3.5, "zoom": 2, "gray": [0.1]}
    assert read_settings(AugmentSettings, raw) == AugmentSettings(zoom=2)


def test_what_a_newer_version_adds_to_a_record_is_passed_over():
    saved = save_run(a_run(), MODEL)
    path = user_models_folder() / f"{saved.id}.run.json"
    raw = json.loads(path.read_text())
    raw["mood"], raw["curve"] = "good", [{"step": 1, "seconds": 1.0, "loss": 0.5, "validation": None, "mood": "good"}]
    path.write_text(json.dumps(raw))
    assert load_run(path).curve == (CurvePoint(1, 1.0, 0.5, None),)


def test_a_model_named_elsewhere_is_not_followed(tmp_path):
    saved = save_run(a_run(), MODEL)
    path = user_models_folder() / f"{saved.id}.run.json"
    secret = tmp_path / "secret.safetensors"
    secret.write_text("x")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model": str(secret)}))
    assert load_run(path).model is None


def test_long_curves_are_thinned_and_keep_every_validation_and_the_end():
    points = curve_of([TrainProgress("finding the scale", 0, 0, 60, 0), *progress(54_321)])
    assert len(points) < 2000
    assert sum(one.validation is not None for one in points) == 544
    assert points[-1].step == 54_320
    assert (points[0].step, points[0].loss) == (0, 1)
    assert curve_of([]) == ()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs permissions that hold")
def test_a_folder_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(FileError):
        save_run(a_run(), MODEL)


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "home").write_text("")
    with pytest.raises(FileError):
        save_run(a_run(), MODEL)
