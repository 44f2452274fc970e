"""A segmentation that was stopped continues where it stopped, and keeps no plane that would come out differently."""

import numpy as np
import pytest
from upaint_pictures import picture

from napari_upaint.io.models import Architecture, ModelFile, ModelHeader, save_model
from napari_upaint.widgets import _segmenting
from napari_upaint.widgets._new_layers import CACHE

EVERY = [0, 1, 2]


@pytest.fixture
def press(dock, segment, monkeypatch):
    """Return a function that presses 'Whole layer', stops after some planes, and tells which ones were computed."""
    came, stop_after = [], []
    real = _segmenting._ready

    def ready(this, event):
        if event.result is not None:
            came.append(event.plane[0])
        if len(came) in stop_after:
            this.stop.set()
        return real(this, event)

    monkeypatch.setattr(_segmenting, "_ready", ready)

    def run(planes=0):
        came.clear()
        stop_after[:] = [planes] if planes else []
        segment("layer")
        return came

    return run


def text(dock):
    return dock.sections.message.text()


def test_the_same_button_goes_on_where_it_stopped(viewer, dock, press):
    viewer.add_image(picture((3, 60, 80)), name="cells")
    assert press(2) == [0, 1]
    assert text(dock) == "Stopped after 2 planes. Press the same button to go on."
    labels = viewer.layers["cells labels"]
    labels.fill((1, 20, 20), 7)
    assert press() == [2]
    assert text(dock) == "Segmented 1 plane; 2 were there already."
    assert [int(plane[20, 20]) for plane in labels.data] == [1, 7, 1]  # whoever corrected it goes on in the same layer
    assert press() == EVERY  # nothing is missing: whoever asks for it wants it redone
    assert [int(plane[20, 20]) for plane in viewer.layers["cells labels"].data] == [1, 1, 1]


def test_no_plane_stays_that_would_come_out_otherwise(viewer, dock, press, settle, tmp_path):
    def model(bias):
        weights = {"bias": np.full(2, bias, np.float32)}
        return save_model(ModelFile(ModelHeader("m", Architecture()), weights), tmp_path / "m.safetensors")

    def after_a_stop():
        del viewer.layers["cells scores"].metadata[CACHE].made[0,]
        return list(press())

    dock.sections.model.open_file(model(0.0))
    image = viewer.add_image(picture((3, 60, 80)), name="cells")
    assert press() == EVERY
    assert after_a_stop() == [0]
    image.data[1] = image.data[1, ::-1].copy()  # the gray values are the same
    assert after_a_stop() == [0, 1]
    settings, labels = dock.sections.settings, viewer.layers["cells labels"]
    settings.objects.control("threshold").setValue(0.9)  # labels follow by themselves
    settle(dock)
    settings.predict.control("tile").setValue(512)
    assert after_a_stop() == [0]
    labels.fill((2, 20, 20), 7)
    settings.predict.control("rotations").setValue(2)
    assert after_a_stop() == EVERY
    assert viewer.layers["cells labels"] is not labels
    model(1.0)  # trained further, in the same file
    assert after_a_stop() == EVERY
    viewer.layers.remove("cells labels")
    assert after_a_stop() == EVERY
    viewer.layers.remove("cells scores")
    assert press() == EVERY


def test_an_image_that_is_closed_is_left_out_and_the_others_go_on(viewer, dock, settle, qtbot):
    viewer.add_image(picture((200, 60, 80)), name="long")
    viewer.add_image(picture(), name="other")
    dock.sections.segment.buttons["all"].click()
    qtbot.waitUntil(lambda: "long labels" in viewer.layers, timeout=10000)
    viewer.layers.remove("long")
    settle(dock)
    assert "long was closed or changed, or memory is short; the rest of it is left out." in text(dock)
    assert viewer.layers["other labels"].data.any()
    assert not viewer.layers["long labels"].data[-1].any()
