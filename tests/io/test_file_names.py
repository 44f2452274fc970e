"""Names of files made of anything, and which are the same."""

import sys

import pytest

from napari_upaint.io.file_names import absolute, composed, file_name, files_in, is_another_file, is_there, plain_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("cells", "cells"),
        ("../../etc/passwd", "_.._etc_passwd"),
        (" . ", "image"),
        ("", "image"),
        ("ü 細胞 \0 /", "ü 細胞 _ _"),
        ("x" * 500, "x" * 60),
        ("a" * 59 + ". b", "a" * 59),
        ('con<>:"|?*', "con_______"),
        ("Aux", "_Aux"),
        ("com1 .2", "_com1 .2"),
        ("control", "control"),
    ],
)
def test_it_fits_every_file_system(text, name):
    assert file_name(text, "image") == name


def test_it_fits_the_alphabet_of_the_system(monkeypatch):
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "latin-1")
    assert file_name("Körper 細胞 1", "image") == "Körper __ 1"
    assert file_name("cells", "image") == "cells"


def test_nothing_is_known_of_a_drive_that_is_away(away, tmp_path):
    assert files_in(away, "*") == []
    assert not is_another_file(str(tmp_path / "a.tif"), str(away / "a.tif"))
    with pytest.raises(OSError, match="not connected"):
        is_there(away / "a.tif")


def test_what_is_there_and_what_is_not(tmp_path):
    (tmp_path / "a.tif").touch()
    assert is_there(tmp_path) and is_there(tmp_path / "a.tif")
    assert not any(is_there(tmp_path / name) for name in ("b.tif", "a.tif/b.tif", "\0"))


@pytest.mark.parametrize("name", ["a.1.tif", "a.1.ome.tif", "a.1.OME.TIF"])
def test_names_have_no_endings(tmp_path, name):
    assert plain_name(tmp_path / name) == "a.1"


def test_an_accent_is_a_part_of_its_letter_for_whoever_compares_names():
    assert composed("Ko\u0308rper") == composed("K\u00f6rper") == "K\u00f6rper"


def test_a_file_is_another_one_if_it_is_there_and_elsewhere(tmp_path, monkeypatch):
    here, other = tmp_path / "a.tif", tmp_path / "b.tif"
    here.touch()
    other.touch()
    assert is_another_file(str(here), str(other))
    assert not is_another_file(str(here), str(tmp_path / "moved.tif"))
    assert not is_another_file(str(here), "") and not is_another_file("", str(here))
    monkeypatch.chdir(tmp_path)
    assert not is_another_file(str(here), "a.tif")


def test_a_path_that_was_noted_in_another_folder_says_nothing(tmp_path, monkeypatch):
    """`napari Pos0.tif`: there is a Pos0.tif in every folder."""
    for folder in ("monday", "tuesday"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "Pos0.tif").touch()
    monkeypatch.chdir(tmp_path / "monday")
    noted = absolute("Pos0.tif")
    monkeypatch.chdir(tmp_path / "tuesday")
    assert is_another_file(absolute("Pos0.tif"), noted)
    assert not is_another_file(str(tmp_path / "monday" / "Pos0.tif"), "Pos0.tif")  # as it was noted in earlier files
    assert (absolute(""), absolute("https://a.b/c.zarr")) == ("", "https://a.b/c.zarr")
