"""The memory of the engine process, and freeing it."""

from __future__ import annotations

import os

import numpy as np
from upaint_pictures import paint, picture

from napari_upaint.session.protocol import DeviceRequest
from napari_upaint.widgets._engine_section import held_by, size
from napari_upaint.widgets._job_bridge import GuiJob


def test_sizes_in_words():
    assert size(412 * 2**20) == "412 MB"
    assert size(int(1.31 * 2**30)) == "1.3 GB"


def test_memory_of_this_process():
    before = held_by(os.getpid())
    assert before is not None
    block = np.ones(64 * 2**20, np.uint8)
    assert held_by(os.getpid()) - before > 32 * 2**20
    del block


def test_free_memory_ends_the_engine_and_the_next_job_starts_one(viewer, dock, settle, qtbot, alive):
    section = dock.sections.engine
    qtbot.waitUntil(lambda: "a fake device" in dock.sections.engine.device.text(), timeout=20000)
    dock.keeping.engine.look()
    assert section.memory.text().endswith(" MB")
    assert section.button.isEnabled()
    first = dock.bridge.pid
    section.button.click()
    assert section.memory.text() == "Engine: not running"
    assert not section.button.isEnabled()
    assert "starts with the next training" in section.button.toolTip()
    qtbot.waitUntil(lambda: not alive(first), timeout=20000)
    viewer.add_image(picture(), name="cells")
    dock.sections.segment.buttons["view"].click()
    settle(dock)
    assert viewer.layers["cells labels"].data[20, 20] == 1
    assert dock.bridge.pid not in (None, first)


def test_not_while_something_runs(viewer, dock, settle, qtbot):
    viewer.add_image(np.random.default_rng(0).random((60, 80)), name="cells")
    dock.sections.labels.new_button.click()
    paint(viewer.layers["cells annotation"])
    qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=20000)
    dock.sections.train.seconds.setValue(1)
    dock.sections.train.button.click()
    button = dock.sections.engine.button
    assert not button.isEnabled()
    assert "training is running" in button.toolTip()
    settle(dock)
    assert button.isEnabled()


def test_an_abandoned_job_is_not_heard_and_leaves_nothing(dock, qtbot):
    """Whoever switches the preview on and off all day would keep a picture of each time."""
    heard = []
    dock.bridge.begin(DeviceRequest(), heard.append).abandon()
    qtbot.waitUntil(lambda: not dock.bridge.findChildren(GuiJob), timeout=20000)
    assert not heard
