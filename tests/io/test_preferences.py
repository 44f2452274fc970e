"""Preferences survive, whatever is in their file."""

import json
import sys
from pathlib import Path

import pytest

from napari_upaint.errors import FileError
from napari_upaint.io.folders import data_folder, log_folder
from napari_upaint.io.preferences import load_preferences, preferences_file, save_preferences
from napari_upaint.settings import Preferences


@pytest.fixture
def no_home(monkeypatch, tmp_path):
    """The folders of a user who set nothing."""
    monkeypatch.delenv("UPAINT_HOME")
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)


def test_they_come_back():
    assert load_preferences() == Preferences()
    save_preferences(Preferences("cpu", "somewhere", 90))
    assert load_preferences() == Preferences("cpu", "somewhere", 90)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "\0", '"cpu"'])
def test_rubbish_is_the_defaults(text):
    preferences_file().parent.mkdir(parents=True, exist_ok=True)
    preferences_file().write_text(text)
    assert load_preferences() == Preferences()


def test_what_is_good_is_kept():
    raw = {"device": "abacus", "folder": 3, "seconds": 30, "of the future": 1}
    preferences_file().parent.mkdir(parents=True, exist_ok=True)
    preferences_file().write_text(json.dumps(raw))
    assert load_preferences() == Preferences(seconds=30)


def test_the_folder_is_followed_unless_the_environment_says_otherwise(no_home, monkeypatch, tmp_path):
    usual = data_folder()
    assert usual.name == "napari-upaint"
    save_preferences(Preferences(folder=str(tmp_path / "large disk")))
    assert data_folder() == tmp_path / "large disk"
    assert preferences_file().parent != data_folder()  # or they would not be found again
    monkeypatch.setenv("UPAINT_HOME", str(tmp_path / "home"))
    assert data_folder() == tmp_path / "home"


@pytest.mark.parametrize(
    ("platform", "preferences", "data", "log"),
    [
        ("linux", "XDG_CONFIG_HOME/napari-upaint", "XDG_DATA_HOME/napari-upaint", "XDG_STATE_HOME/napari-upaint/log"),
        ("win32", "APPDATA/napari-upaint", "LOCALAPPDATA/napari-upaint", "LOCALAPPDATA/napari-upaint/logs"),
        (
            "darwin",
            "Library/Preferences/napari-upaint",
            "Library/Application Support/napari-upaint",
            "Library/Logs/napari-upaint",
        ),
    ],
)
def test_every_system_has_its_own_folders(no_home, monkeypatch, tmp_path, platform, preferences, data, log):
    monkeypatch.setattr(sys, "platform", platform)
    found = (preferences_file().parent, data_folder(), log_folder())
    assert found == (tmp_path / preferences, tmp_path / data, tmp_path / log)


def test_without_a_home_folder_it_is_said_what_to_set(no_home, monkeypatch, tmp_path):
    def unknown():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    assert data_folder().is_relative_to(tmp_path) and log_folder().is_relative_to(tmp_path)  # the environment says it
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.delenv(name)
    assert load_preferences() == Preferences()
    for folder in (data_folder, preferences_file):
        with pytest.raises(FileError, match="set the environment variable UPAINT_HOME"):
            folder()
    monkeypatch.setenv("UPAINT_HOME", str(tmp_path / "home"))
    assert data_folder() == tmp_path / "home"


def test_a_folder_that_cannot_be_written():
    preferences_file().parent.parent.mkdir(parents=True, exist_ok=True)
    preferences_file().mkdir(parents=True)
    with pytest.raises(FileError):
        save_preferences(Preferences())
