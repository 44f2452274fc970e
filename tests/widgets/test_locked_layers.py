"""A layer that the user locks in napari's list is not removed: what comes instead is another layer."""

from __future__ import annotations

import numpy as np
import pytest
from upaint_pictures import paint, two_squares

from napari_upaint.widgets._new_layers import CACHE


@pytest.fixture
def layers(viewer):
    viewer.add_image(two_squares(), name="cells")
    return viewer.layers


def names(layers):
    return [layer.name for layer in layers if layer.name != "cells"]


def test_results_of_another_model(layers, dock, segment):
    """Its labels can be chosen like any others from then on, and its scores are no image to segment."""
    segment()
    locked = [layers["cells labels"], layers["cells scores"]]
    for layer in locked:
        layer.locked = True
    was = [layer.data.copy() for layer in locked]
    segment()  # of the same model: they are written again
    assert names(layers) == ["cells scores", "cells labels"]
    layers["cells"].data = two_squares((70, 90))
    segment()
    assert sorted(names(layers)) == [
        "cells labels",
        "cells labels (locked)",
        "cells scores",
        "cells scores (locked)",
    ]
    for layer, data in zip(locked, was, strict=True):
        np.testing.assert_array_equal(layer.data, data)
        assert CACHE not in layer.metadata
    assert [one.name for one in dock.layers.images()] == ["cells"]
    assert [one.name for one in dock.layers.annotations()] == ["cells labels (locked)"]
    segment()
    assert len(names(layers)) == 4


def test_what_is_shown_while_a_box_is_ticked(layers, open_dock, qtbot):
    dock = open_dock("upaint_live_tasks")
    dock.sections.labels.new_button.click()
    paint(layers["cells annotation"])
    live = dock.sections.weights.live
    for name, toggle in (("preview", dock.preview.toggle), ("weight map", live.click)):
        qtbot.waitUntil(live.isEnabled, timeout=20000)
        toggle()
        qtbot.waitUntil(lambda name=name: f"cells {name}" in layers, timeout=20000)
        layers[f"cells {name}"].locked = True
        toggle()
        assert f"cells {name} (locked)" in layers and f"cells {name}" not in layers
    assert [one.name for one in dock.layers.images()] == ["cells"]
    dock.preview.toggle()
    qtbot.waitUntil(lambda: "cells preview" in layers, timeout=20000)
