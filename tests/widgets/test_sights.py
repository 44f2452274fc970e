"""Images that nobody has painted: seen at the scale that suits the model, the same in all planes and in the preview."""

from __future__ import annotations

import numpy as np
import pytest

from napari_upaint.engine.progress import Sight
from napari_upaint.settings import PredictSettings

NOTE = "Seen at 0.5 of its size, where the model is surest of what it finds (Settings > Prediction > Image scale)."


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
    assert "Seen at 0.5 to 1 of their sizes" in dock.sections.message.text()


def test_a_scale_set_by_hand_is_kept(viewer, dock, segment, looks):
    viewer.add_image(image(), name="cells")
    dock.sections.settings.predict.control("scale").setValue(0.7)
    segment()
    assert (dock.sections.message.text(), looks) == ("Segmented 1 plane.", [Sight(0.7)])
    assert dock.sections.predict_settings() == PredictSettings(scale=0.7)
