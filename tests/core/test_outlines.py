"""Outlines keep touching objects of one colour apart."""

import numpy as np

from napari_upaint.core.outlines import outlined


def test_touching_objects_have_a_line_between_them():
    labels = np.zeros((9, 12), np.int32)
    labels[2:7, 1:6], labels[2:7, 6:11] = 7, 9
    picture = outlined(labels, "objects", 1)
    assert picture.dtype == np.uint8
    assert set(np.unique(picture)) == {0, 1, 2}
    assert (picture[4, 5:7] == 2).all()  # where they meet
    assert (picture[3:6, 2:5] == 1).all()
    assert ((picture > 0) == (labels > 0)).all()  # lines lie inside


def test_the_edge_of_the_image_is_no_outline():
    assert (outlined(np.ones((5, 6), int), "objects", 1) == 1).all()


def test_classes_keep_their_numbers():
    labels = np.repeat([[0, 1, 1, 1, 3, 3, 3]], 5, axis=0)
    np.testing.assert_array_equal(outlined(labels, "classes", 3)[2], [0, 4, 1, 4, 6, 3, 3])
    many = outlined(np.arange(300)[None].repeat(3, 0), "classes", 299)
    assert many.max() <= 254
