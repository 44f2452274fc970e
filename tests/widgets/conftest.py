"""Viewers with the dock open, on a fake engine (fast) or the real one."""

from __future__ import annotations

import gc
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from napari_upaint.io.samples import open_sample
from napari_upaint.session.drive import TASKS
from napari_upaint.widgets._job_bridge import JobBridge
from napari_upaint.widgets._memory import holding
from napari_upaint.widgets.upaint import UPaintDock

sys.path.insert(0, str(Path(__file__).parent))  # for upaint_dock_tasks, also in the engine process


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    """Runs of a test go into its own folder, and no model of the user gets into its list."""
    monkeypatch.setenv("UPAINT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def little_garbage():
    """Collect no garbage among what stays: napari's fixture does so three times a test, a tenth of a second each."""
    gc.freeze()


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def open_dock(viewer, qtbot):
    """Return what opens a dock in the viewer, with the fake engine unless told otherwise."""
    opened = []

    def open_one(tasks="upaint_dock_tasks"):
        dock = UPaintDock(viewer, tasks)
        viewer.window.add_dock_widget(dock, name="U-Paint", area="right")
        opened.append(dock)
        return dock

    yield open_one
    for dock in opened:
        dock.bridge.close()


@pytest.fixture
def dock(open_dock):
    return open_dock()


@pytest.fixture
def settle(qtbot):
    """Return what waits until nothing runs in a dock."""

    def wait(dock, seconds=20):
        qtbot.waitUntil(lambda: not dock.working.busy, timeout=int(seconds * 1000))

    return wait


@pytest.fixture
def segment(dock, settle, qtbot):
    """Return what presses a button of Segment, and waits until all follows."""

    def run(extent="view"):
        button = dock.sections.segment.buttons[extent]
        qtbot.waitUntil(button.isEnabled, timeout=20000)
        button.click()
        settle(dock)

    return run


@pytest.fixture
def paint_strokes():
    """Return what paints strokes as a brush does: through the layer, with its history."""

    def paint(layer, strokes, index=()):
        for label in np.unique(strokes[strokes > 0]):
            layer.selected_label = int(label)
            where = np.nonzero(strokes == label)
            layer.data_setitem((*(np.full_like(where[0], i) for i in index), *where), int(label))

    return paint


@pytest.fixture
def loop(viewer, open_dock, paint_strokes, qtbot):
    """Return what opens an image, paints strokes on it and trains, with the real engine."""

    def run(image, strokes, index=(), seconds=8, dock=None, **place):
        dock = dock or open_dock(TASKS)
        viewer.add_image(image, name="cells", **place)
        dock.sections.labels.new_button.click()
        if index:
            viewer.dims.set_current_step(0, index[0])
        paint_strokes(viewer.layers["cells annotation"], strokes, index)
        qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=10000)
        dock.sections.train.seconds.setValue(seconds)
        dock.sections.train.button.click()
        return dock

    return run


@pytest.fixture
def requests(monkeypatch):
    """Return what the engine is asked for."""
    asked = []
    real = JobBridge.begin

    def begin(self, request, *heard):
        asked.append(request)
        return real(self, request, *heard)

    monkeypatch.setattr(JobBridge, "begin", begin)
    return asked


@pytest.fixture
def rooms_of(monkeypatch):
    """Return what lists the arrays that a module of widgets gets for results: in a thread, or the window would stop."""
    rooms, threads = [], []

    def hold(*of):
        threads.append(threading.current_thread())
        rooms.append(holding(*of))
        return rooms[-1]

    def watch(module):
        monkeypatch.setattr(module, "holding", hold)
        return rooms

    yield watch
    assert threads and threading.main_thread() not in threads


@pytest.fixture
def nuclei():
    return open_sample("nuclei_fluorescence")


def gray(image):
    """Return the plain array of a sample's image."""
    return np.asarray(image.data)


def alive(pid):
    """Return whether a process runs (one that ended and is not yet reaped does not)."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (OSError, ProcessLookupError):
        return False


@pytest.fixture(name="alive")
def _alive():
    return alive
