"""The floors hold: what is imported when, and by whom."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields, is_dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

import napari_upaint
from napari_upaint import settings

PACKAGE = Path(napari_upaint.__file__).parent
ROOT = Path(__file__).parents[1]
WINDOW = ("napari", "qtpy", "superqt", "magicgui", "vispy", "PyQt6", "PySide6")
needs_napari = pytest.mark.skipif(find_spec("napari") is None, reason="needs napari")


def loaded_by(statement: str, candidates: tuple[str, ...]) -> set[str]:
    """Return which of the candidates a fresh interpreter has loaded after the statement."""
    code = f"import sys; {statement}; print(*(n for n in {candidates!r} if n in sys.modules))"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


def modules(folder: str) -> str:
    """Return an import statement for every module of a floor."""
    names = sorted(path.stem for path in (PACKAGE / folder).glob("*.py") if path.stem != "__init__")
    return "import " + ", ".join(f"napari_upaint.{folder}.{name}" for name in names)


def test_the_package_itself_is_light() -> None:
    assert loaded_by("import napari_upaint", ("numpy", "scipy", "torch", *WINDOW)) == set()


def test_floor_0_is_standard_library() -> None:
    names = "napari_upaint.settings, napari_upaint.errors, napari_upaint.system_libraries"
    assert loaded_by(f"import {names}", ("numpy", "scipy", "torch", *WINDOW)) == set()


@pytest.mark.parametrize("floor", ["core", "io", "session"])
def test_floors_below_the_engine_and_the_session_need_no_torch_and_no_window(floor: str) -> None:
    assert loaded_by(modules(floor), ("torch", *WINDOW)) == set()


def test_the_engine_needs_no_window() -> None:
    assert loaded_by(modules("engine"), WINDOW) == set()


def test_progress_messages_need_no_torch() -> None:
    assert loaded_by("import napari_upaint.engine.progress", ("torch", *WINDOW)) == set()


def test_the_command_starts_without_torch_and_window() -> None:
    assert loaded_by("import napari_upaint.cli", ("torch", *WINDOW)) == set()


@pytest.mark.parametrize("name", ["_reader", "_writer", "_sample_data"])
def test_contributions_are_light(name: str) -> None:
    assert loaded_by(f"import napari_upaint.{name}", ("torch", "tifffile", "zarr", "dask", *WINDOW)) == set()


@needs_napari
def test_the_window_never_imports_torch() -> None:
    assert loaded_by(modules("widgets"), ("torch",)) == set()


def test_floors_import_only_floors_below() -> None:
    pytest.importorskip("importlinter")
    if not (ROOT / "pyproject.toml").exists():
        pytest.skip("the contracts stand in pyproject.toml, next to the tests")
    code = "from importlinter.cli import lint_imports; import sys; sys.exit(lint_imports(no_cache=True))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


# Only these touch layers: the one place and its parts.
TOUCH_LAYERS = re.compile(r"from napari\.layers|import napari\.layers|viewer\.layers|Layer\.create")
MAY_TOUCH_LAYERS = {f"_{part}.py" for part in ("layers", "layer_notes", "preview_layer")} | {
    f"_{part}_layers.py"
    for part in (
        "compared",
        "file",
        "guide",
        "link",
        "new",
        "object",
        "open",
        "redrawn",
        "region",
        "result",
        "shown",
        "table",
        "weight",
    )
}


def test_one_place_touches_layers() -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in (PACKAGE / "widgets").glob("*.py")}
    guilty = {name for name, text in texts.items() if TOUCH_LAYERS.search(text)}
    assert guilty <= MAY_TOUCH_LAYERS
    assert "_layers.py" in guilty  # the pattern finds something


def test_no_qt_binding_is_named() -> None:
    bindings = ("PyQt" + "5", "PyQt" + "6", "PySide" + "2", "PySide" + "6")
    guilty = [
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in PACKAGE.rglob("*.py")
        for name in bindings
        if name in path.read_text(encoding="utf-8")
    ]
    assert guilty == []


def settings_classes() -> list[type]:
    """Return the settings classes, each a frozen dataclass."""
    found = [one for one in vars(settings).values() if isinstance(one, type) and is_dataclass(one)]
    assert len(found) >= 5
    return found


@pytest.mark.parametrize("declared", settings_classes(), ids=lambda one: one.__name__)
def test_every_setting_is_declared_in_full(declared: type) -> None:
    declared()  # the defaults keep their own limits
    assert declared.__doc__
    for one in fields(declared):
        label, tip = one.metadata["label"], one.metadata["tip"]
        assert label
        assert label[0].isupper()
        assert tip.endswith("."), f"{one.name}: {tip}"
        number = isinstance(one.default, int | float) and not isinstance(one.default, bool)
        limited = one.metadata["low"] is not None or one.metadata["choices"] is not None
        assert not number or limited, f"{one.name} has no lower limit"


def test_labels_of_settings_are_unique() -> None:
    labels = [one.metadata["label"] for declared in settings_classes() for one in fields(declared)]
    assert len(labels) == len(set(labels))
