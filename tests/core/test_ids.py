"""Laws of ids: the same objects under any numbers, and what it costs does not grow with the numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_upaint.core.ids import identify, number_ids, to_int32
from napari_upaint.errors import AnnotationError

# Of electron microscopy: beyond 32 bits, and some that wrap to 0, to -1 and to each other.
HUGE = [0, 1, 7, 2**31 - 1, 2**31 + 7, 2**32, 2**32 - 1, 2**32 + 7, 5813024015, 2**63, 2**63 + 1, 2**64 - 1]


@given(st.integers(0, 1000), st.sampled_from(["?", "u1", "i4", ">u4", "i8", "u8"]), st.sampled_from([3, 50, 10**6]))
def test_names_and_places_are_the_labels(seed, dtype, largest):
    labels = np.random.default_rng(seed).integers(0, largest, (7, 9)).astype(dtype)
    names, places = number_ids(labels)
    assert (np.diff(names) > 0).all()
    np.testing.assert_array_equal(names[places].reshape(labels.shape), labels)


def test_numbering_huge_ids_costs_no_more_than_small_ones():
    labels = np.array([[2**63 + 5, 3], [2**40, 3]], np.uint64)
    names, places = number_ids(labels)
    assert names.tolist() == [3, 2**40, 2**63 + 5]
    assert places.tolist() == [2, 0, 1, 0]


@given(st.lists(st.sampled_from(HUGE), min_size=1, max_size=12))
def test_ids_that_do_not_fit_become_others_but_objects_stay_objects(ids):
    labels = np.array(ids, np.uint64).reshape(1, -1)
    found = to_int32(labels)
    assert found.dtype == np.int32
    assert found.shape == labels.shape
    assert found.min() >= 0
    np.testing.assert_array_equal(found[0][:, None] == found[0], labels[0][:, None] == labels[0])
    for kept in (0, 1):  # unlabelled and background of an annotation
        np.testing.assert_array_equal(found == kept, labels == kept)


@pytest.mark.parametrize("dtype", ["?", "u1", ">i2", "i4", "u4", ">u8", "i8"])
def test_ids_that_fit_stay_what_they_are(dtype):
    labels = np.array([[0, 1, 100]]).astype(dtype)
    np.testing.assert_array_equal(to_int32(labels), labels)
    assert to_int32(labels[:0]).dtype == np.int32


def test_one_can_be_added_to_every_id():
    np.testing.assert_array_equal(to_int32(np.array([0, 2**31 - 2])), [0, 2**31 - 2])
    np.testing.assert_array_equal(to_int32(np.array([0, 2**31 - 1])), [0, 2])  # it would not fit as an annotation


def test_classes_keep_their_numbers_or_are_refused():
    np.testing.assert_array_equal(to_int32(np.array([0, 1, 40], np.uint64), "classes"), [0, 1, 40])
    with pytest.raises(AnnotationError, match="Label 4294967303 is painted as a class"):
        to_int32(np.array([0, 1, 2**32 + 7], np.uint64), "classes")


def test_negative_ids_stay_or_are_refused_but_never_become_objects():
    np.testing.assert_array_equal(to_int32(np.array([-2, 0, 5])), [-2, 0, 5])
    with pytest.raises(AnnotationError, match=r"go from -2 to 1099511627776"):
        to_int32(np.array([-2, 2**40]))
    with pytest.raises(AnnotationError, match="go from -1099511627776"):
        to_int32(np.array([-(2**40), 2]))


def test_large_ids_stay_apart():
    ids = np.array([0, 1, 2**53, 2**53 + 1, 2**64 - 1], np.uint64)
    assert len(np.unique(identify(ids[:, None]))) == 5
    np.testing.assert_array_equal(identify(ids[:2]), [0, 1])
    np.testing.assert_array_equal(identify(np.array([2**64 - 1, 7], np.uint64)) == 0, [False, False])
