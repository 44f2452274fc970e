"""napari finds the plug-in, and everything that the manifest promises exists."""

from __future__ import annotations

import inspect
import re
from importlib.metadata import entry_points, metadata, requires
from pathlib import Path
from typing import Any

import pytest

import napari_upaint

npe2 = pytest.importorskip("npe2")
pytest.importorskip("napari")

MANIFEST = Path(napari_upaint.__file__).with_name("napari.yaml")
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def manifest() -> Any:
    """Return the manifest as napari finds it: by the entry point of the installed distribution."""
    return npe2.PluginManifest.from_distribution("napari-upaint")


def test_it_is_the_one_in_the_package(manifest: Any) -> None:
    (entry,) = [one for one in entry_points(group="napari.manifest") if one.dist and one.dist.name == "napari-upaint"]
    assert entry.value == "napari_upaint:napari.yaml"
    assert manifest.name == "napari-upaint"
    assert npe2.PluginManifest.from_file(MANIFEST).contributions == manifest.contributions


def test_the_link_at_the_top_level_leads_into_the_package() -> None:
    link = ROOT / "napari.yaml"
    if not link.is_symlink():
        pytest.skip("this file system or archive knows no links")
    assert link.resolve().read_bytes() == MANIFEST.read_bytes()


def test_everything_it_names_can_be_imported(manifest: Any) -> None:
    manifest.validate_imports()


def test_menus_are_real(manifest: Any) -> None:
    known = set(npe2.manifest.contributions.ContributionPoints.model_fields)
    assert "menus" in known
    commands = {one.id for one in manifest.contributions.commands}
    for menu, items in manifest.contributions.menus.items():
        assert menu in {"napari/layers/segment"}, f"napari drops {menu} silently"
        assert {item.command for item in items} <= commands


def test_every_command_is_used(manifest: Any) -> None:
    text = MANIFEST.read_text(encoding="utf-8")
    for command in manifest.contributions.commands:
        assert len(re.findall(rf"{re.escape(command.id)}\b", text)) >= 2, f"{command.id} leads nowhere"


def test_samples_give_layers(manifest: Any) -> None:
    from napari_upaint import _sample_data

    for sample in manifest.contributions.sample_data:
        function = getattr(_sample_data, sample.key)
        assert inspect.getdoc(function), f"{sample.key} must say its source and terms"
        for layer in function():
            data, attributes, kind = layer
            assert kind in {"image", "labels"}
            assert attributes["name"]
            assert data.size


def test_the_dock_takes_a_viewer(manifest: Any) -> None:
    from napari.viewer import Viewer

    (widget,) = manifest.contributions.widgets
    (command,) = [one for one in manifest.contributions.commands if one.id == widget.command]
    dock = npe2.manifest.utils.import_python_name(command.python_name)
    annotations = [inspect.signature(dock, eval_str=True).parameters[name].annotation for name in ("viewer",)]
    assert annotations == [Viewer]


def test_metadata() -> None:
    about = metadata("napari-upaint")
    assert about["License-Expression"] == "BSD-3-Clause"
    assert "Framework :: napari" in about.get_all("Classifier")
    assert about["Version"] == napari_upaint.__version__
    without_extras = [one for one in requires("napari-upaint") or [] if "extra ==" not in one]
    assert not [one for one in without_extras if re.match(r"(pyqt|pyside)|napari\[", one, re.IGNORECASE)]


def test_preferences_are_those_of_the_settings(manifest: Any) -> None:
    from dataclasses import fields

    from napari_upaint.settings import Preferences

    (general,) = manifest.contributions.configurations.values()
    assert list(general.properties) == [one.name for one in fields(Preferences)]
    for one in fields(Preferences):
        declared, said = general.properties[one.name], one.metadata
        assert (declared.default, declared.description) == (one.default, said["tip"])
        unit = f" ({said['unit']})" if said["unit"] else ""
        assert declared.title == said["label"] + unit
        assert (declared.minimum, declared.maximum) == (said["low"], said["high"])
        assert tuple(declared.enum or ()) == (said["choices"] or ())
        assert declared.python_type is type(one.default)


def test_the_tutorial_calls_file_types_as_the_dialog_for_saving_does(manifest: Any) -> None:
    tutorial = " ".join((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8").split())
    for writer in manifest.contributions.writers:
        assert f"*{manifest.display_name} {writer.display_name}*" in tutorial
