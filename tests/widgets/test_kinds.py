"""Objects or classes: what the chosen labels hold, though labels of both kinds are open."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Layer

from napari_upaint import _sample_data

SHAPE = (60, 80)


@pytest.fixture
def new(viewer, dock, qtbot):
    """Return a function that opens an image and makes labels on it."""

    def make(name):
        key = viewer.add_image(np.zeros(SHAPE), name=name).unique_id
        qtbot.waitUntil(lambda: any(one.key == key for one in dock.layers.images()))
        dock.sections.image.combo.set_key(key)
        dock.sections.labels.new_button.click()
        return viewer.layers[f"{name} annotation"]

    return make


def choose(viewer, dock, image):
    dock.sections.image.combo.set_key(viewer.layers[image].unique_id)


def test_the_kind_follows_the_labels(viewer, dock, new):
    new("nuclei")
    new("blood")
    dock.sections.labels.classes.click()
    choose(viewer, dock, "nuclei")
    assert dock.choosing.kind() == "objects"
    choose(viewer, dock, "blood")
    assert dock.choosing.kind() == "classes"
    assert new("more blood").features["label"][2] == "class 2"  # the next image is often of the same kind


def test_labels_made_elsewhere_keep_what_was_chosen(viewer, dock, new):
    new("blood")
    dock.sections.labels.classes.click()
    masks = viewer.add_labels(np.zeros(SHAPE, int), name="masks")
    dock.sections.labels.combo.set_key(masks.unique_id)
    assert dock.choosing.kind() == "classes"
    assert "label" not in masks.features


def test_a_sample_holds_objects_whatever_was_painted_before(viewer, dock, new):
    new("blood")
    dock.sections.labels.classes.click()
    image, strokes = (viewer.add_layer(Layer.create(*one)) for one in _sample_data.cells_phase())
    choose(viewer, dock, image.name)
    assert dock.choosing.annotation().key == strokes.unique_id
    assert dock.choosing.kind() == "objects"


def test_labels_of_both_kinds_come_back_with_their_project(viewer, dock, new, qtbot, tmp_path):
    new("blood").paint((20, 20), 2)
    dock.sections.labels.classes.click()
    new("nuclei").paint((20, 20), 2)
    dock.sections.labels.objects.click()
    choose(viewer, dock, "blood")  # as it is when the project is saved
    projects = dock.keeping.projects
    projects.save(tmp_path / "both")
    qtbot.waitUntil(lambda: (tmp_path / "both" / "project.json").exists() and not projects.busy, timeout=20000)
    for name in ("blood annotation", "nuclei annotation"):
        viewer.layers.remove(name)
    projects.open(tmp_path / "both")
    qtbot.waitUntil(lambda: "nuclei annotation" in viewer.layers and not projects.busy, timeout=20000)
    kinds = [viewer.layers[f"{name} annotation"].features["label"][2] for name in ("blood", "nuclei")]
    assert kinds == ["class 2", "object 2"]
    assert dock.choosing.kind() == "classes"


def test_paint_that_is_brought_back_leaves_other_labels_as_they_are(viewer, dock, new, qtbot):
    layer = new("blood")
    dock.sections.labels.classes.click()
    layer.paint((20, 20), 2)
    dock.autosaving.save_now()
    qtbot.waitUntil(lambda: not dock.autosaving._saving.busy, timeout=20000)
    viewer.layers.remove(layer)
    dock.sections.labels.new_button.click()
    dock.sections.labels.objects.click()
    offer = dock.sections.labels.offer
    qtbot.waitUntil(lambda: offer.offered is not None, timeout=20000)
    offer.accept_button.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 3, timeout=20000)
    assert [one.features["label"][2] for one in viewer.layers[1:]] == ["object 2", "class 2"]
    assert dock.choosing.kind() == "classes"


def test_classes_are_not_learnt_together_with_objects(viewer, dock, new, qtbot):
    for name in ("nuclei", "blood"):
        layer = new(name)
        layer.brush_size = 6
        for label in (1, 2):
            layer.paint((10 * label, 20), label)
    box = dock.sections.train.others
    qtbot.waitUntil(lambda: not box.isHidden(), timeout=20000)
    dock.sections.labels.classes.click()
    assert box.isHidden()
    assert [one.image.name for one in dock.working.plan().painted] == ["blood"]
    dock.sections.labels.objects.click()
    assert not box.isHidden()
