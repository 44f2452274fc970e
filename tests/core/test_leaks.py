"""Where painted objects run together in scores is found at the narrowest place of the best path."""

import numpy as np
import pytest

from napari_upaint.core.leaks import FLOOR, leaks


def bridge(height=20, width=60):
    """Two chambers with a wall between them, which has one door."""
    inside = np.zeros((height, width), np.float32)
    inside[3:17, 3:57] = 0.9
    inside[:, 30] = 0.3
    inside[9, 30] = 0.6
    painted = np.zeros(inside.shape, np.int32)
    painted[10, 5:12], painted[5, 45:50] = 2, 7
    return inside, painted


def places(found, shape):
    return list(zip(*(axis.tolist() for axis in np.unravel_index(found, shape)), strict=True))


def test_the_door_is_found_first():
    inside, painted = bridge()
    assert places(leaks(inside, painted), inside.shape)[0] == (9, 30)


def test_between_two_objects_only_a_few_pixels_are_named():
    inside, painted = bridge()
    found = places(leaks(inside, painted), inside.shape)
    assert len(found) == 4 and all(x == 30 for _, x in found)


def test_every_two_objects_have_their_own():
    inside, painted = np.full((9, 30), 0.9, np.float32), np.zeros((9, 30), np.int32)
    inside[:, 10] = inside[:, 20] = 0.5
    painted[4, 14:17], painted[4, 4:7], painted[4, 24:27] = 1, 2, 3
    columns = [x for _, x in places(leaks(inside, painted), inside.shape)]
    assert sorted(columns) == [10] * 4 + [20] * 4


def test_objects_that_are_apart_do_not_leak():
    inside, painted = bridge()
    inside[:, 30] = FLOOR
    assert len(leaks(inside, painted))
    inside[:, 30] = FLOOR * 0.99
    assert not len(leaks(inside, painted))


def test_painted_background_closes_a_door():
    inside, painted = bridge()
    painted[3:17, 30] = -1
    assert not len(leaks(inside, painted))


def test_strokes_of_one_object_may_run_together():
    inside, painted = bridge()
    painted[painted == 7] = 2
    assert not len(leaks(inside, painted))


def test_objects_painted_side_by_side_are_no_news():
    painted = np.zeros((6, 8), np.int32)
    painted[:, :4], painted[:, 4:] = 1, 2
    assert not len(leaks(np.ones((6, 8)), painted))


def test_an_unpainted_object_between_two_does_not_hide_the_leak():
    inside = np.zeros((9, 90), np.float32)
    inside[2:7] = 0.9
    inside[:, 30], inside[:, 60] = 0.7, 0.5
    painted = np.zeros(inside.shape, np.int32)
    painted[4, 5:10], painted[4, 80:85] = 1, 2
    assert {x for _, x in places(leaks(inside, painted), inside.shape)} == {60}


def test_volumes_leak_across_slices():
    inside, painted = np.zeros((5, 6, 7), np.float32), np.zeros((5, 6, 7), np.int32)
    inside[:, 3, 3] = 0.9
    inside[2, 3, 3] = 0.5
    painted[0, 3, 3], painted[4, 3, 3] = 1, 2
    assert places(leaks(inside, painted), inside.shape) == [(2, 3, 3)]


@pytest.mark.parametrize("most", [1, 3])
def test_never_more_than_so_many(most, monkeypatch):
    monkeypatch.setattr("napari_upaint.core.leaks._MOST", most)
    inside, painted = np.full((12, 40), 0.9, np.float32), np.zeros((12, 40), np.int32)
    for number in range(6):
        painted[5, 2 + 6 * number : 5 + 6 * number] = number + 1
    assert len(leaks(inside, painted)) == most
