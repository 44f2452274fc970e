"""What is missing is installed where allowed, and otherwise named in one line."""

from __future__ import annotations

import ctypes.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from napari_upaint import system_libraries
from napari_upaint.errors import UserError

Machine = Callable[..., list[list[str]]]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a function that pretends a machine and returns the list of commands that it will have run."""

    def pretend(*, lacks: set[str], programs: set[str], root: bool, apt_works: bool = True) -> list[list[str]]:
        lacking, present, ran = set(lacks), set(programs), []

        def run(command: list[str], **_: Any) -> SimpleNamespace:
            ran.append(command)
            if apt_works and "install" in command:
                lacking.clear()
                present.add("Xvfb")
            return SimpleNamespace(returncode=0 if apt_works else 100)

        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.setattr(ctypes.util, "find_library", lambda name: None if name in lacking else f"lib{name}.so")
        monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}" if name in present else None)
        monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000, raising=False)
        monkeypatch.setattr(subprocess, "run", run)
        return ran

    return pretend


def test_nothing_missing_runs_nothing(machine: Machine) -> None:
    ran = machine(lacks=set(), programs={"Xvfb", "apt-get"}, root=True)
    assert system_libraries.main(["--xvfb"]) == 0
    assert ran == []


def test_root_on_debian_installs_exactly_what_is_missing(machine: Machine) -> None:
    ran = machine(lacks={"EGL", "xcb-cursor"}, programs={"apt-get"}, root=True)
    assert system_libraries.main(["--xvfb"]) == 0
    assert ran[0][:2] == ["apt-get", "update"]
    assert ran[1][-3:] == ["libegl1", "libxcb-cursor0", "xvfb"]


def test_xvfb_is_only_asked_for_when_wanted(machine: Machine) -> None:
    machine(lacks=set(), programs={"apt-get"}, root=False)
    assert system_libraries.missing_packages() == []
    assert system_libraries.missing_packages(xvfb=True) == ["xvfb"]


def test_a_plain_user_gets_the_line_to_type(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    ran = machine(lacks={"GL"}, programs={"apt-get"}, root=False)
    assert system_libraries.main([]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error == "System libraries are missing; type: sudo apt-get install -y libgl1\n"
    assert ran == []


def test_a_failing_apt_is_not_believed(machine: Machine) -> None:
    machine(lacks={"GL"}, programs={"apt-get"}, root=True, apt_works=False)
    with pytest.raises(UserError, match="apt-get install -y libgl1"):
        system_libraries.ensure_system_libraries()


def test_another_distribution_gets_names(machine: Machine) -> None:
    machine(lacks={"GL"}, programs=set(), root=True)
    with pytest.raises(UserError, match=r"libgl1, as Debian names them"):
        system_libraries.ensure_system_libraries()


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_need_nothing(machine: Machine, monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    machine(lacks=set(system_libraries.LIBRARIES), programs=set(), root=False)
    monkeypatch.setattr(sys, "platform", platform)
    assert system_libraries.missing_packages(xvfb=True) == []
    assert system_libraries.has_display()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, False), ({"DISPLAY": ""}, False), ({"DISPLAY": ":0"}, True), ({"WAYLAND_DISPLAY": "wayland-0"}, True)],
)
def test_display(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: bool) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert system_libraries.has_display() is expected
