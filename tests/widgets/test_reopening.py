"""A dock that was closed and is shown again works as before."""

from __future__ import annotations

import numpy as np
import pytest
from npe2 import PluginManifest
from upaint_pictures import paint

from napari_upaint.io.preferences import load_preferences


@pytest.fixture
def close_and_show(viewer, dock, qtbot):
    """Return a function that closes the dock in a way that a user has, and shows it again."""
    viewer.window._qt_window.show()

    def by_its_cross(between):
        viewer.window.remove_dock_widget(dock)
        assert not dock._open
        between()
        viewer.window.add_dock_widget(dock, name="U-Paint again", area="right")
        qtbot.waitUntil(lambda: dock._open)

    def as_a_window(between):
        window = dock.parent()
        window.setFloating(True)
        qtbot.waitUntil(lambda: dock.window() is window)
        window.close()
        qtbot.waitUntil(lambda: not dock._open)
        between()
        window.setVisible(True)  # what Plugins > U-Paint does
        qtbot.waitUntil(lambda: dock._open)

    return {"cross": by_its_cross, "window": as_a_window}


@pytest.fixture
def painted(viewer, dock, qtbot):
    viewer.add_image(np.random.default_rng(0).random((60, 80)), name="cells")
    dock.sections.labels.new_button.click()
    paint(viewer.layers["cells annotation"])
    qtbot.waitUntil(dock.sections.train.button.isEnabled, timeout=20000)


@pytest.mark.parametrize("way", ["cross", "window"])
def test_during_a_training(viewer, dock, painted, close_and_show, settle, qtbot, way):
    section = dock.sections.train
    section.seconds.setValue(30)
    section.button.click()
    qtbot.waitUntil(lambda: len(section.plot.loss) > 2, timeout=20000)
    between, labels = [], viewer.layers["cells annotation"]
    close_and_show[way](lambda: between.append((dock.working.busy, section.button.text(), labels.paint((40, 20), 3))))
    assert between == [(False, "Train", None)]
    qtbot.waitUntil(lambda: dock.sections.labels.painted.rows()[1][0] == "<b>2 objects</b>", timeout=20000)
    qtbot.waitUntil(section.button.isEnabled, timeout=20000)
    assert section.button.text() == "Train"
    assert section.seconds.isEnabled()
    section.seconds.setValue(1)
    section.button.click()
    assert section.button.text() == "Stop"
    settle(dock)
    assert dock.sections.message.text().startswith("Better than before")


def test_while_something_is_segmented(viewer, dock, painted, close_and_show, settle):
    section = dock.sections.segment
    section.buttons["view"].click()
    close_and_show["cross"](lambda: None)
    assert not section.stop_button.isEnabled()
    assert section.buttons["view"].isEnabled()
    section.buttons["view"].click()
    settle(dock)
    assert "cells labels" in viewer.layers


def test_after_all_layers_gave_way_to_others(viewer, dock, painted, close_and_show):
    def between():
        viewer.layers.clear()
        viewer.add_image(np.zeros((30, 40)), name="others")
        viewer.add_labels(np.zeros((30, 40), int), name="others annotation")

    close_and_show["cross"](between)
    assert dock.sections.image.combo.currentText() == "others"
    assert dock.sections.labels.combo.currentText() == "others annotation"


def test_preferences_and_the_memory_of_the_engine_are_followed_again(
    npe2pm, plugin_settings, dock, close_and_show, qtbot
):
    from napari.settings import get_plugin_settings

    npe2pm.register(PluginManifest.from_distribution("napari-upaint"))
    general = get_plugin_settings("napari-upaint").general

    def between():
        assert not dock.keeping.engine._timer.isActive()
        general.seconds = 44  # heard when the dock is shown

    close_and_show["cross"](between)
    assert dock.sections.train.seconds.value() == 44
    assert dock.keeping.engine._timer.isActive()
    general.seconds = 45
    assert dock.sections.train.seconds.value() == 45
    assert load_preferences().seconds == 45


def test_a_training_that_ends_with_its_dock_is_no_news(viewer, dock, painted, close_and_show, qtbot, monkeypatch):
    said = []
    monkeypatch.setattr("napari_upaint.widgets._notifying.LONG", 0.0)
    monkeypatch.setattr("napari_upaint.widgets._notifying.show_info", said.append)
    dock.sections.train.seconds.setValue(30)
    dock.sections.train.button.click()
    close_and_show["cross"](lambda: qtbot.wait(50))
    assert said == []
