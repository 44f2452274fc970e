"""Laws of what a training remembers of painted objects: of several images, too."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_upaint.core.usual_object import UNKNOWN, Usual, smallest_object
from napari_upaint.engine import usual
from napari_upaint.settings import ObjectSettings


@pytest.mark.parametrize(
    ("sizes", "expected"), [([400], 400), ([400, 500, 900], 500), ([100, 6000], 500), ([100, 6000, 6000], 500)]
)
def test_the_usual_object_of_no_image_is_a_speck(monkeypatch, sizes, expected):
    found = iter([UNKNOWN, *(Usual(size, 0.5 + size / 1e5) for size in sizes)])
    monkeypatch.setattr(usual, "find_usual", lambda *args, **more: next(found))
    monkeypatch.setattr(usual, "whole", lambda network, image: image)
    images = [SimpleNamespace(image=None, target=np.zeros((9, 9)), objects=None) for _ in range(len(sizes) + 1)]
    known = usual.usual_object(SimpleNamespace(ndim=2), images, kind="objects", border=True, scale=0.5)
    assert known == Usual(4 * expected, 0.5 + min(sizes) / 1e5)
    assert smallest_object(ObjectSettings(), known) <= 4 * min(sizes) / 2
