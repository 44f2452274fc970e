"""Finished runs: the way back, new names, the trash."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_upaint.errors import FileError, ModelError, UserError
from napari_upaint.io.folders import user_models_folder
from napari_upaint.io.models import Architecture, ModelFile, ModelHeader, bundled_models, load_model, save_model
from napari_upaint.session.history import delete_run, find_start, rename_run, run_of, start_of, trash_folder
from napari_upaint.session.run import Run, list_runs, load_run, save_run
from napari_upaint.settings import AugmentSettings, TrainSettings, WeightSettings

MODEL = ModelFile(ModelHeader("m", Architecture()), {"a": np.ones((2, 3), np.float32)})


def a_run(name="nuclei", start="", date="2026-01-02T10:00:00+01:00", model=MODEL):
    settings = TrainSettings(), WeightSettings(), AugmentSettings()
    run = Run(name, date, "objects", str(start), *settings, (), 0.5, 0.25, True, 3, 1.0, "Better.", ("cells",))
    return save_run(run, model)


def test_the_way_back(tmp_path):
    first = a_run("first", bundled_models()[0])
    second = a_run("second", first.model)
    runs = list_runs()
    assert run_of(second.model, runs) == second
    assert run_of(bundled_models()[0], runs) is None
    assert run_of(None, runs) is None
    assert start_of(second) == first.model
    assert start_of(first) == bundled_models()[0]
    assert start_of(a_run("scratch")) is None
    assert start_of(a_run("elsewhere", f"/another/computer/{bundled_models()[0].name}")) == bundled_models()[0]
    assert start_of(a_run("moved", f"/another/computer/{first.model.name}")) == first.model
    assert start_of(a_run("from Windows", rf"C:\another\computer\{first.model.name}")) == first.model
    dotted = save_model(MODEL, user_models_folder() / "nuclei 0.5.safetensors")
    assert start_of(a_run("dotted", "nuclei 0.5")) == dotted
    outside = save_model(MODEL, tmp_path / "mine.safetensors")
    assert start_of(a_run("outside", outside)) == outside
    own = save_model(MODEL, user_models_folder() / bundled_models()[0].name)  # of a name that a bundled one has, too
    assert start_of(a_run("own", f"/another/computer/{own.name}")) == own
    interrupted = str(first.model)  # as the record of a training that was running says
    first = rename_run(rename_run(first, "better"), "best")
    assert find_start(interrupted) == first.model
    second = replace(second, start=str(first.model))
    delete_run(first)
    with pytest.raises(ModelError, match=r"second.*undone: the model best.* that it started from is gone"):
        start_of(second)


def test_deleted_is_in_the_trash():
    first, second = a_run(), a_run()
    assert delete_run(first) == trash_folder()
    assert list_runs() == [second]
    (thrown,) = list_runs(trash_folder())
    assert thrown.model.parent == trash_folder()
    np.testing.assert_array_equal(load_model(thrown.model).weights["a"], MODEL.weights["a"])


def test_two_of_one_name_in_the_trash():
    for _ in range(3):
        delete_run(a_run())
    assert len(list_runs(trash_folder())) == 3
    assert all(run.model for run in list_runs(trash_folder()))


def test_a_run_without_a_model_goes_too():
    run = a_run(model=None)
    delete_run(run)
    assert list_runs() == []


def test_a_trash_that_cannot_be_made_leaves_all():
    run = a_run()
    (user_models_folder() / "trash").write_text("in the way")
    with pytest.raises(FileError, match="Cannot move"):
        delete_run(run)
    assert list_runs() == [run]


def test_what_can_be_moved_in_part_only_stays_where_it_was(monkeypatch):
    run, real = a_run(), Path.rename

    def rename(path, target):
        if path.name.endswith(".run.json"):
            raise PermissionError(13, "somebody has it open")
        return real(path, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(FileError, match="Cannot move"):
        delete_run(run)
    assert list_runs() == [run] and run.model.is_file()


def test_another_name_for_everything():
    first = a_run("first")
    os.utime(first.model, (10**9, 10**9))
    second, other = a_run("second", first.model), a_run("other", bundled_models()[0])
    renamed = rename_run(first, "  dividing\n cells ")
    assert renamed.name == "dividing cells"
    assert renamed.id.startswith("dividing cells 2026-01-02")
    assert load_model(renamed.model).header.name == "dividing cells"
    assert renamed.model.stat().st_mtime == 10**9
    assert {run.id for run in list_runs()} == {renamed.id, second.id, other.id}
    assert load_run(user_models_folder() / f"{renamed.id}.run.json") == renamed
    again = next(run for run in list_runs() if run.id == second.id)
    assert start_of(again) == renamed.model
    assert other in list_runs()
    assert not first.model.exists()


def test_the_same_name_again_is_no_loss():
    run = a_run("first")
    renamed = rename_run(run, "first")
    assert [one.name for one in list_runs()] == ["first"]
    assert renamed.model.is_file()


def test_a_run_without_a_model_gets_another_name_too():
    renamed = rename_run(a_run("first", model=None), "second")
    assert list_runs() == [renamed] and (renamed.name, renamed.model) == ("second", None)


def test_a_record_that_cannot_be_written_leaves_one_model():
    run = a_run("first")
    (user_models_folder() / f"{run.id}.run.json").unlink()
    with pytest.raises(FileError):
        rename_run(run, "second")
    assert list(user_models_folder().iterdir()) == [run.model]


def test_no_name_is_refused():
    run = a_run()
    with pytest.raises(UserError, match="empty"):
        rename_run(run, " \n")
    assert list_runs() == [run]


def test_runs_on_a_drive_that_is_away_stay_as_they_are(away, monkeypatch):
    run = a_run()
    monkeypatch.setenv("UPAINT_HOME", str(away))
    with pytest.raises(FileError, match=r"Cannot move nuclei .*\(Transport endpoint is not connected\)"):
        delete_run(run)
    with pytest.raises(FileError, match=r"Cannot read .*run\.json \(No such file or directory\); was it moved"):
        rename_run(replace(run, model=None), "cells")
