"""Samples from layers' arrays: lazy ones, stacks, volumes, colour, several images, bad input."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from upaint_sources import annotation, noise, painted, source

from napari_upaint.core.normalize import Normalization
from napari_upaint.core.regions import Region
from napari_upaint.errors import AnnotationError, ImageError, UserError
from napari_upaint.settings import TrainSettings
from napari_upaint.widgets._gathering import MARGIN, PaintedImage, gather, gather_for
from napari_upaint.widgets._sources import AnnotationSource, count_painted, measure_image


def gathered(image, labels, kind="objects"):
    """Return the samples of one image."""
    return gather([PaintedImage(image, labels)], kind, measure_image)


def _measured(_image):
    return Normalization((0.0,), (200.0,))


def test_only_painted_slices_are_read():
    read = []

    def block(block_info):
        place = block_info[None]["array-location"]
        read.append(place[0][0])
        return noise([b - a for a, b in place])

    lazy = da.map_blocks(block, chunks=((1,) * 40, (30,), (30,)), dtype=np.uint8, meta=np.empty((0, 0, 0), np.uint8))
    labels = painted((40, 30, 30), (1, np.s_[7, 2:4, 2:4]), (2, np.s_[7, 9:12, 5:7]), (3, np.s_[31, 0, 0]))
    samples = gathered(source(lazy), annotation(labels))
    assert [np.unique(one.annotation).tolist() for one in samples] == [[0, 1, 2], [0, 3]]
    assert len(set(read)) <= 10  # eight to measure the gray values, two to learn from
    assert samples[0].image.shape == (1, 30, 30)
    assert samples[0].spacing == (0.5, 0.5)
    assert samples[0].normalization == samples[1].normalization


def test_a_large_plane_is_cut_to_its_paint():
    labels = painted((3000, 2000), (1, np.s_[1500:1510, 1000]), (2, np.s_[1600, 900:1001]))
    image = noise((3000, 2000))
    (sample,) = gathered(source(image), annotation(labels))
    around = slice(1500 - MARGIN, 1601 + MARGIN), slice(900 - MARGIN, 1001 + MARGIN)
    np.testing.assert_array_equal(sample.image[0], image[around])
    np.testing.assert_array_equal(sample.annotation, labels[around])
    assert (sample.annotation > 0).sum() == (labels > 0).sum()


def test_the_annotation_is_copied():
    labels = painted((50, 50), (1, np.s_[0]), (2, np.s_[9]))
    (sample,) = gathered(source(noise((50, 50))), annotation(labels))
    labels[:] = 0
    assert sample.annotation.any()


def test_colour_becomes_channels_and_transparency_goes():
    labels = painted((20, 30), (1, np.s_[0]), (2, np.s_[9]))
    image = noise((20, 30, 4))
    (sample,) = gathered(source(image, rgb=True), annotation(labels))
    np.testing.assert_array_equal(sample.image, np.moveaxis(image, -1, 0)[:3])


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
        gathered(source(noise((9, 9))), annotation(labels), kind)


def test_ids_beyond_32_bits_stay_apart_and_classes_with_such_numbers_are_refused():
    labels = painted((9, 9), (1, np.s_[0]), (7, np.s_[2])).astype(np.uint64)
    labels[4], labels[6] = 2**32 + 7, 2**32 - 1
    (sample,) = gathered(source(noise((9, 9))), annotation(labels))
    found = sample.annotation
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found <= 1, labels <= 1)
    assert len(np.unique(found)) == len(np.unique(labels))
    with pytest.raises(AnnotationError, match="Label 4294967303 is painted as a class"):
        gathered(source(noise((9, 9))), annotation(labels), "classes")


def test_bad_images():
    labels = painted((4, 99, 99), (1, np.s_[0, 0]), (2, np.s_[0, 5]))
    with pytest.raises(ImageError, match="constant"):
        gathered(source(np.ones((4, 99, 99))), annotation(labels))
    broken = noise((4, 99, 99), np.float32)
    broken[0, 3, 3] = np.inf
    with pytest.raises(ImageError, match="NaN or infinite"):
        gathered(source(broken), annotation(labels))
    with pytest.raises(ImageError, match="complex"):
        measure_image(source(noise((9, 9)).astype(complex)))


@pytest.mark.parametrize("pixels", [np.ones((99, 99)), np.where(np.eye(99), np.nan, noise((99, 99), np.float32))])
def test_an_image_that_cannot_be_learnt_may_be_left_out_if_another_one_is_chosen(pixels):
    strokes = painted((99, 99), (1, np.s_[0]), (2, np.s_[5]))
    good = PaintedImage(source(noise((99, 99)), name="good"), annotation(strokes, "first"))
    bad = PaintedImage(source(pixels, name="bad"), annotation(strokes, "second"))
    for chosen, others, told in ((good, bad, True), (bad, good, False)):
        with pytest.raises(ImageError, match="bad") as caught:
            gather([chosen, others], "objects", measure_image)
        assert ("untick 'Learn … too'" in str(caught.value)) == told


def test_broken_pixels_outside_the_measured_planes_are_seen():
    stack = noise((400, 9, 9), np.float32)
    stack[3, 4, 4] = np.nan
    labels = painted(stack.shape, (1, np.s_[3, 0]), (2, np.s_[3, 5]))
    with pytest.raises(ImageError, match="cells has a pixel that is NaN"):
        gathered(source(stack), annotation(labels))


def box_region(purpose, top, left, bottom, right, index=()):
    """Return the rectangle around the pixels [top, bottom) x [left, right)."""
    y0, x0, y1, x1 = top - 0.5, left - 0.5, bottom - 0.5, right - 0.5
    return Region(purpose, ((y0, x0), (y0, x1), (y1, x1), (y1, x0)), index)


def test_samples_know_the_regions_of_their_plane():
    labels = painted((3, 60, 70), (1, np.s_[1, 5:9, 5:9]), (2, np.s_[1, 20:24, 20:24]), (2, np.s_[1, 50:54, 60:64]))
    regions = (
        box_region("annotated", 0, 0, 30, 30, (1,)),
        box_region("validation", 45, 55, 60, 70, (1,)),
        box_region("annotated", 10, 10, 20, 20, (2,)),  # nothing is painted there: all is background
    )
    known = AnnotationSource("labels", "strokes", labels, regions)
    before = labels.copy()
    first, second = gathered(source(noise((3, 60, 70))), known)
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
        gathered(source(noise((60, 70))), known)


def test_only_what_is_painted_is_read_of_a_large_volume():
    read = []

    def block(block_info):
        place = block_info[None]["array-location"]
        read.append(place[0][0])
        rng = np.random.default_rng(place[0][0])
        return rng.integers(0, 200, [b - a for a, b in place]).astype(np.uint8)

    lazy = da.map_blocks(block, chunks=((1,) * 400, (30,), (30,)), dtype=np.uint8, meta=np.empty((0, 0, 0), np.uint8))
    labels = painted((400, 30, 30), (1, np.s_[5, 2]), (2, np.s_[6, 9]), (3, np.s_[390, 4]))
    one, other = gather([PaintedImage(source(lazy), annotation(labels))], "objects", _measured, ndim=3)
    assert (one.image.shape, other.image.shape) == ((1, 71, 30, 30), (1, 74, 30, 30))
    assert len(set(read)) == 71 + 74
    np.testing.assert_array_equal(other.annotation, labels[326:])


def test_regions_reach_the_samples_of_volumes():
    labels = painted((5, 20, 20), (1, np.s_[2, 3]), (2, np.s_[2, 9]))
    regions = (box_region("annotated", 0, 0, 20, 4, (1,)), box_region("validation", 8, 0, 10, 5, (2,)))
    known = AnnotationSource("l", "strokes", labels, regions)
    [sample] = gather([PaintedImage(source(noise((5, 20, 20))), known)], "objects", _measured, ndim=3)
    assert (sample.annotation[1, :, :4] == 1).all()
    assert sample.validation.sum() == 10 and sample.validation[2, 8:10, :5].all()


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (painted((5, 20, 19)), "are 5 × 20 × 19 pixels"),
        (painted((5, 20, 20)), "Nothing is painted on strokes"),
        (painted((5, 20, 20), (1, np.s_[0])), "Only background"),
    ],
)
def test_bad_annotations_of_volumes(labels, words):
    with pytest.raises(AnnotationError, match=words):
        gather([PaintedImage(source(noise((5, 20, 20))), annotation(labels))], "objects", _measured, ndim=3)


def test_planes_do_not_teach_volumes():
    labels = annotation(painted((50, 60), (1, np.s_[0]), (2, np.s_[5])))
    settings = TrainSettings(ndim=3)
    flat = source(noise((50, 60)))
    with pytest.raises(UserError, match="cells is a plane; set Dimensions to 2"):
        gather_for(None, settings, [PaintedImage(flat, labels)], "objects", _measured)


def test_images_are_learnt_together():
    stack, plane = noise((3, 60, 70)), noise((50, 80), np.uint16)
    strokes = painted(stack.shape, (1, np.s_[1, 5]), (1, np.s_[2, 5]))  # background alone
    objects = painted(plane.shape, (2, np.s_[9]), (3, np.s_[20]))  # objects alone
    measured = []

    def measure_once(image):
        measured.append(image.name)
        return measure_image(image)

    both = [
        PaintedImage(source(stack, name="stack"), annotation(strokes, "first")),
        PaintedImage(source(plane, name="plane"), annotation(objects, "second")),
    ]
    found = gather(both, "objects", measure_once)
    assert [one.name for one in found] == ["stack", "stack", "plane"]
    assert measured == ["stack", "plane"]
    np.testing.assert_array_equal(found[2].image[0], plane)
    empty = PaintedImage(both[1].image, annotation(0 * objects, "empty"))
    with pytest.raises(AnnotationError, match=r"Only background .label 1. is painted on first; paint some objects"):
        gather(both[:1], "objects", measure_image)
    with pytest.raises(AnnotationError, match="No background is painted on second and third; choose label 1"):
        gather([*both[1:], empty, PaintedImage(both[1].image, annotation(objects, "third"))], "objects", measure_image)
    with pytest.raises(AnnotationError, match="Nothing is painted on empty, empty and 3 others; paint"):
        gather([empty] * 5, "objects", measure_image)
    assert len(gather([*both, empty], "objects", measure_image)) == 3


def test_one_of_several_that_does_not_fit_is_named():
    labels = annotation(painted((50, 60), (1, np.s_[0]), (2, np.s_[5])))
    flat = PaintedImage(source(noise((50, 60)), name="flat"), labels)
    deep = PaintedImage(source(noise((5, 50, 60)), name="deep"), annotation(painted((5, 50, 60), (1, np.s_[0, 0]))))
    with pytest.raises(ImageError, match="flat is a plane; set Dimensions to 2"):
        gather_for(None, TrainSettings(ndim=3), [deep, flat], "objects", _measured)
    wrong = PaintedImage(source(noise((50, 61)), name="wrong"), labels)
    with pytest.raises(AnnotationError, match="the image wrong is 50 × 61 pixels"):
        gather([flat, wrong], "objects", _measured)
