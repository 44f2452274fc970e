"""Images without paint: seen at the scale that suits the model, the same in all planes and in the preview."""

from __future__ import annotations

import numpy as np
import pytest

from napari_upaint.engine.progress import Sight
from napari_upaint.io.models import find_model
from napari_upaint.session import batch
from napari_upaint.session.protocol import SegmentRequest
from napari_upaint.settings import PredictSettings
from napari_upaint.widgets._sources import ImageSource

NOTE = "Seen at 0.5 times its size, where the model is surest of what it finds (Settings > Prediction > Image scale)."


def image(shape=(200, 321)):
    """At 321 columns the engine of these tests sees an image at half of its size."""
    pixels = np.zeros(shape, np.uint8)
    pixels[..., 50:90, 60:120] = 200
    return pixels


@pytest.fixture
def looks(dock, monkeypatch):
    """What was found by looking, one after the other."""
    found, real = [], type(dock.working.sights)._find

    def find(self, image, looking):
        found.append(real(self, image, looking))
        return found[-1]

    monkeypatch.setattr(type(dock.working.sights), "_find", find)
    return found


def test_the_scale_is_found_once_and_told(viewer, dock, segment, looks):
    viewer.add_image(image((3, 200, 321)), name="stack")
    segment()
    assert dock.sections.message.text() == f"Segmented 1 plane. {NOTE}"
    segment("layer")
    assert dock.sections.message.text().endswith(f"Segmented 2 planes; 1 was there already. {NOTE}")
    assert looks == [Sight(0.5)]


def test_of_an_image_seen_as_it_is_nothing_is_said(viewer, dock, segment, looks):
    viewer.add_image(image((200, 320)), name="cells")
    segment()
    assert (dock.sections.message.text(), looks) == ("Segmented 1 plane.", [Sight(1.0)])


def test_other_pixels_are_looked_at_again(viewer, dock, segment, looks):
    layer = viewer.add_image(image(), name="cells")
    segment()
    layer.data = image() + 1
    segment()
    assert len(looks) == 2


def test_all_open_images_are_seen_each_as_it_suits(viewer, dock, segment):
    for name, columns in (("small", 300), ("large", 321)):
        viewer.add_image(image((200, columns)), name=name)
    segment("all")
    assert "Seen at 0.5 to 1 times their sizes" in dock.sections.message.text()


def test_a_scale_set_by_hand_is_kept(viewer, dock, segment, looks):
    viewer.add_image(image(), name="cells")
    dock.sections.settings.predict.control("scale").setValue(0.7)
    segment()
    assert (dock.sections.message.text(), looks) == ("Segmented 1 plane.", [Sight(0.7)])
    assert dock.sections.predict_settings() == PredictSettings(scale=0.7)


def test_the_smaller_a_volume_is_seen_the_more_slices_are_read_around_one(viewer, dock, segment, monkeypatch):
    asked = []
    monkeypatch.setattr(batch, "SegmentRequest", lambda *how: asked.append(SegmentRequest(*how)) or asked[-1])
    dock.sections.model.choose(find_model("generalist-3d"))
    for name, columns in (("as it is", 100), ("half", 101)):
        viewer.add_image(image((240, 120, columns)), name=name, scale=(1,) * 3, units=("um",) * 3)
        viewer.dims.set_current_step(0, 120)
        segment()
    assert [one.image.shape[1] for one in asked] == [2 * 44 + 1, 2 * 88 + 1]
    assert dock.sections.message.text() == f"Segmented 1 plane. {NOTE}"


def test_of_a_large_volume_the_middle_alone_is_read(viewer, dock, segment, monkeypatch):
    read, real = [], ImageSource.plane

    def plane(self, index, region=(slice(None), slice(None))):
        pixels = real(self, index, region)
        read.append(pixels.shape)
        return pixels

    monkeypatch.setattr(ImageSource, "plane", plane)
    dock.sections.model.choose(find_model("generalist-3d"))
    large = np.broadcast_to(image((200, 101)), (4000, 200, 101))
    viewer.add_image(large, name="large", scale=(1,) * 3, units=("um",) * 3)
    segment()
    assert max(shape[1] for shape in read if len(shape) == 4) == 2 * 88 + 1 and (1, 128, 200, 101) in read
