"""Keys: the dock's own, and those that stay napari's, the user's or another plug-in's."""

from __future__ import annotations

import numpy as np
import pytest
from app_model.types import KeyBinding
from napari.components.viewer_model import ViewerModel
from napari.settings import get_settings
from test_upaint import press
from upaint_pictures import picture

from napari_upaint.widgets._gestures import KEY_ACTIONS

EVERY = {key for action in KEY_ACTIONS for key in action.keys}


def test_none_is_a_key_of_the_viewer(viewer, dock):
    assert dock.keys.bound == EVERY
    viewer.add_image(picture(), name="cells")
    mine = viewer.add_labels(np.zeros((60, 80), int), name="mine")
    viewer.layers.selection.active = viewer.layers["cells"]
    press(viewer, "Shift+V")  # napari's: the visibility of what is not selected
    assert not mine.visible


def test_a_key_of_napari_itself_stays_its_own(viewer, open_dock, monkeypatch):
    monkeypatch.setitem(ViewerModel.class_keymap, KeyBinding.validate("Shift+O"), lambda _viewer: None)
    dock = open_dock()
    assert dock.keys.bound == EVERY - {"Shift-O"}
    dock.show_help()
    words = dock.help.words()
    assert "Shift+O" in words
    text = words[words.index("Shift+O") + 1]
    assert text.endswith("(taken by napari, another plug-in or your own shortcuts)")


@pytest.mark.parametrize("action", ["napari:toggle_grid", "napari:new_label"])
def test_a_key_that_the_user_chose_stays_theirs(viewer, open_dock, action):
    """Also on a layer: there it would sometimes do the one and sometimes the other."""
    shortcuts = get_settings().shortcuts.shortcuts
    before = shortcuts[action]
    shortcuts[action] = [*before, KeyBinding.validate("N")]
    try:
        dock = open_dock()
    finally:
        shortcuts[action] = before
    assert dock.keys.bound == EVERY - {"N"}


def test_through_the_proxy_that_plugins_get(make_napari_viewer_proxy):
    viewer = make_napari_viewer_proxy()
    _, dock = viewer.window.add_plugin_dock_widget("napari-upaint", "U-Paint")
    assert dock.keys.bound == EVERY
    viewer.add_image(picture(), name="cells")
    dock.sections.labels.new_button.click()
    dock.regions.draw()
    assert "cells regions" in [layer.name for layer in viewer.layers]
    viewer.window.remove_dock_widget(dock)
    assert not viewer.keymap
