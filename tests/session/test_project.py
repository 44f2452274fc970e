"""Autosaved annotations."""

import numpy as np

from napari_upaint.io.images import read_image
from napari_upaint.session.project import autosave, autosave_path, autosaved

PAINTED = np.random.default_rng(0).integers(0, 700, (3, 20, 30))


def test_an_annotation_comes_back_and_replaces_the_one_before(tmp_path):
    first = autosave(PAINTED, "cells.tif labels", tmp_path)
    second = autosave(PAINTED[::-1], "cells.tif labels", tmp_path)
    assert first == second == autosave_path("cells.tif labels", tmp_path)
    assert autosaved(tmp_path) == [first]
    np.testing.assert_array_equal(read_image(first).data, PAINTED[::-1])


def test_an_empty_annotation_does_not_replace_a_painted_one(tmp_path):
    path = autosave(PAINTED, "a", tmp_path)
    assert autosave(PAINTED * 0, "a", tmp_path) is None
    np.testing.assert_array_equal(read_image(path).data, PAINTED)


def test_every_name_has_its_own_file_in_the_folder(tmp_path):
    names = ["a", "A", "/x/a", "/y/a", "a/", "..", "", "ü/細胞", "x" * 400, "a?", "a*", "a."]
    paths = {autosave(PAINTED[0], name, tmp_path / "here") for name in names}
    assert len(paths) == len(names)
    assert {path.parent for path in paths} == {tmp_path / "here"}
    assert set(autosaved(tmp_path / "here")) == paths


def test_the_users_folder_is_the_default(tmp_path):
    path = autosave(PAINTED[0], "cells")
    assert tmp_path / "home" in path.parents
    assert autosaved() == [path]
