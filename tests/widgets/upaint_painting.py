"""A user who paints and paints, until somebody ends the program: run by test_autosaving.py in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

SHAPE = (120, 160)


def stroke(layer, number):
    """Paint the stroke of a number: another place and label each."""
    layer.brush_size = 5
    layer.paint((5 + 7 * number % 110, 5 + 11 * number % 150), 1 + number % 9)


def main():
    import napari
    from qtpy.QtCore import QTimer

    from napari_upaint.widgets.upaint import UPaintDock

    sys.path.insert(0, str(Path(__file__).parent))
    viewer = napari.Viewer()
    viewer.add_image(np.random.default_rng(0).random(SHAPE), name="cells")
    dock = UPaintDock(viewer, "upaint_dock_tasks")
    viewer.window.add_dock_widget(dock)
    dock.sections.labels.new_button.click()
    layer = viewer.layers["cells annotation"]
    strokes = iter(range(10**6))
    timer = QTimer()
    timer.timeout.connect(lambda: stroke(layer, next(strokes)))
    timer.start(50)
    napari.run()


if __name__ == "__main__":
    main()
