"""Gray values are measured on some planes, and those that nobody can use do not count."""

import numpy as np
import pytest

from napari_upaint.core.normalize import measure
from napari_upaint.errors import ImageError
from napari_upaint.session.gray_values import measure_gray_values, thinned

PLANES = np.random.default_rng(0).integers(0, 4000, (2, 3, 1, 40, 50)).astype(np.float32)


def test_a_few_planes_are_read_from_the_first_to_the_last():
    def read(index):
        asked.append(index)
        return PLANES[0, 0] + index[0]

    asked = []
    found = measure_gray_values("stack", (4, 25), read)
    assert asked[0] == (0, 0) and asked[-1] == (3, 24)
    assert len(asked) == 8 and {at for at, _ in asked} == {0, 1, 2, 3}
    assert found == measure(np.stack([PLANES[0, 0] + at for at, _ in asked], axis=1))
    asked.clear()
    assert measure_gray_values("plane", (), lambda _: PLANES[0, 0]) == measure(PLANES[0, 0])


def test_planes_that_cannot_be_used_are_left_out():
    def read(index):
        if index == (0, 0):
            raise ImageError("Plane 0, 0 cannot be read.")
        plane = PLANES[index].copy()
        plane[0, 0, 0] = np.nan if index == (0, 1) else 0
        return plane

    others = PLANES.reshape(6, 1, 40, 50)[2:].copy()
    others[:, 0, 0, 0] = 0
    assert measure_gray_values("stack", (2, 3), read) == measure(others.swapaxes(0, 1))


def test_without_any_plane_that_can_be_used_it_says_why():
    def fail(index):
        raise ImageError(f"Plane {index[0]} cannot be read.")

    with pytest.raises(ImageError, match="Plane 0 cannot be read"):
        measure_gray_values("stack", (3,), fail)
    with pytest.raises(ImageError, match="stack has 6 pixels that are NaN"):
        measure_gray_values("stack", (3,), lambda _: np.full((1, 1, 2), np.nan))
    with pytest.raises(ImageError, match="stack has no planes"):
        measure_gray_values("stack", (3, 0), fail)


@pytest.mark.parametrize(("edge", "step"), [(1, 1), (1414, 1), (1415, 2), (2828, 2), (2829, 3)])
def test_large_planes_are_measured_on_two_million_pixels(edge, step):
    assert range(edge)[thinned(edge**2)] == range(0, edge, step)
