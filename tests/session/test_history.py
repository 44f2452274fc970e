"""Runs that are over: the way back, other names, the trash."""

import os
from pathlib import Path

import numpy as np
import pytest

from napari_upaint.errors import FileError, ModelError, UserError
from napari_upaint.io.models import Architecture, ModelFile, ModelHeader, bundled_models, load_model
from napari_upaint.session.history import delete_run, rename_run, run_of, start_of, trash_folder
from napari_upaint.session.run import Run, list_runs, load_run, save_run
from napari_upaint.settings import AugmentSettings, TrainSettings, WeightSettings

MODEL = ModelFile(ModelHeader("m", Architecture()), {"a": np.ones((2, 3), np.float32)})


def a_run(name="nuclei", start="", date="2026-01-02T10:00:00+01:00", model=MODEL, folder=None):
    settings = TrainSettings(), WeightSettings(), AugmentSettings()
    run = Run(name, date, "objects", str(start), *settings, (), 0.5, 0.25, True, 3, 1.0, "Better.", ("cells",))
    return save_run(run, model, folder)


def test_the_way_back():
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
    delete_run(first)
    with pytest.raises(ModelError, match=r"second.*undone: the model first.* that it started from is gone"):
        start_of(second)


def test_deleted_is_in_the_trash(tmp_path):
    first, second = a_run(folder=tmp_path), a_run(folder=tmp_path)
    assert delete_run(first, tmp_path) == trash_folder(tmp_path)
    assert list_runs(tmp_path) == [second]
    (thrown,) = list_runs(trash_folder(tmp_path))
    assert thrown.model.parent == trash_folder(tmp_path)
    np.testing.assert_array_equal(load_model(thrown.model).weights["a"], MODEL.weights["a"])


def test_two_of_one_name_in_the_trash(tmp_path):
    for _ in range(3):
        delete_run(a_run(folder=tmp_path), tmp_path)
    assert len(list_runs(trash_folder(tmp_path))) == 3
    assert all(run.model for run in list_runs(trash_folder(tmp_path)))


def test_a_run_without_a_model_goes_too(tmp_path):
    run = a_run(model=None, folder=tmp_path)
    delete_run(run, tmp_path)
    assert list_runs(tmp_path) == []


def test_a_trash_that_cannot_be_made_leaves_all(tmp_path):
    run = a_run(folder=tmp_path)
    (tmp_path / "trash").write_text("in the way")
    with pytest.raises(FileError, match="Cannot move"):
        delete_run(run, tmp_path)
    assert list_runs(tmp_path) == [run]


def test_what_can_be_moved_in_part_only_stays_where_it_was(tmp_path, monkeypatch):
    run, real = a_run(folder=tmp_path), Path.rename

    def rename(path, target):
        if path.name.endswith(".run.json"):
            raise PermissionError(13, "somebody has it open")
        return real(path, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(FileError, match="Cannot move"):
        delete_run(run, tmp_path)
    assert list_runs(tmp_path) == [run] and run.model.is_file()


def test_another_name_for_everything(tmp_path):
    first = a_run("first", folder=tmp_path)
    os.utime(first.model, (10**9, 10**9))
    second = a_run("second", first.model, folder=tmp_path)
    renamed = rename_run(first, "  dividing\n cells ", tmp_path)
    assert renamed.name == "dividing cells"
    assert renamed.id.startswith("dividing cells 2026-01-02")
    assert load_model(renamed.model).header.name == "dividing cells"
    assert renamed.model.stat().st_mtime == 10**9
    assert {run.id for run in list_runs(tmp_path)} == {renamed.id, second.id}
    assert load_run(tmp_path / f"{renamed.id}.run.json") == renamed
    again = next(run for run in list_runs(tmp_path) if run.id == second.id)
    assert start_of(again, tmp_path) == renamed.model
    assert not first.model.exists()


def test_the_same_name_again_is_no_loss(tmp_path):
    run = a_run("first", folder=tmp_path)
    renamed = rename_run(run, "first", tmp_path)
    assert [one.name for one in list_runs(tmp_path)] == ["first"]
    assert renamed.model.is_file()


def test_a_record_that_cannot_be_written_leaves_one_model(tmp_path):
    run = a_run("first", folder=tmp_path)
    (tmp_path / f"{run.id}.run.json").unlink()
    with pytest.raises(FileError):
        rename_run(run, "second", tmp_path)
    assert list(tmp_path.iterdir()) == [run.model]


def test_no_name_is_refused(tmp_path):
    run = a_run(folder=tmp_path)
    with pytest.raises(UserError, match="empty"):
        rename_run(run, " \n", tmp_path)
    assert list_runs(tmp_path) == [run]
