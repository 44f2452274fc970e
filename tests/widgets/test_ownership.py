"""Paint belongs to the image it lies on: whichever labels are chosen, however alike images are in name and size."""

from __future__ import annotations

import numpy as np
import pytest
from upaint_pictures import open_fields, paint, picture

from napari_upaint.session.autosaves import autosaved, restore
from napari_upaint.session.protocol import TrainRequest
from napari_upaint.widgets import _autosaving
from napari_upaint.widgets._ownership import is_annotation_of

SHAPE = (60, 80)


@pytest.fixture
def fields(viewer, tmp_path):
    """Three fields of view of one size, each a file of its own."""
    open_fields(viewer, tmp_path, (1, 2, 10), SHAPE)


@pytest.fixture
def choose(viewer, dock):
    return lambda name: dock.sections.image.combo.set_key(viewer.layers[name].unique_id)


def new_labels(viewer, dock, painted=True):
    before = set(viewer.layers)
    dock.sections.labels.new_button.click()
    (layer,) = set(viewer.layers) - before
    if painted:
        paint(layer)
    return layer


def chosen(dock):
    return dock.sections.image.combo.currentText(), dock.sections.labels.combo.currentText()


def test_paint_of_one_field_of_view_is_not_learnt_on_another(viewer, dock, fields, choose, requests, settle, qtbot):
    train = dock.sections.train
    choose("field 10")
    first = new_labels(viewer, dock)
    qtbot.waitUntil(train.button.isEnabled, timeout=20000)
    choose("field 1")  # whose name the other's begins with
    qtbot.waitUntil(lambda: not train.button.isEnabled(), timeout=20000)
    assert train.button.toolTip().startswith("These labels were painted on field 10; press 'New labels'")
    first.visible = False  # a look at the image without paint
    first.visible = True
    second = new_labels(viewer, dock)
    assert chosen(dock) == ("field 1", "field 1 annotation")
    qtbot.waitUntil(train.button.isEnabled, timeout=20000)
    qtbot.waitUntil(lambda: not dock.working.others.busy and not train.others.isHidden(), timeout=20000)
    train.seconds.setValue(1)
    train.button.click()
    settle(dock)
    (asked,) = [one for one in requests if isinstance(one, TrainRequest)]
    assert [one.name for one in asked.samples] == ["field 1", "field 10"]
    for sample, name, layer in zip(asked.samples, ("field 1", "field 10"), (second, first), strict=True):
        np.testing.assert_array_equal(sample.image[0], viewer.layers[name].data)
        np.testing.assert_array_equal(sample.annotation, layer.data)


def test_labels_that_were_picked_by_hand_may_be_those_of_another_image(viewer, dock, fields, choose, qtbot):
    choose("field 1")
    new_labels(viewer, dock)
    choose("field 2")
    button, combo = dock.sections.train.button, dock.sections.labels.combo
    qtbot.waitUntil(lambda: not button.isEnabled(), timeout=20000)
    combo.activated.emit(combo.currentIndex())
    qtbot.waitUntil(button.isEnabled, timeout=20000)
    choose("field 1")
    choose("field 2")
    assert chosen(dock) == ("field 2", "field 1 annotation")


def test_saving_a_project_makes_no_owner_of_a_guess(viewer, dock, fields, choose):
    choose("field 2")
    new_labels(viewer, dock)
    own = viewer.add_labels(np.zeros(SHAPE, np.uint8), name="Labels")  # of any field
    choose("field 1")
    dock.keeping.projects._project()
    choose("field 2")
    paint(own)
    assert chosen(dock) == ("field 2", "Labels")


def test_paint_whose_image_was_closed_is_not_learnt_on_another(viewer, dock, fields, choose, qtbot, monkeypatch):
    monkeypatch.setattr(_autosaving, "_SOON", 0.05)
    choose("field 1")
    layer = new_labels(viewer, dock)
    layer.name = "mine"  # its name tells nothing
    qtbot.waitUntil(dock.sections.train.button.isEnabled, timeout=20000)
    file = viewer.layers["field 1"].source.path
    for name in ("field 1", "field 10"):
        viewer.layers.remove(name)
    assert chosen(dock) == ("field 2", "mine")
    qtbot.waitUntil(lambda: not dock.sections.train.button.isEnabled(), timeout=20000)
    assert dock.sections.train.button.toolTip().startswith("These labels were painted on field 1; press 'New labels'")
    layer.paint((40, 40), 3)  # it is saved as what it is
    qtbot.waitUntil(lambda: bool(autosaved("field 1", SHAPE)), timeout=20000)
    qtbot.waitUntil(lambda: (restore(autosaved("field 1", SHAPE)[0]) == layer.data).all(), timeout=20000)
    assert autosaved("field 2", SHAPE) == []
    viewer.open(file, plugin="napari-upaint")  # and known again with its image
    choose("field 1")
    assert chosen(dock) == ("field 1", "mine")
    qtbot.waitUntil(dock.sections.train.button.isEnabled, timeout=20000)


def test_paint_goes_on_beside_an_image_of_another_size_after_its_own_was_closed(
    viewer, dock, fields, choose, qtbot, monkeypatch
):
    """It was saved under a name and a size that no image has together."""
    monkeypatch.setattr(_autosaving, "_SOON", 0.05)
    viewer.add_image(picture((30, 40)), name="small")
    choose("field 1")
    layer = new_labels(viewer, dock)
    for name in ("field 1", "field 2", "field 10"):
        viewer.layers.remove(name)
    layer.paint((40, 40), 3)
    qtbot.waitUntil(lambda: bool(autosaved("field 1", SHAPE)), timeout=20000)
    qtbot.waitUntil(lambda: (restore(autosaved("field 1", SHAPE)[0]) == layer.data).all(), timeout=20000)
    assert autosaved("small", SHAPE) == []


def test_the_dock_goes_with_the_brush_to_labels_that_nobody_chose(viewer, dock, fields, choose, qtbot, monkeypatch):
    monkeypatch.setattr(_autosaving, "_SOON", 0.05)
    choose("field 1")
    first, second = new_labels(viewer, dock), new_labels(viewer, dock, painted=False)
    assert chosen(dock)[1] == second.name
    viewer.layers.selection.active = first
    assert chosen(dock) == ("field 1", first.name)
    own = viewer.add_labels(np.zeros(SHAPE, np.uint8), name="Labels")  # napari's own button
    assert chosen(dock)[1] == first.name
    paint(own)
    assert chosen(dock) == ("field 1", "Labels")
    qtbot.waitUntil(dock.sections.train.button.isEnabled, timeout=20000)
    qtbot.waitUntil(lambda: len(autosaved("field 1", SHAPE)) == 2, timeout=20000)  # of `first`, too
    choose("field 2")
    first.paint((40, 40), 3)
    assert chosen(dock) == ("field 1", first.name)


def test_nobody_paints_by_looking(viewer, dock, requests, qtbot):
    """Sliders and eyes make napari redraw a layer; that is not painting."""
    viewer.add_image(picture((4, *SHAPE)), name="stack")
    truth = viewer.add_labels(np.ones((4, *SHAPE), np.uint8), name="stack truth")
    assert chosen(dock) == ("stack", "stack truth")
    heard = []
    dock.layers.edited.connect(lambda: heard.append(1))
    viewer.dims.set_current_step(0, 3)
    truth.visible = False
    truth.visible = True
    truth.contour = 1
    assert not heard
    for edit in (
        lambda: truth.paint((3, 10, 10), 2),
        truth.undo,
        truth.redo,
        lambda: truth.fill((3, 40, 40), 5),
        lambda: setattr(truth, "data", truth.data.copy()),
    ):
        heard.clear()
        edit()
        assert heard


def test_facts_follow_the_image(viewer, dock):
    layer = viewer.add_image(picture(SHAPE), name="cells")
    facts = dock.sections.image._facts
    assert facts.text() == "80 × 60 pixels."
    layer.scale, layer.units = (0.5, 0.5), ("micrometer", "micrometer")
    assert facts.text() == "80 × 60 pixels, 0.5 µm a pixel."
    layer.data = picture((30, 40))
    assert facts.text().startswith("40 × 30 pixels")


def test_names():
    assert is_annotation_of("img 1 annotation", "img 1") and is_annotation_of("img 1 annotation [2]", "img 1")
    assert is_annotation_of("img_1_annotation", "img_1") and not is_annotation_of("img_1_annotation", "img")
    assert not is_annotation_of("img 10 annotation", "img 1") and not is_annotation_of("img 1 annotations", "img 1")
    composed, mac = "K\u00f6rper", "Ko\u0308rper"
    assert is_annotation_of(f"{mac} annotation", composed) and is_annotation_of(f"{composed} annotation", mac)
