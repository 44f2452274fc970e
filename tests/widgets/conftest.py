"""Viewers with the dock open, on a fake engine (fast) or the real one."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
from functools import cache
from pathlib import Path
from weakref import WeakSet

import numpy as np
import pytest
from napari._qt.qt_main_window import _QtMainWindow
from napari._qt.widgets.qt_viewer_buttons import QtViewerPushButton
from napari._qt.widgets.qt_welcome import QtWelcomeWidget
from napari._vispy.overlays.base import LayerOverlayMixin, VispySceneOverlay
from napari._vispy.utils.visual import overlay_to_visual
from napari.components.overlays import LabelsBrushStrokeOverlay, LabelsPolygonOverlay
from napari.utils.events import EventEmitter
from npe2 import PluginManager
from vispy.scene import Node

from napari_upaint.errors import EngineError
from napari_upaint.io.samples import open_sample
from napari_upaint.session.drive import TASKS
from napari_upaint.session.job import EngineProcess
from napari_upaint.widgets import _brush, _job_bridge, _learning_on, _linking, _other_paint, _preview
from napari_upaint.widgets._job_bridge import JobBridge
from napari_upaint.widgets._memory import holding
from napari_upaint.widgets.upaint import UPaintDock

discover_once = cache(PluginManager.discover)
takes_an_event, known = EventEmitter._check_signature, {}
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


def takes_an_event_once(callback):
    """Ask Python for the signature of a listener once: napari does so whenever it connects or disconnects one."""
    function = getattr(callback, "__func__", callback)
    if isinstance(callback, EventEmitter):  # groups hear each of their emitters
        function = type(callback).__call__
    code = getattr(function, "__code__", None)
    if code is None or hasattr(function, "__wrapped__"):
        return takes_an_event(callback)
    key = code, function is callback, len(function.__defaults__ or ())
    if key not in known:
        known[key] = takes_an_event(callback)
    return known[key]


class NothingDrawn(LayerOverlayMixin, VispySceneOverlay):
    """Instead of napari's lines over labels, of a polygon and of the stroke under the brush, which no test looks at."""

    def __init__(self, **given):
        super().__init__(node=Node(), **given)


@pytest.fixture(autouse=True)
def quick_viewers(monkeypatch):
    """Leave out a third of what viewers and layers cost: what is the same for all of them, and what nobody sees."""
    monkeypatch.setattr(PluginManager, "discover", discover_once)  # reads the manifests of all plug-ins
    monkeypatch.setattr(QtWelcomeWidget, "refresh", lambda *_: None)  # with each of eighty keys, and nobody sees it
    monkeypatch.setattr(QtViewerPushButton, "_refresh_qss", lambda *_: None)  # of four buttons, with each layer
    monkeypatch.setattr(EventEmitter, "_check_signature", staticmethod(takes_an_event_once))
    for overlay in (LabelsPolygonOverlay, LabelsBrushStrokeOverlay):
        monkeypatch.setitem(overlay_to_visual, overlay, NothingDrawn)
    monkeypatch.delattr(_QtMainWindow, "eventFilter")  # hears every event of Qt, for a menu bar that is hidden


@pytest.fixture(autouse=True)
def quick_pauses(request, monkeypatch):
    """Let the dock wait no longer after a stroke, a number or a plane than tests take to make the next one."""
    if "usual_pauses" not in request.fixturenames:
        for module in (_brush, _learning_on, _linking, _other_paint, _preview):
            monkeypatch.setattr(module, "_PAUSE", 20)


@pytest.fixture
def usual_pauses():
    """Let the dock wait as long as it does for users."""


class WarmEngine(EngineProcess):
    """An engine that knows whether it is idle, and fit to be used again."""

    def __init__(self, tasks):
        super().__init__(tasks=tasks)
        self.tasks, self._closed = tasks, False
        self._jobs = WeakSet()  # those that are done hold images through their listeners

    def submit(self, request, listener=None):
        job = super().submit(request, listener)
        self._jobs.add(job)
        return job

    def close(self):
        self._closed = True
        super().close()

    def done_within(self, seconds):
        jobs = list(self._jobs)
        for job in jobs:
            with contextlib.suppress(EngineError, TimeoutError):
                job.wait(seconds)
        return not self._closed and all(job.outcome for job in jobs)


@pytest.fixture(scope="session")
def warm():
    """Idle engines, by their tasks: the next dock takes one over instead of waiting for a process of its own."""
    engines = {}
    yield engines
    for engine in engines.values():
        engine.close()


@pytest.fixture(autouse=True)
def warm_engines(warm, monkeypatch):
    monkeypatch.setattr(_job_bridge, "EngineProcess", lambda tasks: warm.pop(tasks, None) or WarmEngine(tasks))


@pytest.fixture
def put_away(warm):
    """Return a function that takes the engine from a dock and ends its jobs; an engine that soon ends them is kept."""

    def put(dock):
        engine = dock.bridge.let_go()
        if engine is None:
            return
        for part in (dock.preview, dock.gallery, dock.working):
            part.close()
        if engine.done_within(5) and engine.tasks not in warm:
            warm[engine.tasks] = engine
        else:
            engine.close()

    return put


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def open_dock(viewer, qtbot, put_away):
    """Return a function that opens a dock in the viewer, with the fake engine unless told otherwise."""
    opened = []

    def open_one(tasks="upaint_dock_tasks"):
        dock = UPaintDock(viewer, tasks)
        viewer.window.add_dock_widget(dock, name="U-Paint", area="right")
        opened.append(dock)
        return dock

    yield open_one
    for dock in opened:
        put_away(dock)


@pytest.fixture
def dock(open_dock):
    return open_dock()


@pytest.fixture
def settle(qtbot):
    """Return a function that waits until nothing runs in a dock."""

    def wait(dock, seconds=20):
        qtbot.waitUntil(lambda: not dock.working.busy, timeout=int(seconds * 1000))

    return wait


@pytest.fixture
def segment(dock, settle, qtbot):
    """Return a function that presses a button of Segment, and waits until all follows."""

    def run(extent="view"):
        button = dock.sections.segment.buttons[extent]
        qtbot.waitUntil(button.isEnabled, timeout=20000)
        button.click()
        settle(dock)

    return run


@pytest.fixture
def paint_strokes():
    """Return a function that paints strokes as a brush does: through the layer, with its history."""

    def paint(layer, strokes, index=()):
        for label in np.unique(strokes[strokes > 0]):
            layer.selected_label = int(label)
            where = np.nonzero(strokes == label)
            layer.data_setitem((*(np.full_like(where[0], i) for i in index), *where), int(label))

    return paint


@pytest.fixture
def loop(viewer, open_dock, paint_strokes, qtbot):
    """Return a function that opens an image, paints strokes on it and trains, with the real engine."""

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
    """Return the requests that the engine is given."""
    asked = []
    real = JobBridge.begin

    def begin(self, request, *heard):
        asked.append(request)
        return real(self, request, *heard)

    monkeypatch.setattr(JobBridge, "begin", begin)
    return asked


@pytest.fixture
def rooms_of(monkeypatch):
    """Return a function that lists the arrays that a module gets for results: in a thread, or the window would stop."""
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
