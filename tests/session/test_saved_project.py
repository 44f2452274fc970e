"""Projects in folders: everything comes back, nothing is half written."""

import errno
import json
import os
import stat
from dataclasses import asdict, replace

import numpy as np
import pytest

from napari_upaint.errors import FileError
from napari_upaint.io.folders import user_models_folder
from napari_upaint.io.models import Architecture, ModelFile, ModelHeader, bundled_models, load_model, save_model
from napari_upaint.session import saved_project
from napari_upaint.session.history import delete_run, rename_run
from napari_upaint.session.run import Run, list_runs, save_run
from napari_upaint.session.saved_project import (
    SavedAnnotation,
    SavedImage,
    SavedProject,
    is_project,
    kept_in,
    read_annotation,
    read_project,
    save_project,
)
from napari_upaint.settings import AugmentSettings, TrainSettings, WeightSettings

MODEL = ModelFile(ModelHeader("m", Architecture()), {"a": np.ones((2, 3), np.float32)})


def painted(value=3, shape=(20, 30)):
    annotation = np.zeros(shape, np.uint16)
    annotation[..., 5:10, 6:20] = value
    return annotation


def saved(project, folder):
    """Save a project and return its folder."""
    return save_project(project, folder)[0]


def a_project(value=3, model=None):
    cells = SavedAnnotation({"layer": "cells annotation", "kind": "classes"}, painted(value))
    empty = SavedAnnotation({"layer": "empty"}, np.zeros((20, 30), np.uint8))
    images = (
        SavedImage("cells", (20, 30), {"path": "/data/cells.tif"}, (cells, empty)),
        SavedImage("ü/stack", (3, 20, 30), {}, (SavedAnnotation({}, painted(2, (3, 20, 30))),)),
    )
    return SavedProject(images, "cells", "classes", model, {"train": asdict(TrainSettings(seed=4))})


def a_run(images=("cells",)):
    settings = TrainSettings(), WeightSettings(), AugmentSettings()
    run = Run("nuclei", "2026-01-02T10:00:00+01:00", "objects", "", *settings, (), 0.5, 0.2, True, 3, 1.0, "", images)
    return save_run(run, MODEL)


@pytest.mark.parametrize("kind", ["objects", "classes"])
def test_everything_comes_back(tmp_path, kind):
    folder = saved(replace(a_project(model=bundled_models()[0]), kind=kind), tmp_path / "a project")
    assert is_project(folder)
    project = read_project(folder)
    assert (project.chosen, project.kind, project.model) == ("cells", kind, bundled_models()[0])
    assert project.settings["train"]["seed"] == 4
    cells, stack = project.images
    assert (cells.name, cells.shape, cells.origin) == ("cells", (20, 30), {"path": "/data/cells.tif"})
    (annotation,) = cells.annotations  # the empty one is no loss
    assert annotation.notes == {"layer": "cells annotation", "kind": "classes"}
    np.testing.assert_array_equal(read_annotation(annotation), painted())
    np.testing.assert_array_equal(read_annotation(stack.annotations[0]), painted(2, (3, 20, 30)))


def test_names_in_an_old_alphabet_come_back(tmp_path):
    name = os.fsdecode(b"Zellk\xf6rper")  # as old network drives have them
    image = SavedImage(name, (20, 30), {"path": f"/data/{name}.tif"}, (SavedAnnotation({"layer": name}, painted()),))
    save_project(replace(a_project(), images=(image,), chosen=name), tmp_path / "p")
    back = read_project(tmp_path / "p")
    assert (back.chosen, back.images[0].name, back.images[0].file) == (name, name, f"/data/{name}.tif")
    run = rename_run(a_run((name,)), "another")
    assert run.images == list_runs()[0].images == (name,)


def test_saved_again_it_replaces_the_one_before(tmp_path):
    save_project(a_project(3), tmp_path / "p")
    save_project(a_project(7), tmp_path / "p")
    project = read_project(tmp_path / "p")
    assert read_annotation(project.images[0].annotations[0]).max() == 7
    assert len(list((tmp_path / "p" / "annotations").iterdir())) == 2


@pytest.mark.parametrize("kind", [OSError, FileError])
def test_a_failure_leaves_the_one_before(tmp_path, monkeypatch, kind):
    save_project(a_project(3), tmp_path / "p")
    before = sorted(path.name for path in (tmp_path / "p" / "annotations").iterdir())

    def fail(*_):
        raise kind(28, "No space left on device")

    monkeypatch.setattr(saved_project, "keep_runs", fail)
    with pytest.raises(FileError, match="No space left"):
        save_project(a_project(7), tmp_path / "p")
    assert sorted(path.name for path in (tmp_path / "p" / "annotations").iterdir()) == before
    assert read_annotation(read_project(tmp_path / "p").images[0].annotations[0]).max() == 3


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(FileError, match="holds other files"):
        save_project(a_project(), tmp_path)
    with pytest.raises(FileError, match="is a file"):
        save_project(a_project(), tmp_path / "thesis.txt")
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["thesis.txt"]


def test_trainings_travel_along(tmp_path, monkeypatch):
    mine, other = a_run(), a_run(("others",))
    save_project(a_project(model=mine.model), tmp_path / "p")
    assert [run.id for run in list_runs(tmp_path / "p" / "models")] == [mine.id]
    monkeypatch.setenv("UPAINT_HOME", str(tmp_path / "another computer"))
    project = read_project(tmp_path / "p")
    assert [run.id for run in list_runs()] == [mine.id]
    assert project.model == user_models_folder() / mine.model.name
    read_project(tmp_path / "p")  # twice does no harm
    assert len(list_runs()) == 1
    assert other.id != mine.id


def test_a_training_whose_model_is_gone_travels_along(tmp_path, monkeypatch):
    run = a_run()
    run.model.unlink()
    save_project(a_project(), tmp_path / "p")
    monkeypatch.setenv("UPAINT_HOME", str(tmp_path / "another computer"))
    read_project(tmp_path / "p")
    assert [(one.id, one.model) for one in list_runs()] == [(run.id, None)]


def test_a_model_of_the_same_size_and_time_replaces_the_one_before(tmp_path):
    for value in (0, 1):
        weights = {"a": np.full((2, 3), value, np.float32)}
        model = save_model(ModelFile(MODEL.header, weights), tmp_path / "mine.safetensors")
        os.utime(model, (1e9, 1e9))
        folder = saved(a_project(model=model), tmp_path / "p")
    assert load_model(folder / "models" / model.name).weights["a"].all()


def test_a_model_of_the_user_is_not_replaced_by_one_of_a_project(tmp_path, monkeypatch):
    run = a_run()
    save_project(a_project(model=run.model), tmp_path / "p")
    monkeypatch.setenv("UPAINT_HOME", str(tmp_path / "another computer"))
    own = ModelFile(MODEL.header, {"a": np.zeros((2, 3), np.float32)})
    path = save_model(own, user_models_folder() / run.model.name)
    project = read_project(tmp_path / "p")
    assert not load_model(path).weights["a"].any() and list_runs() == []
    assert project.model == tmp_path / "p" / "models" / run.model.name


def test_a_drive_without_permissions_holds_a_project_and_read_only_models_can_be_replaced(tmp_path, monkeypatch):
    def refuse(*_, **__):  # as exFAT and many network drives do
        raise PermissionError(errno.EPERM, "Operation not permitted")

    model = save_model(MODEL, tmp_path / "elsewhere" / "mine.safetensors")
    os.utime(model, (1e9, 1e9))
    model.chmod(0o444)
    monkeypatch.setattr(os, "chmod", refuse)
    copied = saved(a_project(model=model), tmp_path / "p") / "models" / model.name
    assert copied.stat().st_mtime == 1e9
    assert copied.stat().st_mode & stat.S_IWUSR


def test_a_model_from_a_file_travels_too(tmp_path):
    model = save_model(MODEL, tmp_path / "elsewhere" / "mine.safetensors")
    save_project(a_project(model=model), tmp_path / "p")
    model.unlink()
    assert read_project(tmp_path / "p").model == tmp_path / "p" / "models" / "mine.safetensors"


def test_a_model_that_is_gone_is_said(tmp_path):
    model = save_model(MODEL, tmp_path / "mine.safetensors")
    folder = saved(a_project(model=model), tmp_path / "p")
    os.unlink(folder / "models" / "mine.safetensors")
    project = read_project(folder)
    assert project.model is None
    assert "mine.safetensors is not there" in project.missing


def test_the_model_of_a_project_lies_in_it_and_not_where_it_points_to(tmp_path):
    elsewhere, folder = save_model(MODEL, tmp_path / "mine.safetensors"), saved(a_project(), tmp_path / "p")
    raw = json.loads((folder / "project.json").read_text("utf-8")) | {"model": str(elsewhere)}
    (folder / "project.json").write_text(json.dumps(raw), "utf-8")
    project = read_project(folder)
    assert project.model is None
    assert "mine.safetensors is not there" in project.missing


def test_a_model_that_is_gone_is_no_reason_not_to_save(tmp_path):
    folder = saved(a_project(model=tmp_path / "gone.safetensors"), tmp_path / "p")
    project = read_project(folder)
    assert project.model is None
    assert "gone.safetensors is not there" in project.missing
    assert read_annotation(project.images[0].annotations[0]).any()


@pytest.mark.parametrize("again", ["p", "another"])
def test_what_was_not_opened_stays_in_the_project(tmp_path, again):
    """An image that was not found, say on a disk that is missing today: saved as it was read, again and again."""
    project = read_project(saved(a_project(), tmp_path / "p"))
    cells, stack = project.images
    for value in (7, 8):
        opened = replace(cells, annotations=(SavedAnnotation({}, painted(value)),))
        folder, names = save_project(replace(project, images=(opened, stack)), tmp_path / again)
        stack = kept_in(folder, names, stack)
        found = read_project(folder).images
        assert read_annotation(found[0].annotations[0]).max() == value
        assert found[1] == stack or found[1].annotations[0].path == stack.annotations[0].path
        np.testing.assert_array_equal(read_annotation(found[1].annotations[0]), painted(2, (3, 20, 30)))
        assert len(list((folder / "annotations").iterdir())) == 2


def test_images_that_moved_with_the_project_are_found(tmp_path):
    before, after = tmp_path / "day 1", tmp_path / "elsewhere" / "day 1"
    (before / "images").mkdir(parents=True)
    (before / "images" / "größe.tif").touch()
    image = SavedImage("größe", (20, 30), {"path": str(before / "images" / "größe.tif"), "reader": "napari"})
    saved(SavedProject((image,)), before / "project")
    after.parent.mkdir()
    before.rename(after)
    (moved,) = read_project(after / "project").images
    assert moved.file == str(after / "images" / "größe.tif")
    assert moved.origin["reader"] == "napari"
    (after / "images").rename(tmp_path / "images")  # they come later
    saved(read_project(after / "project"), after / "project")
    (tmp_path / "images").rename(after / "images")
    assert read_project(after / "project").images[0].file == moved.file
    (before / "images").mkdir(parents=True)
    (before / "images" / "größe.tif").touch()  # these were copied, and still are where they were
    assert read_project(after / "project").images[0].file == image.file


def test_paint_that_another_window_has_saved_is_not_replaced(tmp_path):
    folder, ours = save_project(a_project(4), tmp_path / "p", seen=())
    _, theirs = save_project(a_project(5), folder, seen=ours)
    with pytest.raises(FileError, match="holds paint that this window has not seen"):
        save_project(a_project(6), folder, seen=ours)
    assert read_annotation(read_project(folder).images[0].annotations[0]).max() == 5
    save_project(a_project(6), folder, seen=ours | theirs)


def test_of_two_windows_that_save_at_once_only_one_has_saved(tmp_path, monkeypatch):
    folder, theirs = tmp_path / "p", set()

    def meanwhile(*_):
        monkeypatch.setattr(saved_project, "keep_runs", lambda *_: None)
        theirs.update(save_project(a_project(5), folder, seen=())[1])

    monkeypatch.setattr(saved_project, "keep_runs", meanwhile)
    with pytest.raises(FileError, match="holds paint that this window has not seen"):
        save_project(a_project(4), folder, seen=())
    assert theirs == {path.name for path in (folder / "annotations").iterdir()}
    assert read_annotation(read_project(folder).images[0].annotations[0]).max() == 5


def test_one_damaged_annotation_costs_no_other(tmp_path):
    folder = saved(a_project(), tmp_path / "p")
    lost = read_project(folder).images[0].annotations[0].path
    whole = lost.read_bytes()
    lost.write_bytes(whole[:100])
    project = read_project(folder)
    assert lost.name in project.images[0].annotations[0].damage
    np.testing.assert_array_equal(read_annotation(project.images[1].annotations[0]), painted(2, (3, 20, 30)))
    save_project(project, folder)
    lost.write_bytes(whole)  # from a backup
    np.testing.assert_array_equal(read_annotation(read_project(folder).images[0].annotations[0]), painted())


def test_files_of_others_in_the_folder_of_annotations_stay(tmp_path):
    folder = saved(a_project(), tmp_path / "p")
    theirs = folder / "annotations" / "of another window.npz"
    theirs.write_bytes(b"being written")
    save_project(a_project(5), folder)
    assert theirs.exists()


def test_a_saving_that_failed_is_in_nobodys_way(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(saved_project, "keep_model", lambda *_: (_ for _ in ()).throw(OSError("no room")))
        with pytest.raises(FileError, match=r"Cannot write the project to .*/p \(no room\); choose another folder"):
            save_project(a_project(), tmp_path / "p")
    (tmp_path / "p" / ".DS_Store").touch()
    save_project(a_project(), tmp_path / "p")


def test_a_model_that_was_trained_again_is_copied_again(tmp_path):
    """Files of two trainings are often equally large."""
    mine = tmp_path / "cells.safetensors"
    for value in (1, 2):
        save_model(replace(MODEL, weights={"a": np.full((2, 3), value, np.float32)}), mine)
        folder = saved(a_project(model=mine), tmp_path / "p")
        assert load_model(folder / "models" / mine.name).weights["a"].max() == value


def test_another_model_of_that_name_is_not_taken_for_it(tmp_path):
    mine = save_model(MODEL, tmp_path / "cells.safetensors")
    folder = saved(a_project(model=mine), tmp_path / "p")
    save_model(replace(MODEL, weights={"a": np.zeros((2, 3), np.float32)}), user_models_folder() / mine.name)
    assert read_project(folder).model == folder / "models" / mine.name


def test_trainings_that_were_renamed_or_thrown_away_do_not_come_back(tmp_path):
    renamed, thrown = a_run(), a_run()
    save_project(a_project(), tmp_path / "p")
    delete_run(thrown)
    renamed = rename_run(rename_run(renamed, "better"), "best")
    read_project(tmp_path / "p")
    assert [run.id for run in list_runs()] == [renamed.id]


def test_a_drive_that_is_away_holds_no_project_and_takes_none(away):
    assert not is_project(away) and list_runs(away) == []
    with pytest.raises(FileError, match="Transport endpoint is not connected"):
        save_project(a_project(), away)


def test_paint_on_a_drive_that_is_away_is_not_taken_for_deleted(tmp_path, away):
    lost = SavedAnnotation({"layer": "cells annotation"}, path=away / "annotations" / "1.npz")
    with pytest.raises(FileError, match="Transport endpoint is not connected"):
        save_project(SavedProject((SavedImage("cells", (20, 30), {}, (lost,)),)), tmp_path / "p")


def test_a_project_can_be_read_while_the_drive_of_the_users_own_is_away(tmp_path, away, monkeypatch):
    a_run()
    folder = saved(a_project(), tmp_path / "p")
    monkeypatch.setenv("UPAINT_HOME", str(away))
    assert len(read_project(folder).images) == 2
    monkeypatch.setenv("UPAINT_HOME", str(tmp_path / "other"))
    assert read_project(folder) and len(list_runs()) == 1  # the next time


def test_no_project(tmp_path):
    with pytest.raises(FileError, match="There is no project"):
        read_project(tmp_path)
    folder = saved(a_project(), tmp_path / "p")
    endless = (folder / "project.json").read_text().replace("20,", "1e400,")
    texts = ("", "[]", "{}", '{"format": "x"}', json.dumps({"format": saved_project.FORMAT, "images": [1]}))
    for text in (*texts, endless, "[" * 100_000):
        (folder / "project.json").write_text(text)
        with pytest.raises(FileError, match="cannot be read"):
            read_project(folder)
    (folder / "project.json").write_text('{"format": "napari-upaint-project-2"}')
    with pytest.raises(FileError, match="a newer U-Paint wrote it, update yours"):
        read_project(folder)


def test_names_cannot_point_elsewhere(tmp_path):
    folder = saved(a_project(), tmp_path / "p")
    raw = json.loads((folder / "project.json").read_text())
    raw["images"][0]["annotations"] = ["../../secret.npz"]
    (folder / "project.json").write_text(json.dumps(raw))
    (annotation,) = read_project(folder).images[0].annotations
    assert annotation.path.parent == folder / "annotations"


@pytest.mark.parametrize("damage", ["", "{", '{"format": "napari-upaint-project-2", "pictures": []}'])
def test_a_project_that_cannot_be_read_is_not_replaced(tmp_path, damage):
    """Nobody knows what is painted in it: it was taken for empty, and its paint was never found again."""
    folder = saved(a_project(), tmp_path / "a project")
    (folder / "project.json").write_text(damage)
    before = sorted(path.read_bytes() for path in folder.rglob("*.*"))
    with pytest.raises(FileError, match=r"cannot be read .*, so it is not replaced; choose 'Save project as"):
        save_project(a_project(4), folder)
    assert sorted(path.read_bytes() for path in folder.rglob("*.*")) == before


def test_an_image_that_was_opened_by_a_relative_path_is_not_looked_for_wherever_napari_starts(tmp_path, monkeypatch):
    for name in ("monday", "tuesday"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Pos0.tif").touch()
    monkeypatch.chdir(tmp_path / "monday")
    image = SavedImage("Pos0", (20, 30), {"path": "Pos0.tif"}, (SavedAnnotation({}, painted()),))
    folder = saved(SavedProject((image,)), tmp_path / "monday" / "a project")
    monkeypatch.chdir(tmp_path / "tuesday")
    assert read_project(folder).images[0].file == str(tmp_path / "monday" / "Pos0.tif")


def test_a_model_that_cannot_be_read_is_named_and_not_the_folder(tmp_path, monkeypatch):
    model = save_model(MODEL, tmp_path / "mine.safetensors")
    opened = type(model).open

    def refused(path, *how, **more):
        if path == model:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, *how, **more)

    monkeypatch.setattr(type(model), "open", refused)
    with pytest.raises(FileError, match=r"Cannot read .*mine\.safetensors \(Permission denied\)"):
        save_project(a_project(model=model), tmp_path / "a project")


def test_a_training_that_is_renamed_while_it_is_copied_stops_no_save(tmp_path, monkeypatch):
    run = a_run()
    monkeypatch.setattr("napari_upaint.session.project_models.list_runs", lambda *_: [run])
    rename_run(run, "better")
    assert is_project(saved(a_project(), tmp_path / "a project"))
