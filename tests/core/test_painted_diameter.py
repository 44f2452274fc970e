"""Laws of the diameter of painted objects: parts that hold paint of one object tell it, others do not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_upaint.core.painted_diameter import Painted, painted_diameter


def painted(found, ids):
    places = np.nonzero(ids)
    return Painted(np.asarray(found, bool), ids[places], places)


def squares(edges, gap=3):
    """Squares in a row, one pixel painted in the middle of each."""
    found = np.zeros((max(edges), sum(edges) + gap * len(edges)), bool)
    ids, x = np.zeros(found.shape, int), 0
    for number, edge in enumerate(edges, start=1):
        found[:edge, x : x + edge], ids[edge // 2, x + edge // 2] = True, number
        x += edge + gap
    return found, ids


@given(st.lists(st.integers(1, 30), min_size=1, max_size=7))
def test_it_is_the_root_of_the_median_area(edges):
    assert painted_diameter([painted(*squares(edges))]) == pytest.approx(np.sqrt(np.median(np.square(edges))))


@given(st.lists(st.integers(1, 30), min_size=1, max_size=7), st.integers(2, 5))
def test_images_count_together_and_twice_as_large_is_twice_as_large(edges, factor):
    found, ids = squares(edges)
    diameter = painted_diameter([painted(found, ids)])
    assert painted_diameter([painted(*squares([edge])) for edge in edges]) == diameter
    larger = np.kron(found, np.ones((factor, factor))), np.kron(ids, np.ones((factor, factor), int))
    assert painted_diameter([painted(*larger)]) == pytest.approx(factor * diameter)


def test_in_volumes_it_is_the_root_of_the_volume():
    found = np.zeros((9, 9, 9), bool)
    found[1:7, 2:8, 3:9] = True
    assert painted_diameter([painted(found, 5 * found)]) == pytest.approx(6)


def test_what_nobody_painted_and_paint_on_nothing_found_do_not_count():
    found, ids = squares([4, 10, 4])
    found[0, -1] = True
    ids[9, 5] = 4  # in the gap
    assert painted_diameter([painted(found, ids)]) == 4


def test_objects_that_have_run_together_tell_nothing():
    found, ids = squares([10, 10, 6, 6], gap=2)
    found[5, :20] = True
    assert painted_diameter([painted(found, ids)]) == 6  # the first two are one part
    found[:] = True
    assert painted_diameter([painted(found, ids)]) == 0


def test_where_fewer_than_half_stand_alone_nothing_is_known():
    found, ids = squares([5, 5, 5])
    found[:, 8:] = False
    assert painted_diameter([painted(found, ids)]) == 0
    assert painted_diameter([painted(found, ids), painted(*squares([5]))]) == 5  # two of four
    assert painted_diameter([painted(found, ids), painted(found & False, ids), painted(*squares([5]))]) == 0
    assert painted_diameter([]) == 0


def test_an_object_in_pieces_is_as_large_as_its_largest_piece():
    found, ids = squares([5, 9])
    ids[ids > 0] = 7
    assert painted_diameter([painted(found, ids)]) == 9
