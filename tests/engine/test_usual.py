"""Laws of what a training remembers of painted objects: of several images, too."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_upaint.core.usual_object import UNKNOWN, Usual, smallest_object
from napari_upaint.engine import usual
from napari_upaint.settings import ObjectSettings


def prepared(shape):
    return SimpleNamespace(spacing=None, image=np.zeros((1, *shape)), target=np.zeros(shape, np.int16), objects=None)


@pytest.mark.parametrize(
    ("sizes", "expected"), [([400], 400), ([400, 500, 900], 500), ([100, 6000], 500), ([100, 6000, 6000], 500)]
)
def test_the_usual_object_of_no_image_is_a_speck(monkeypatch, sizes, expected):
    found = iter([UNKNOWN, *(Usual(size, 0.5 + size / 1e5) for size in sizes)])
    monkeypatch.setattr(usual, "find_usual", lambda *args, **more: next(found))
    monkeypatch.setattr(usual, "whole", lambda network, image: image)
    images = [prepared((9, 9)) for _ in range(len(sizes) + 1)]
    known = usual.usual_object(SimpleNamespace(ndim=2), images, kind="objects", border=True, scale=0.5)
    assert known == Usual(4 * expected, 0.5 + min(sizes) / 1e5)
    assert smallest_object(ObjectSettings(), known) <= 4 * min(sizes) / 2


def test_of_a_large_volume_a_part_is_looked_at(monkeypatch):
    seen = []
    monkeypatch.setattr(usual, "find_usual", lambda scores, painted, **more: seen.append(painted) or Usual(7.0, 0.5))
    monkeypatch.setattr(usual, "whole", lambda network, image: image)
    monkeypatch.setattr(usual, "_MOST_PIXELS", 10_000)
    monkeypatch.setattr(usual, "_PART", {3: 20})
    large = prepared((30, 40, 60))
    large.target[:] = -1
    large.target[25, 30, 50] = 1
    known = usual.usual_object(SimpleNamespace(ndim=3), [large], kind="objects", border=True, scale=0.5)
    assert seen[0].shape == (10, 20, 20) and seen[0].max() == 1
    assert known == Usual(28.0, 0.5)  # slices stay where it is not known how far they lie apart
    large.spacing = (2.0, 2.0, 2.0)
    known = usual.usual_object(SimpleNamespace(ndim=3), [large], kind="objects", border=True, scale=0.5)
    assert known == Usual(56.0, 0.5)


def test_of_a_large_image_the_parts_with_most_paint_are_looked_at(monkeypatch):
    seen = []

    def find(scores, painted, **more):
        seen.append(painted)
        return Usual(float(painted.max()), 0.5)

    monkeypatch.setattr(usual, "find_usual", find)
    monkeypatch.setattr(usual, "whole", lambda network, image: image)
    monkeypatch.setattr(usual, "_MOST_PIXELS", 10_000)
    monkeypatch.setattr(usual, "_PART", {2: 50})
    large = prepared((130, 500))
    large.target[:] = -1
    for number, x in enumerate((20, 70, 320, 480, 490), start=1):
        large.target[60:80, x : x + 5] = number
    known = usual.usual_object(SimpleNamespace(ndim=2), [large], kind="objects", border=True, scale=1.0)
    assert sum(painted.size for painted in seen) <= 10_000
    assert [int(painted.max()) for painted in seen] == [5, 1, 2, 3]  # two lie side by side in the first
    assert known == Usual(2.5, 0.5)
