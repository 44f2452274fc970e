"""Volumes read slice by slice, no more of them than the paint needs."""

import tracemalloc

import numpy as np

from napari_upaint.session.volumes import MARGINS, boxes_around_paint, read_box


def test_boxes_are_around_the_paint_and_hold_its_context():
    annotation = np.zeros((9, 700, 40), np.uint16)
    annotation[4, 10, 20], annotation[5, 690, 3] = 2, 1
    boxes = boxes_around_paint(annotation.__getitem__, annotation.shape)
    whole = slice(0, 9), slice(0, 40)
    assert boxes == [(whole[0], rows, whole[1]) for rows in (slice(0, 11 + MARGINS[1]), slice(690 - MARGINS[1], 700))]
    assert sum((read_box(annotation.__getitem__, box) > 0).sum() for box in boxes) == 2


def test_without_paint_there_is_no_box():
    assert boxes_around_paint(np.zeros((3, 8, 9), np.uint8).__getitem__, (3, 8, 9)) == []


def test_a_fully_painted_volume_needs_no_list_of_its_voxels():
    annotation = np.ones((16, 128, 128), np.uint8)
    tracemalloc.start()
    boxes = boxes_around_paint(annotation.__getitem__, annotation.shape)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert boxes == [(slice(0, 16), slice(0, 128), slice(0, 128))]
    assert peak < 4 * annotation.size
