"""napari's Preferences reach the dock, the engine and the command."""

from __future__ import annotations

import pytest
from npe2 import PluginManifest
from qtpy.QtWidgets import QTabWidget

from napari_upaint.io.preferences import load_preferences, preferences_file, save_preferences
from napari_upaint.settings import Preferences


@pytest.fixture
def general(npe2pm, plugin_settings):
    """The group of settings as napari keeps it."""
    from napari.settings import get_plugin_settings

    if "napari-upaint" not in npe2pm:
        npe2pm.register(PluginManifest.from_distribution("napari-upaint"))
    return get_plugin_settings("napari-upaint").general


def test_without_the_plugin_the_file_holds(plugin_settings, viewer, open_dock):
    save_preferences(Preferences("cpu", "", 33))
    dock = open_dock()
    assert dock.sections.train.seconds.value() == 33
    assert dock.bridge.device == "cpu"


def test_the_dock_follows_and_the_command_knows(general, viewer, open_dock, qtbot):
    general.seconds = 45
    dock = open_dock()
    assert dock.sections.train.seconds.value() == 45
    assert load_preferences().seconds == 45
    general.seconds = 50
    assert dock.sections.train.seconds.value() == 50
    qtbot.waitUntil(lambda: "a fake device" in dock.sections.engine.device.text(), timeout=20000)
    general.device = "cpu"
    qtbot.waitUntil(lambda: dock.sections.engine.device.text().endswith("fake device (cpu)"), timeout=20000)
    assert load_preferences() == Preferences("cpu", "", 50)
    dock.keeping.close()
    general.seconds = 70
    assert dock.sections.train.seconds.value() == 50


def test_out_of_the_limits_is_refused(general):
    with pytest.raises(ValueError, match="seconds"):
        general.seconds = 0
    with pytest.raises(ValueError, match="device"):
        general.device = "abacus"


def test_napari_shows_the_page(general, qtbot):
    from napari._qt.dialogs.preferences_dialog import PreferencesDialog

    dialog = PreferencesDialog()
    qtbot.addWidget(dialog)
    names = [dialog._list.item(i).text() for i in range(dialog._list.count())]
    assert any("U-Paint" in name for name in names), names
    assert dialog.findChildren(QTabWidget) is not None


def test_a_file_that_cannot_be_written_costs_a_sentence(general, viewer, open_dock):
    dock = open_dock()
    preferences_file().unlink(missing_ok=True)
    preferences_file().mkdir(parents=True)
    general.seconds = 44
    assert dock.sections.train.seconds.value() == 44
    assert "hold only until napari closes" in dock.sections.message.text()
