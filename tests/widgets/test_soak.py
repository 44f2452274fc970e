"""A day's work: paint, train, preview, undo, again and again; nothing piles up."""

from __future__ import annotations

import gc
import os
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication

from napari_upaint.session.drive import TASKS

ROUNDS = int(os.environ.get("UPAINT_SOAK_ROUNDS", "200"))
SETTLED = 20  # rounds after which everything is loaded, compiled and cached that ever will be
EDGE = 256
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0


@dataclass(frozen=True)
class State:
    """What may not grow: memory in MB of both processes, and counts."""

    window: float
    engine: float
    threads: int
    widgets: int
    processes: int
    shared: int
    layers: int


def memory(pid):
    """Return the resident memory of a process in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 1e6


def children():
    """Return how many processes this one has started that are still there."""
    return sum(len(path.read_text().split()) for path in Path("/proc/self/task").glob("*/children"))


def look(viewer, dock):
    gc.collect()
    shared = len([path for path in Path("/dev/shm").iterdir() if "upaint" in path.name])
    return State(
        window=memory(os.getpid()),
        engine=memory(dock.bridge.pid),
        threads=threading.active_count(),
        widgets=len(QApplication.allWidgets()),
        processes=children(),
        shared=shared,
        layers=len(viewer.layers),
    )


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads memory from /proc")
@pytest.mark.timeout(3600)
def test_nothing_piles_up_in_a_day(usual_pauses, viewer, open_dock, settle, qtbot, nuclei):
    dock = open_dock(TASKS)
    image, strokes = np.asarray(nuclei.image.data)[:EDGE, :EDGE], nuclei.strokes[:EDGE, :EDGE]
    rng = np.random.default_rng(0)
    viewer.add_image(image, name="cells")
    dock.sections.labels.new_button.click()
    layer = viewer.layers["cells annotation"]
    layer.data = strokes.astype(layer.data.dtype)
    layer.brush_size = 4
    dock.sections.train.seconds.setValue(2)
    states, undone = [], 0

    def rest():
        settle(dock, 120)
        qtbot.waitUntil(lambda: not (dock.keeping.busy or dock.preview.busy), timeout=120_000)

    for number in range(ROUNDS):
        # Erased as often as painted: the annotation itself does not grow.
        layer.paint(tuple(int(n) for n in rng.integers(8, EDGE - 8, 2)), int(rng.choice((0, 1))))
        qtbot.waitUntil(dock.sections.train.button.isEnabled, timeout=20_000)
        dock.sections.train.button.click()
        rest()
        dock.sections.train.preview.click()
        qtbot.waitUntil(lambda: "cells preview" in viewer.layers, timeout=60_000)
        rest()
        dock.sections.train.preview.click()
        if dock.sections.train.undo_button.isEnabled():
            dock.sections.train.undo_button.click()
            undone += 1
            rest()
        assert dock.sections.message.kind != "error", dock.sections.message.text()
        if number % 10 == 9:
            states.append(look(viewer, dock))
            print(number + 1, states[-1], flush=True)
    assert undone > ROUNDS // 4
    settled, last = states[SETTLED // 10 - 1], states[-1]
    assert last.processes == settled.processes == 1
    assert last.threads <= settled.threads + 1
    assert last.shared <= settled.shared + 1
    assert last.layers <= settled.layers + 1
    # The list of trainings has a row for each; rows are not widgets.
    assert last.widgets <= settled.widgets + 5
    # Half a MB a round would be a gigabyte in a week of use; curves of runs and the list of models may take some.
    allowed = 20 + 0.2 * (ROUNDS - SETTLED)
    assert last.window < settled.window + allowed
    assert last.engine < settled.engine + allowed
