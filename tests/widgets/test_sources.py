"""Samples from layers' arrays: lazy ones, stacks, colour, bad input."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_upaint.core.regions import box_region
from napari_upaint.errors import AnnotationError, ImageError, UserError
from napari_upaint.widgets._memory import physical_memory, results_fit
from napari_upaint.widgets._sources import (
    MARGIN,
    AnnotationSource,
    ImageSource,
    Placement,
    count_painted,
    gather,
    measure_image,
)


def placement(ndim, unit="micrometer"):
    eye = np.eye(ndim)
    return Placement((0.5,) * ndim, (0,) * ndim, eye, eye, np.eye(ndim + 1), (unit,) * ndim, ("a",) * ndim)


def source(data, rgb=False, unit="micrometer"):
    return ImageSource("image", "cells", data, rgb, placement(data.ndim - rgb, unit))


def annotation(data):
    return AnnotationSource("labels", "strokes", data)


def noise(shape, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, 200, shape).astype(dtype)


def painted(shape, *places):
    labels = np.zeros(shape, np.uint16)
    for label, place in places:
        labels[place] = label
    return labels


def test_only_painted_slices_are_read():
    read = []

    def block(block_info):
        place = block_info[None]["array-location"]
        read.append(place[0][0])
        return noise([b - a for a, b in place])

    lazy = da.map_blocks(block, chunks=((1,) * 40, (30,), (30,)), dtype=np.uint8, meta=np.empty((0, 0, 0), np.uint8))
    labels = painted((40, 30, 30), (1, np.s_[7, 2:4, 2:4]), (2, np.s_[7, 9:12, 5:7]), (3, np.s_[31, 0, 0]))
    regions = gather(source(lazy), annotation(labels), "objects")
    assert [region.index for region in regions] == [(7,), (31,)]
    assert len(set(read)) <= 10  # eight to measure the gray values, two to learn from
    assert regions[0].sample.image.shape == (1, 30, 30)
    assert regions[0].sample.spacing == (0.5, 0.5)
    assert regions[0].sample.normalization == regions[1].sample.normalization


def test_a_large_plane_is_cut_to_its_paint():
    labels = painted((3000, 2000), (1, np.s_[1500:1510, 1000]), (2, np.s_[1600, 900:1001]))
    image = noise((3000, 2000))
    (region,) = gather(source(image), annotation(labels), "objects")
    assert region.region == (slice(1500 - MARGIN, 1601 + MARGIN), slice(900 - MARGIN, 1001 + MARGIN))
    np.testing.assert_array_equal(region.sample.image[0], image[region.region])
    np.testing.assert_array_equal(region.sample.annotation, labels[region.region])
    assert (region.sample.annotation > 0).sum() == (labels > 0).sum()


def test_the_annotation_is_copied():
    labels = painted((50, 50), (1, np.s_[0]), (2, np.s_[9]))
    (region,) = gather(source(noise((50, 50))), annotation(labels), "objects")
    labels[:] = 0
    assert region.sample.annotation.any()


def test_colour_becomes_channels_and_transparency_goes():
    labels = painted((20, 30), (1, np.s_[0]), (2, np.s_[9]))
    image = noise((20, 30, 4))
    (region,) = gather(source(image, rgb=True), annotation(labels), "objects")
    np.testing.assert_array_equal(region.sample.image, np.moveaxis(image, -1, 0)[:3])


def test_pixels_without_unit_have_no_spacing():
    assert source(noise((9, 9)), unit="pixel").spacing is None


@pytest.mark.parametrize(
    ("labels", "kind", "words"),
    [
        (painted((9, 8)), "objects", "are 9 × 8 pixels but the image cells is 9 × 9 pixels"),
        (painted((9, 9)), "objects", "Nothing is painted on strokes"),
        (painted((9, 9), (1, np.s_[0])), "classes", "Only background"),
        (painted((9, 9), (2, np.s_[0]), (3, np.s_[2])), "objects", "No background"),
        (painted((9, 9), (2, np.s_[0])), "classes", "No background"),
    ],
)
def test_bad_annotations(labels, kind, words):
    with pytest.raises(AnnotationError, match=words):
        gather(source(noise((9, 9))), annotation(labels), kind)


def test_bad_images():
    labels = painted((4, 99, 99), (1, np.s_[0, 0]), (2, np.s_[0, 5]))
    with pytest.raises(ImageError, match="constant"):
        gather(source(np.ones((4, 99, 99))), annotation(labels), "objects")
    broken = noise((4, 99, 99), np.float32)
    broken[0, 3, 3] = np.inf
    with pytest.raises(ImageError, match="NaN or infinite"):
        gather(source(broken), annotation(labels), "objects")
    with pytest.raises(ImageError, match="complex"):
        measure_image(source(noise((9, 9)).astype(complex)))


def test_broken_pixels_outside_the_measured_planes_are_seen():
    stack = noise((400, 9, 9), np.float32)
    stack[3, 4, 4] = np.nan
    labels = painted(stack.shape, (1, np.s_[3, 0]), (2, np.s_[3, 5]))
    with pytest.raises(ImageError, match="1 pixels that are NaN"):
        gather(source(stack), annotation(labels), "objects")


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 2), st.integers(0, 6), st.integers(0, 6)), max_size=20))
def test_counts_are_those_of_numpy(strokes):
    labels = np.zeros((3, 7, 7), np.int32)
    for label, *place in strokes:
        labels[tuple(place)] = label
    expected = dict(zip(*(part.tolist() for part in np.unique(labels[labels > 0], return_counts=True)), strict=True))
    assert count_painted(annotation(labels)) == expected
    assert count_painted(annotation(da.from_array(labels, chunks=2))) == expected


def test_results_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match="would need 10 GB of the 8 GB of memory"):
        results_fit([source(da.zeros((1024, 1024, 1024), np.uint8))], memory=8 * 2**30)
    results_fit([source(noise((9, 9)))])
    assert physical_memory() > 2**28


def test_a_channel_in_front_keeps_the_place():
    moved = placement(2).with_channel()
    assert moved.scale == (1, 0.5, 0.5)
    assert moved.affine.shape == (4, 4)
    np.testing.assert_array_equal(moved.rotate, np.eye(3))


def test_samples_know_the_regions_of_their_plane():
    labels = painted((3, 60, 70), (1, np.s_[1, 5:9, 5:9]), (2, np.s_[1, 20:24, 20:24]), (2, np.s_[1, 50:54, 60:64]))
    regions = (
        box_region("annotated", 0, 0, 30, 30, (1,)),
        box_region("validation", 45, 55, 60, 70, (1,)),
        box_region("annotated", 10, 10, 20, 20, (2,)),  # nothing is painted there: all is background
    )
    known = AnnotationSource("labels", "strokes", labels, regions)
    before = labels.copy()
    first, second = (one.sample for one in gather(source(noise((3, 60, 70))), known, "objects"))
    assert (first.annotation == 1).sum() == 30 * 30 - 16
    np.testing.assert_array_equal(np.argwhere(first.validation)[[0, -1]], [(45, 55), (59, 69)])
    assert (second.annotation == 1).sum() == 100
    assert second.validation is None
    np.testing.assert_array_equal(labels, before)
    assert count_painted(known) == {1: 900 - 16 + 100, 2: 32}


def test_paint_that_only_judges_is_not_enough():
    labels = painted((60, 70), (1, np.s_[5:9, 5:9]), (2, np.s_[20:24, 20:24]))
    known = AnnotationSource("labels", "strokes", labels, (box_region("validation", 15, 15, 40, 40),))
    with pytest.raises(AnnotationError, match="painted on strokes outside validation regions"):
        gather(source(noise((60, 70))), known, "objects")
