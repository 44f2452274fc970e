"""Autosaved annotations."""

from __future__ import annotations

import json
import os
import time
import tracemalloc
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_upaint.errors import FileError
from napari_upaint.io.atomic import replacing
from napari_upaint.io.folders import data_folder
from napari_upaint.session import autosaves
from napari_upaint.session.autosaves import autosave, autosaved, discard, is_in, new_autosave, restore

PAINTED = np.zeros((3, 20, 30), np.uint16)
PAINTED[1, 4:9, 6:7], PAINTED[1, 15, 20], PAINTED[2, 0, 0] = 1, 700, 65535


def test_an_annotation_comes_back_with_its_type_and_notes():
    path = new_autosave("cells.tif", PAINTED.shape)
    assert autosave(PAINTED, path, {"layer": "cells annotation"})
    (saved,) = autosaved("cells.tif", PAINTED.shape)
    assert (saved.path, saved.pixels, saved.notes) == (path, 7, {"layer": "cells annotation"})
    back = restore(saved)
    assert back.dtype == PAINTED.dtype
    np.testing.assert_array_equal(back, PAINTED)


@given(arrays(st.sampled_from([np.uint8, np.int32, np.uint16, np.int64]), array_shapes(min_dims=2, max_dims=4)))
def test_any_annotation_comes_back(annotation):
    path = new_autosave("any", annotation.shape)
    if autosave(annotation, path):
        saved = next(one for one in autosaved("any", annotation.shape) if one.path == path)
        np.testing.assert_array_equal(restore(saved), annotation)
        discard(saved)
    else:
        assert not annotation.any()


def test_what_has_all_that_was_saved_is_known():
    path = new_autosave("a", PAINTED.shape)
    autosave(PAINTED, path)
    (saved,) = autosaved("a", PAINTED.shape)
    more, less = PAINTED.copy(), PAINTED.copy()
    more[0, 3, 3], more[1, 6, 7] = 5, 5
    less[1, 15, 20] = 0
    assert is_in(saved, PAINTED) and is_in(saved, more)
    assert not is_in(saved, less)
    path.write_bytes(b"no archive")
    assert not is_in(saved, PAINTED)


def test_an_empty_annotation_does_not_replace_a_painted_one():
    path = new_autosave("a", PAINTED.shape)
    autosave(PAINTED, path)
    assert not autosave(PAINTED * 0, path)
    np.testing.assert_array_equal(restore(autosaved("a", PAINTED.shape)[0]), PAINTED)


def test_what_is_erased_while_it_is_saved_stops_nothing(monkeypatch):
    plane, really = PAINTED[1].copy(), np.ndarray.any

    class Erased(np.ndarray):
        def any(self, *args, **options):
            found = really(self, *args, **options)
            plane[:] = 0
            return found

    class Layer:
        shape, dtype = plane.shape, plane.dtype

        def __getitem__(self, index):
            return plane[index]

    monkeypatch.setattr("napari_upaint.session.autosaves.np.asarray", lambda array: array.view(Erased))
    assert autosave(Layer(), new_autosave("a", plane.shape))


def test_saving_a_full_stack_needs_the_memory_of_a_few_planes():
    stack = np.random.default_rng(0).integers(1, 1000, (40, 128, 256), np.int32)
    path = new_autosave("a", stack.shape)
    tracemalloc.start()
    try:
        autosave(stack, path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < stack.nbytes / 4
    (saved,) = autosaved("a", stack.shape)
    assert saved.pixels == stack.size
    np.testing.assert_array_equal(restore(saved), stack)


def test_only_an_image_of_the_same_name_and_shape_gets_it():
    names = ["a", "A", "/x/a", "/y/a", "a/", "..", "", "ü/細胞", "x" * 400, "a?", "a*", "[a]", "a.", "a b"]
    for number, name in enumerate(names, start=1):
        autosave(np.full((4, 5), number, np.uint8), new_autosave(name, (4, 5)))
    for number, name in enumerate(names, start=1):
        (saved,) = autosaved(name, (4, 5))
        assert (restore(saved) == number).all()
        assert not autosaved(name, (5, 4))


def test_every_session_has_a_file_of_its_own_and_the_newest_comes_first():
    paths = [new_autosave("a", (20, 30)) for _ in range(14)]
    for age, path in enumerate(paths):
        autosave(PAINTED[1] + np.uint16(age), path)
        os.utime(path, (time.time() - 24 * 3600 * 8 * age,) * 2)
    for _ in range(2):
        found = [one.path for one in autosaved("a", (20, 30))]
    # Many images are called alike: what is younger than three months is not too many.
    assert found == paths[:12]
    assert not paths[-1].exists()
    for age, path in enumerate(found):
        os.utime(path, (time.time() - 24 * 3600 * 100 * age,) * 2)
    for _ in range(2):
        assert [one.path for one in autosaved("a", (20, 30))][-2:] == found[len(found) - 2 :]
        found = found[:10]  # however old they are


def test_what_a_killed_process_was_writing_is_removed_a_day_later():
    folder = data_folder() / "annotations"
    whole, others = folder / "b.npz", folder / ".0c.npz"
    with replacing(whole) as old:  # the name of a file that is being written
        pass
    with replacing(whole) as new:
        pass
    for path, hours in ((old, 25), (new, 23), (others, 25), (whole, 25)):
        path.touch()
        os.utime(path, (time.time() - 3600 * hours,) * 2)
    autosaved("a", (20, 30))
    assert set(folder.iterdir()) == {new, others, whole}


def test_damaged_files_are_left_out():
    path = new_autosave("a", PAINTED.shape)
    autosave(PAINTED, path)
    (saved,) = autosaved("a", PAINTED.shape)
    path.write_bytes(path.read_bytes()[:200])
    for at, kind in enumerate(("object", "float32", "no such type")):
        about = {"shape": PAINTED.shape, "dtype": kind, "pixels": 1, "notes": {}}
        np.savez(path.with_stem(f"{path.stem}{at}"), about=np.array(json.dumps(about)))
    np.savez(path.with_stem(f"{path.stem}x"), about=np.array("[]"))
    assert autosaved("a", PAINTED.shape) == []
    with pytest.raises(FileError, match="Cannot read"):
        restore(saved)


class Program:
    """Unpickled, it makes a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_a_file_cannot_bring_a_program_with_it(tmp_path):
    path, program = new_autosave("a", PAINTED.shape), np.array([Program(str(tmp_path / "made"))], object)
    autosave(PAINTED, path)
    (saved,) = autosaved("a", PAINTED.shape)
    with np.load(path) as file:
        about = file["about"]
    np.savez(path, about=about, **{"0 0 1 0 1": program})
    assert not is_in(saved, PAINTED)
    with pytest.raises(FileError, match="Cannot read"):
        restore(saved)
    np.savez(path, about=program)
    assert autosaved("a", PAINTED.shape) == []
    assert not (tmp_path / "made").exists()


def test_a_file_that_would_fill_the_memory_is_left_closed(monkeypatch):
    """A million zeros take a thousand bytes in a file."""
    path, painted = new_autosave("a", (1000, 1000)), np.zeros((1000, 1000), np.uint8)
    painted[0, 0], painted[-1, -1] = 1, 1
    autosave(painted, path)
    (saved,) = autosaved("a", painted.shape)
    monkeypatch.setattr(autosaves, "available", lambda: 10**6)
    assert not is_in(saved, painted)
    with pytest.raises(FileError, match=r"it needs 0\.0 GB of memory"):
        restore(saved)
    assert autosaved("a", painted.shape) == [saved]
    monkeypatch.setattr(autosaves, "available", lambda: 10)
    assert autosaved("a", painted.shape) == []


def test_a_folder_that_cannot_be_written():
    data_folder().touch()
    with pytest.raises(FileError):
        autosave(PAINTED, new_autosave("a", PAINTED.shape))


def test_nothing_is_found_on_a_drive_that_is_away(away, monkeypatch):
    monkeypatch.setenv("UPAINT_HOME", str(away))
    assert autosaved("cells", (4, 4)) == []


def test_names_in_an_old_alphabet_are_saved_and_found():
    name = os.fsdecode(b"Zellk\xf6rper")
    annotation = np.ones((4, 4), np.uint8)
    autosave(annotation, new_autosave(name, annotation.shape), {"layer": name})
    (saved,) = autosaved(name, annotation.shape)
    assert saved.notes == {"layer": name}


def test_what_another_window_has_saved_meanwhile_is_not_discarded():
    path = new_autosave("a", PAINTED.shape)
    autosave(PAINTED, path)
    (saved,) = autosaved("a", PAINTED.shape)
    autosave(PAINTED + np.uint16(1), path)
    os.utime(path, (saved.saved + 1, saved.saved + 1))
    discard(saved)
    np.testing.assert_array_equal(restore(autosaved("a", PAINTED.shape)[0]), PAINTED + 1)


def test_regions_are_saved_without_paint_but_never_instead_of_it():
    path, notes = new_autosave("a", PAINTED.shape), {"regions": [{"purpose": "annotated"}]}
    assert not autosave(PAINTED * 0, path)
    for _ in range(2):  # there may be more of them
        assert autosave(PAINTED * 0, path, notes)
        (saved,) = autosaved("a", PAINTED.shape)
        assert (saved.pixels, saved.notes) == (0, notes)
        np.testing.assert_array_equal(restore(saved), PAINTED * 0)
    autosave(PAINTED, path)
    assert not autosave(PAINTED * 0, path, notes)
    assert autosaved("a", PAINTED.shape)[0].pixels == 7


def test_disks_that_spell_accents_in_another_way_are_searched_all_the_same():
    path = new_autosave("größe", PAINTED.shape)
    autosave(PAINTED, path)
    path.rename(path.with_name(unicodedata.normalize("NFD", path.name)))
    (saved,) = autosaved("größe", PAINTED.shape)
    assert saved.pixels == 7
