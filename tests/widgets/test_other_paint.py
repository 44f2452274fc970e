"""Paint on other open images is learnt from, too; a segmentation that somebody opened is not."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from upaint_pictures import picture

from napari_upaint.engine.progress import PlaneResult
from napari_upaint.session.protocol import TrainRequest
from napari_upaint.session.run import list_runs
from napari_upaint.settings import ObjectSettings
from napari_upaint.widgets import _open_layers
from napari_upaint.widgets._train_section import OthersBox
from napari_upaint.widgets.upaint import UPaintDock

SHAPE = (60, 80)


@pytest.fixture
def painted(viewer, dock, qtbot):
    """Return a function that opens an image, makes labels and paints on them."""

    def run(name, labels=(1, 2), image=None, **options):
        viewer.add_image(picture() if image is None else image, name=name, **options)
        key = viewer.layers[name].unique_id
        qtbot.waitUntil(lambda: any(one.key == key for one in dock.layers.images()))
        dock.sections.image.combo.set_key(key)
        dock.sections.labels.new_button.click()
        layer = viewer.layers[f"{name} annotation"]
        stroke(layer, *labels)
        return layer

    return run


def stroke(layer, *labels):
    layer.brush_size = 6
    for label in labels:
        layer.paint((*(0,) * (layer.ndim - 2), 10 * label, 20), label)


def choose(viewer, dock, name):
    dock.sections.image.combo.set_key(viewer.layers[name].unique_id)


def offered(dock, qtbot):
    """Return the text of the box, once it is known what is painted; empty: it is hidden."""
    qtbot.wait(100)  # the count begins after a pause
    qtbot.waitUntil(lambda: not dock.working.others.busy, timeout=20000)
    box = dock.sections.train.others
    return "" if box.isHidden() else box.text()


def learnt(requests):
    """Return the images of each training."""
    return [[one.name for one in asked.samples] for asked in requests if isinstance(asked, TrainRequest)]


def train(dock, qtbot, settle):
    dock.sections.train.seconds.setValue(1)
    qtbot.waitUntil(dock.sections.train.button.isEnabled, timeout=20000)
    dock.sections.train.button.click()
    assert not dock.sections.train.others.isEnabled()
    settle(dock)
    assert dock.sections.train.others.isEnabled()


def test_strokes_and_projects_ask_for_few_places_however_many_images_are_open(qtbot, put_away, monkeypatch):
    """With 64 images, each stroke stopped the window for a tenth of a second, and saving a project for seven tenths."""
    viewer, placed, costs = ViewerModel(), [], []
    dock = UPaintDock(viewer, "upaint_dock_tasks")
    qtbot.addWidget(dock)
    found = PlaneResult(np.ones(SHAPE, np.int32), np.ones((2, *SHAPE), np.float16), ("background", "object"))
    real = _open_layers.placement
    monkeypatch.setattr(_open_layers, "placement", lambda layer: placed.append(layer) or real(layer))
    for names in ("ab", "cd"):
        for name in names:
            image = dock.layers.image(viewer.add_image(picture(), name=name).unique_id)
            dock.layers.new_annotation(image.key)
            dock.layers.results.put_labels(image, (), found, "objects")
            dock.layers.results.put_scores(image, (), found, "objects", ObjectSettings())
        for act in (dock.choosing.changed.emit, dock.keeping.projects._project):
            placed.clear()
            act()
            costs.append(len(placed))
    put_away(dock)
    assert costs[2:] == costs[:2]


def test_all_painted_images_are_learnt(viewer, dock, painted, requests, qtbot, settle):
    painted("a")
    assert offered(dock, qtbot) == ""
    painted("b")
    assert offered(dock, qtbot) == "Learn 1 other image, too"
    assert "\na.\n" in dock.sections.train.others.toolTip()
    painted("c", labels=())
    assert offered(dock, qtbot) == "Learn 2 other images, too"
    choose(viewer, dock, "b")
    assert offered(dock, qtbot) == "Learn 1 other image, too"
    train(dock, qtbot, settle)
    assert learnt(requests) == [["b", "a"]]
    [run] = list_runs()
    assert (run.name, run.images) == ("b", ("b", "a"))
    dock.sections.train.others.click()
    train(dock, qtbot, settle)
    assert learnt(requests)[1:] == [["b"]]


def test_what_is_erased_or_closed_is_not_offered(viewer, dock, painted, qtbot):
    first = painted("a")
    painted("b")
    assert offered(dock, qtbot)
    choose(viewer, dock, "a")
    first.data = np.zeros_like(first.data)
    choose(viewer, dock, "b")
    assert offered(dock, qtbot) == ""
    choose(viewer, dock, "a")
    stroke(first, 2)
    choose(viewer, dock, "b")
    assert offered(dock, qtbot)
    viewer.layers.remove(first)
    assert offered(dock, qtbot) == ""


def test_a_finished_segmentation_is_learnt_only_if_painted_on(viewer, dock, painted, qtbot):
    masks = np.zeros(SHAPE, np.uint16)
    masks[10:30, 10:30] = 1
    viewer.add_image(picture(), name="a")
    truth = viewer.add_labels(masks, name="a truth")
    choose(viewer, dock, "a")
    assert dock.sections.labels.combo.key() == truth.unique_id
    painted("b")
    assert offered(dock, qtbot) == ""
    choose(viewer, dock, "a")
    dock.sections.labels.combo.set_key(truth.unique_id)
    stroke(truth, 3)
    choose(viewer, dock, "b")
    assert offered(dock, qtbot) == "Learn 1 other image, too"


def test_paint_that_was_saved_and_opened_again_is_learnt(viewer, dock, painted, qtbot):
    paint = np.zeros(SHAPE, np.uint16)
    paint[10:20, 10:20] = 1
    viewer.add_image(picture(), name="a")
    viewer.add_labels(paint, name="a_annotation")  # as the file a_annotation.tif
    painted("b")
    assert offered(dock, qtbot) == "Learn 1 other image, too"


def test_only_images_of_the_same_sort_go_together(viewer, dock, painted, qtbot):
    painted("gray")
    painted("colour", image=np.random.default_rng(0).integers(0, 255, (*SHAPE, 3), np.uint8), rgb=True)
    assert offered(dock, qtbot) == ""
    painted("stack", image=picture((4, *SHAPE)))
    assert offered(dock, qtbot) == "Learn 1 other image, too"  # the gray plane
    dock.sections.settings.train.control("ndim").setCurrentIndex(1)
    dock.sections.model.choose(None)
    assert offered(dock, qtbot) == ""  # a 3D network learns from no plane


def test_two_classes_may_lie_on_two_images(viewer, dock, painted, requests, qtbot, settle):
    painted("a", labels=(2,))
    painted("b", labels=(1,))
    offered(dock, qtbot)
    train(dock, qtbot, settle)
    assert learnt(requests) == [["b", "a"]]
    dock.sections.train.others.click()
    qtbot.waitUntil(lambda: not dock.sections.train.button.isEnabled(), timeout=20000)
    assert "Only background is painted" in dock.sections.train.button.toolTip()


def test_labels_of_two_channels_are_learnt_once(viewer, dock, painted, requests, qtbot, settle):
    layer = painted("green")
    viewer.add_image(picture(), name="red")
    choose(viewer, dock, "red")
    assert dock.sections.labels.combo.key() == layer.unique_id
    assert offered(dock, qtbot) == ""
    train(dock, qtbot, settle)
    assert learnt(requests) == [["red"]]


def test_the_dock_goes_with_the_brush(viewer, dock, painted, qtbot, settle):
    first, second = painted("a"), painted("b")
    chosen = dock.sections.image.combo.key, dock.sections.labels.combo.key
    active = viewer.layers.selection
    active.active = first
    assert [key() for key in chosen] == [viewer.layers["a"].unique_id, first.unique_id]
    stroke(first, 3)
    qtbot.waitUntil(lambda: 3 in dock.choosing.situation().pixels, timeout=20000)
    for layer in (viewer.layers["b"], viewer.add_labels(np.zeros(SHAPE, int), name="truth")):
        active.active = layer  # to look at it
        assert chosen[1]() == first.unique_id
    # Somebody else's results leave the brush and the choice alone.
    active.active = first
    choose(viewer, dock, "b")
    assert chosen[1]() == second.unique_id
    dock.sections.segment.buttons["view"].click()
    settle(dock)
    assert "b labels" in viewer.layers
    assert active.active is first
    assert [key() for key in chosen] == [viewer.layers["b"].unique_id, second.unique_id]


def test_all_layers_are_looked_at_once_for_each_change(viewer, dock, painted, monkeypatch):
    """With forty open images every look takes a hundredth of a second, and choosing one asked for eight."""
    painted("first")
    painted("second")
    looks, real = [], dock.working.others._others

    def look():
        looks.append(1)
        return real()

    monkeypatch.setattr(dock.working.others, "_others", look)
    dock.choosing.changed.emit()
    assert len(looks) == 1
    dock.working.others.changed.emit()
    assert len(looks) == 1


def test_many_names_are_cut_short(qtbot):
    box = OthersBox()
    qtbot.addWidget(box)
    box.show_others([f"image {n}" for n in range(12)])
    assert box.text() == "Learn 12 other images, too"
    assert "image 6 and 5 others." in box.toolTip() and "image 7" not in box.toolTip()
