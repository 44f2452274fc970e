"""What ``upaint demo`` opens: a sample with strokes painted, and the dock ready to train."""

from __future__ import annotations

from functools import partial

import napari
import pytest

from napari_upaint.commands import demo
from napari_upaint.commands.demo import open_window
from napari_upaint.io.samples import SAMPLES
from napari_upaint.widgets.upaint import UPaintDock


@pytest.fixture
def opened(qtbot, put_away):
    """Return a function that opens the demo; its viewer is closed at the end."""
    viewers = []

    def open_one(sample, device="auto", *, show=False):
        viewers.append(open_window(sample, device, show=show))
        return viewers[-1]

    yield open_one
    for viewer in viewers:
        for dock in viewer.window._qt_window.findChildren(UPaintDock):
            put_away(dock)
        viewer.close()


def test_train_can_be_pressed_at_once_and_the_whole_image_is_seen(opened, qtbot, monkeypatch):
    monkeypatch.setattr(demo, "open_window", partial(opened, show=True))
    monkeypatch.setattr(napari, "run", lambda: napari.qt.get_qapp().processEvents())
    assert demo._show("nuclei_fluorescence", "cpu") == 0
    viewer = napari.current_viewer()
    room, zoom = viewer.window._qt_viewer.canvas.native, viewer.scene.camera.zoom
    assert 512 * zoom <= min(room.width(), room.height())
    assert [layer.name for layer in viewer.layers] == ["nuclei_fluorescence", "nuclei_fluorescence strokes"]
    colour = viewer.layers[1].get_color(1)[:3]
    assert tuple((colour * 255).round().astype(int)) == (86, 180, 233)  # as the dock shows it
    dock = viewer.window._qt_window.findChild(UPaintDock)
    qtbot.waitUntil(dock.sections.train.button.isEnabled, timeout=10000)
    assert dock.bridge.device == "cpu"
    assert "background" in dock.sections.labels.painted.rows()[0][0].lower()


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one != "nuclei_fluorescence"])
def test_every_other_sample_opens(sample, opened):
    assert opened(sample).layers[0].name == sample
