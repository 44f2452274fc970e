"""Results follow an image that gets other pixels, or the size of its pixels, after it was segmented."""

from __future__ import annotations

import numpy as np
import pytest
from upaint_pictures import two_squares

from napari_upaint.settings import ObjectSettings


@pytest.fixture
def press_u(dock, qtbot):
    def run():
        dock.where_next.search()
        qtbot.waitUntil(lambda: not dock.where_next.busy, timeout=20000)

    return run


def shapes(viewer):
    return {layer.name: layer.data.shape for layer in viewer.layers}


def test_another_array_is_another_image(viewer, dock, segment, settle, press_u):
    image = viewer.add_image(two_squares(), name="cells")
    segment()
    dock.sections.segment.measure_button.click()
    settle(dock)
    image.data = two_squares((100, 120))
    assert dock.sections.segment.measure_button.toolTip() == "Segment the image first."
    press_u()
    assert "Nothing is segmented yet" in dock.sections.message.text()
    dock.sections.settings.objects.control("threshold").setValue(0.4)
    settle(dock)
    assert shapes(viewer)["cells labels"] == (60, 80)
    segment()
    assert shapes(viewer) == dict.fromkeys(("cells", "cells scores", "cells labels"), (100, 120))
    dock.sections.settings.objects.control("threshold").setValue(0.7)
    settle(dock)
    assert viewer.layers["cells labels"].data.max() == 1
    press_u()
    assert dock.sections.message.kind == "info"


def test_other_pixels_in_the_same_array_have_other_gray_values(viewer, dock, segment):
    image = viewer.add_image(two_squares(), name="cells")
    segment()
    before = viewer.layers["cells labels"].data.copy()
    image.data[:] = image.data / 8  # as a camera, or a line in the console, writes into it
    image.refresh()
    segment()
    assert before.max() > 0
    np.testing.assert_array_equal(viewer.layers["cells labels"].data, before)


def test_the_uncertainty_is_of_the_new_array(viewer, dock, segment, qtbot):
    image = viewer.add_image(two_squares(), name="cells")
    dock.sections.segment.guide.show_box.click()
    segment()
    qtbot.waitUntil(lambda: not dock.uncertainty.busy, timeout=20000)
    image.data = two_squares((100, 120))
    segment()
    qtbot.waitUntil(lambda: not dock.uncertainty.busy, timeout=20000)
    layer = viewer.layers["cells uncertainty (margin)"]
    assert layer.data.shape == (100, 120)
    assert layer.data[45, 50] > 0.5


def test_results_of_an_array_that_went_while_it_was_segmented_have_no_place(viewer, dock, settle):
    image = viewer.add_image(two_squares(), name="cells")
    dock.sections.segment.buttons["view"].click()
    image.data = two_squares((100, 120))
    settle(dock)
    assert list(shapes(viewer)) == ["cells"]
    assert dock.sections.message.text() == "cells has changed its size; segment it again."


def test_labels_that_come_too_late_are_not_written(viewer, dock, segment):
    image = viewer.add_image(two_squares(), name="cells")
    segment()
    wanted = ObjectSettings(threshold=0.4)
    plane = dock.layers.results.stale_plane(wanted)
    image.data = two_squares((100, 120))
    before = viewer.layers["cells labels"].data.copy()
    dock.layers.results.relabel(plane, np.full((60, 80), 7, np.int32), wanted)
    np.testing.assert_array_equal(viewer.layers["cells labels"].data, before)


PLACE = {
    "scale": (4.0, 0.5, 0.25),
    "translate": (1.0, 2.0, 3.0),
    "units": ("um", "um", "um"),
    "axis_labels": ("z", "y", "x"),
    "affine": np.array([[1, 0, 0, 0], [0, 0.9, 0.1, 3], [0, -0.1, 0.9, 1], [0, 0, 0, 1.0]]),
}


def move(layer):
    for name, value in PLACE.items():
        setattr(layer, name, value)


def lies_on(layer, image):
    place = (2, 10, 20)
    np.testing.assert_allclose(layer.data_to_world((0,) * (layer.ndim - 3) + place)[-3:], image.data_to_world(place))
    return layer.units[-3:] == image.units and layer.axis_labels[-3:] == image.axis_labels


def test_results_follow_the_size_of_the_pixels(viewer, dock, segment, settle, press_u, qtbot):
    image = viewer.add_image(two_squares((3, 60, 80)), name="cells")
    dock.sections.segment.guide.show_box.click()
    segment("layer")
    press_u()
    qtbot.waitUntil(lambda: not dock.uncertainty.busy, timeout=20000)
    move(image)
    segment()
    press_u()
    qtbot.waitUntil(lambda: not dock.uncertainty.busy, timeout=20000)
    for name in ("labels", "scores", "uncertainty (margin)", "next place"):
        assert lies_on(viewer.layers[f"cells {name}"], image), name
    image.scale = (8, 1, 1)
    dock.sections.settings.objects.control("threshold").setValue(0.3)
    settle(dock)
    assert lies_on(viewer.layers["cells labels"], image)


def test_scores_of_several_classes_follow_too(viewer, dock, segment, settle, qtbot):
    image = viewer.add_image(two_squares((3, 60, 80)), name="cells")
    dock.sections.labels.classes.click()
    dock.sections.labels.new_button.click()
    layer = viewer.layers["cells annotation"]
    for label, place in ((1, (0, 55, 5)), (2, (0, 20, 20)), (3, (0, 45, 50))):
        layer.paint(place, label)
    qtbot.waitUntil(dock.sections.train.button.isEnabled, timeout=20000)
    dock.sections.train.seconds.setValue(1)
    dock.sections.train.button.click()
    settle(dock)
    scores = viewer.layers["cells scores"]
    if scores.ndim == 3:
        pytest.fail("the model should know several classes")
    move(image)
    segment()
    assert viewer.layers["cells scores"] is scores
    assert lies_on(scores, image)
    image.data = two_squares((4, 60, 80))
    segment()
    assert viewer.layers["cells scores"].data.shape[1:] == (4, 60, 80)
