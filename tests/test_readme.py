"""What the first page promises is there."""

from __future__ import annotations

import configparser
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST_SCREEN = "\n".join(README.splitlines()[:30])
COMMANDS = (
    'pip install -c constraints.txt ".[all]" && upaint demo',
    "pip install -c constraints.txt tox && tox",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_two_commands_stand_on_the_first_screen(command: str) -> None:
    assert command in FIRST_SCREEN.splitlines()


def test_continuous_integration_runs_what_the_reader_runs() -> None:
    script = ROOT / ".ci" / "run"
    if not script.exists():
        pytest.skip("the archive of the sources holds no .ci")
    assert f"command='{COMMANDS[1]}'" in script.read_text(encoding="utf-8").splitlines()


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert len(links) >= 6
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_commands_in_examples_exist() -> None:
    from napari_upaint.commands import COMMANDS as known

    pages = [README, *(path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md"))]
    used = {name for page in pages for name in re.findall(r"^upaint ([a-z]+)", page, re.MULTILINE)}
    assert used
    assert used <= set(known)


def test_headless_group_repeats_the_dependencies_without_the_window() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    window = re.compile(r"(app-model|napari|psutil|qtpy|superqt)\b")
    without = [one for one in declared["project"]["dependencies"] if not window.match(one)]
    assert declared["dependency-groups"]["headless"] == without


def test_tests_run_in_a_folder_with_a_blank_in_its_name() -> None:
    """pip takes the variable for a list of paths with blanks between them."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    assert "PIP_CONSTRAINT = constraints.txt" in tox["testenv"]["set_env"].splitlines()


def test_constraints_pin_every_dependency() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.partition("==")[0].lower() for line in lines if "==" in line}
    ours = {name: group for name, group in declared["dependency-groups"].items() if name != "peers"}
    groups = [one for group in ours.values() for one in group if isinstance(one, str)]
    names = {re.match(r"[\w-]+", one).group().lower() for one in declared["project"]["dependencies"] + groups}  # type: ignore[union-attr]
    assert names - pinned == set()
