"""The command as a whole: help, wrong arguments, exit codes, a light start."""

from __future__ import annotations

import errno
import io
import os
import shlex
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from napari_upaint import __main__ as program
from napari_upaint import __version__, cli
from napari_upaint.commands import COMMANDS
from napari_upaint.commands._options import settings_from
from napari_upaint.errors import UserError
from napari_upaint.io.models import Architecture, ModelFile, ModelHeader, save_model
from napari_upaint.settings import AugmentSettings, ObjectSettings, PredictSettings, TrainSettings, WeightSettings


@pytest.mark.parametrize("name", [None, *COMMANDS])
def test_help_says_what_and_how(name: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*([name] if name else []), "--help"]) == 0
    text = capsys.readouterr().out
    assert "usage: upaint" in text
    if name:
        assert f"example:\n  upaint {name}" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_are_valid(name: str) -> None:
    program, *arguments = shlex.split(COMMANDS[name].EXAMPLE)
    assert program == "upaint"
    assert cli.build_parser().parse_args(arguments).command == name


@pytest.mark.parametrize(
    ("start", "declared"),
    [
        ("train a --labels b -o c", TrainSettings),
        ("train a --labels b -o c", WeightSettings),
        ("train a --labels b -o c", AugmentSettings),
        ("segment a --model b -o c", PredictSettings),
        ("segment a --model b -o c", ObjectSettings),
        ("weights a -o c", WeightSettings),
    ],
)
def test_every_parameter_is_an_option_and_none_is_typed_twice(start: str, declared: type) -> None:
    for one in fields(declared):
        option = f"--{one.name.replace('_', '-')}"
        if isinstance(one.default, bool):
            value: object = not one.default
            option = option.replace("--", "--no-") if one.default else option
            args = cli.build_parser().parse_args([*start.split(), option])
        else:
            value = one.metadata["choices"][-1] if one.metadata["choices"] else type(one.default)(2)
            args = cli.build_parser().parse_args([*start.split(), option, str(value)])
        below_1 = one.name in ("threshold", "learning_rate", "gray", "dropout")
        found = args if below_1 else settings_from(declared, args)
        assert getattr(found, one.name) == value
    assert settings_from(declared, cli.build_parser().parse_args(start.split())) == declared()


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "no_such_command",
        "train",
        "train a.tif -o m",
        "train a.tif --labels b.tif -o m --seconds 5 --steps 5",
        "train a.tif --labels b.tif -o m --objects --classes",
        "train a.tif --labels b.tif -o m --seconds soon",
        "train a.tif --labels b.tif -o m --seconds 0",
        "train a.tif --labels b.tif -o m --seconds nan",
        "train a.tif --labels b.tif -o m --recipe cake",
        "segment a.tif -o d",
        "segment a.tif --model m -o d --rotations 9",
        "segment a.tif --model m -o d --device toaster",
        "demo --sample no_such_sample --headless",
    ],
)
def test_wrong_arguments_get_one_sentence(
    arguments: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments.split()) == 2
    said = capsys.readouterr()
    assert not said.out
    assert said.err.count("\n") == 1
    assert said.err.startswith("upaint")


@pytest.mark.parametrize(
    "arguments", [["segment", "", "--model", "m", "-o", "d"], ["train", "a", "--labels", "b", "-o", ""]]
)
def test_an_empty_argument_is_not_the_folder_that_the_shell_is_in(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    assert "one of the arguments is empty" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"upaint {__version__}\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("No such cell."), 2),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("oh"), 1),
        (OSError(errno.ENOSPC, "No space left on device"), 1),  # as if the output is sent to a file
    ],
)
def test_exit_codes(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_args: object) -> int:
        raise error

    command = SimpleNamespace(
        __doc__="Fail.", USAGE="", EXAMPLE="upaint fail", add_arguments=lambda parser: None, run=fail
    )
    monkeypatch.setattr(cli, "COMMANDS", {"fail": command})
    assert cli.main(["fail"]) == code
    said = capsys.readouterr().err
    assert said.splitlines()[-1].startswith("upaint fail: ")
    assert ("Traceback" in said) == isinstance(error, ZeroDivisionError)


def _played(monkeypatch: pytest.MonkeyPatch, say: Callable[[], None]) -> None:
    """Make `say` the only command."""

    def run(_args: object) -> int:
        say()
        return 0

    command = SimpleNamespace(
        __doc__="Say.", USAGE="", EXAMPLE="upaint say", add_arguments=lambda parser: None, run=run
    )
    monkeypatch.setattr(cli, "COMMANDS", {"say": command})


def test_names_that_the_terminal_does_not_know_are_printed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    written = {name: io.BytesIO() for name in ("stdout", "stderr")}
    for name, stream in written.items():
        monkeypatch.setattr(sys, name, io.TextIOWrapper(stream, "cp1252"))

    def say() -> None:
        for stream in (sys.stdout, sys.stderr):
            print("細.tif", file=stream)
        # A line is seen when it is written, also in a file.
        assert all(stream.getvalue() for stream in written.values())

    _played(monkeypatch, say)
    assert cli.main(["say"]) == 0
    assert all(stream.getvalue().split() == [b"\\u7d30.tif"] for stream in written.values())


@pytest.mark.skipif(os.name != "posix", reason="pipes that break")
@pytest.mark.parametrize("arguments", [["say"], ["--help"], ["say", "--help"]])
def test_without_a_reader_there_is_silence(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _played(monkeypatch, lambda: print("oh"))
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as unread:
        monkeypatch.setattr(sys, "stdout", unread)
        assert cli.main(arguments) == 141
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(os.name != "posix", reason="pipes that break")
def test_without_a_reader_the_end_is_silent_too() -> None:
    command = [sys.executable, "-m", "napari_upaint", "--help"]
    # What is written unbuffered fails inside of argparse, which keeps it to itself.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as unread:
        ended = subprocess.run(command, stdout=unread, stderr=subprocess.PIPE, env=environment)
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_output_that_is_no_file_or_none_at_all_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> None:
        raise BrokenPipeError

    _played(monkeypatch, gone)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert cli.main(["say"]) == 141
    _played(monkeypatch, lambda: print("oh"))
    monkeypatch.setattr(sys, "stdout", None)
    assert cli.main(["say"]) == 0


def test_help_is_instant_and_light() -> None:
    heavy = "{'numpy', 'scipy', 'torch', 'skimage', 'tqdm', 'napari', 'qtpy', 'tifffile', 'PIL'}"
    run = f"""if True:
        import sys, time
        from napari_upaint.cli import main
        main(['--help'])
        assert not {heavy} & set(sys.modules)
        print(time.process_time())"""
    # Time of the processor, since the machine may be busy; the best of three, since files may still be compiled.
    ended = [subprocess.run([sys.executable, "-c", run], check=True, capture_output=True, text=True) for _ in range(3)]
    assert min(float(one.stdout.splitlines()[-1]) for one in ended) < 0.3


def test_the_device_is_the_preferred_one() -> None:
    from napari_upaint.io.preferences import save_preferences
    from napari_upaint.settings import Preferences

    words = ["train", "a", "--labels", "b", "-o", "c"]
    assert cli.build_parser().parse_args(words).device == "auto"
    save_preferences(Preferences(device="cpu"))
    assert cli.build_parser().parse_args(words).device == "cpu"
    assert cli.build_parser().parse_args([*words, "--device", "auto"]).device == "auto"


def test_a_warning_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = warnings.formatwarning
    monkeypatch.setattr(warnings, "formatwarning", plain)
    monkeypatch.setattr(sys, "argv", ["upaint", "--version"])
    assert cli.main(["--version"]) == 0 and warnings.formatwarning is plain  # another program's process
    assert cli.main() == 0
    assert warnings.formatwarning(UserWarning("cells.tif holds 3 images."), UserWarning, "tiff.py", 1) == (
        "upaint: cells.tif holds 3 images.\n"
    )


def test_a_damaged_file_is_one_sentence_whatever_tifffile_has_to_say(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.tif", tmp_path / "cut.tif"
    tifffile.imwrite(whole, np.ones((4, 64, 64), np.uint8), imagej=True)
    cut.write_bytes(whole.read_bytes()[:3000])
    command = [sys.executable, "-m", "napari_upaint", "weights", str(cut), "-o", str(tmp_path / "w")]
    ended = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended.stderr


def test_no_file_of_somebody_else_gives_orders_to_the_terminal(tmp_path: Path) -> None:
    """Such as to change its title, or what the clipboard holds."""
    order = "\x1b]52;c;cm0gLXJmIH4=\x07"
    header = ModelHeader("cells", Architecture(), summary=f"Finds cells.{order}", provenance={"command": order})
    path = save_model(ModelFile(header, {}), tmp_path / "cells.safetensors")
    command = [sys.executable, "-m", "napari_upaint", "models", str(path), f"no such model {order}"]
    for given in (command[:-1], command):
        ended = subprocess.run(given, capture_output=True, text=True)
        said = ended.stdout + ended.stderr
        assert "\\x1b]52;c;cm0gLXJmIH4=\\x07" in said
        assert not {"\x1b", "\x07"} & set(said)


def test_a_file_after_the_options_is_told_where_it_belongs(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", "cells.tif", "--model", "generalist-fast", "truth.tif"]) == 2
    said = capsys.readouterr().err
    assert "unrecognized arguments: truth.tif; put all files before the options" in said
    assert said.count("\n") == 1
    assert cli.main(["evaluate", "a.tif", "b.tif", "--nonsense"]) == 2
    assert "put all files" not in capsys.readouterr().err


def test_windows_leaves_stars_to_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b[1].tif", "a 1.tif", "b1.tif", "c.png"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    given = ["segment", "*.tif", "b[1]*", "?.jpg", "-o", "out"]
    assert cli._expanded(given) == given  # the shell has done so
    monkeypatch.setattr(cli.os, "name", "nt")
    expanded = cli._expanded(given)
    monkeypatch.undo()
    assert expanded == ["segment", "a 1.tif", "b1.tif", "b[1].tif", "b[1].tif", "?.jpg", "-o", "out"]


def test_ctrl_c_is_a_sentence_from_the_start_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "build_parser", interrupt)
    assert program.main() == 130
    assert capsys.readouterr().err == "upaint: interrupted\n"
    light = "import sys, napari_upaint.__main__; assert not {'argparse', 'napari_upaint.cli'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", light], check=True)
