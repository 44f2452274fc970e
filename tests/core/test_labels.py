"""Laws of annotations: what painted values mean, and which cannot be learnt from."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from napari_upaint.core.labels import (
    as_classes,
    borders,
    check_highest,
    check_samples,
    class_names,
    from_masks,
    like_masks,
    painted_pixels,
    targets,
)
from napari_upaint.core.normalize import Normalization
from napari_upaint.core.sample import Sample
from napari_upaint.errors import AnnotationError, ImageError

PLANE = Normalization((0.0,), (1.0,))
INTEGERS = [np.dtype(order + kind) for order in "<>" for kind in ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8")]
SHAPES = st.one_of(array_shapes(min_dims=2, max_dims=2, max_side=12), array_shapes(min_dims=3, max_dims=3, max_side=5))


def sample(annotation, image=None):
    annotation = np.asarray(annotation)
    image = np.zeros((1, *annotation.shape)) if image is None else image
    return Sample(image, annotation, PLANE, name="mine")


def naive_borders(labels):
    """Object pixels beside another object; other pixels with two objects within two pixels, corners included."""
    result = np.zeros(labels.shape, bool)
    for place in np.ndindex(labels.shape):
        reach = 1 if labels[place] > 0 else 2
        box = tuple(slice(max(0, p - reach), p + reach + 1) for p in place)
        result[place] = len(np.unique(labels[box][labels[box] > 0])) > 1
    return result


def scattered(seed, shape, density):
    rng = np.random.default_rng(seed)
    return rng.integers(1, 4, shape) * (rng.random(shape) < density)


@given(SHAPES, st.integers(0, 10_000), st.sampled_from([0.1, 0.3, 0.7, 1.0]))
def test_borders_are_where_two_objects_meet(shape, seed, density):
    labels = scattered(seed, shape, density)
    np.testing.assert_array_equal(borders(labels), naive_borders(labels))


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_borders_of_every_integer_type_and_layout(dtype):
    labels = scattered(3, (9, 14), 0.4)
    expected = borders(labels)
    assert expected.any() and not expected.all()
    np.testing.assert_array_equal(borders(labels.astype(dtype)), expected)
    np.testing.assert_array_equal(borders(labels.astype(dtype).T[::-1]), expected.T[::-1])


def test_of_a_large_image_only_paint_is_sorted(monkeypatch):
    labels, sorted_ = np.zeros((400, 500), np.int32), []
    labels[10:14, 10:20], labels[14:18, 10:20] = 3, 7
    real = np.unique
    monkeypatch.setattr(np, "unique", lambda array, **more: sorted_.append(np.size(array)) or real(array, **more))
    assert borders(labels).sum() == 36 and sorted_ == [80]  # the rest is not looked at


def test_borders_know_huge_and_neighbouring_ids_and_take_negative_ones_for_none():
    labels = scattered(4, (10, 10), 0.5).astype(np.uint64)
    huge = np.array([0, 2**63, 2**63 + 1, 2**64 - 1], np.uint64)[labels]
    np.testing.assert_array_equal(borders(huge), borders(labels))
    signed = labels.astype(np.int64)
    np.testing.assert_array_equal(borders(np.where(signed == 0, -1, signed)), borders(signed))


@pytest.mark.parametrize(("gap", "meets"), [(0, True), (1, True), (3, True), (4, False)])
def test_gaps_of_up_to_three_pixels_are_borders(gap, meets):
    row = np.repeat([5, 0, 6], [8, gap, 8])
    assert borders(np.tile(row, (9, 1))).any() == meets


def test_one_object_or_none_has_no_borders():
    for labels in (np.zeros((5, 6), int), np.ones((5, 6), int), np.eye(6, dtype=int), np.zeros((0, 4), int)):
        assert not borders(labels).any()


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_targets_of_every_integer_type(dtype):
    annotation = np.array([[0, 1, 2], [0, 0, 0], [3, 0, 127]]).astype(dtype)
    found = targets(annotation, "objects")
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, [[-1, 0, 1], [-1, -1, -1], [1, -1, 1]])
    classes = np.array([[0, 1, 2], [3, 33, 1]]).astype(dtype)
    np.testing.assert_array_equal(targets(classes, "classes"), [[-1, 0, 1], [2, 32, 0]])


def test_huge_ids_are_objects():
    annotation = np.array([[0, 1, 2**63, 2**63 + 5, 2**64 - 1, 2**16 + 1]], np.uint64)
    # Where objects touch, the one before gives a pixel to the background between them.
    np.testing.assert_array_equal(targets(annotation, "objects"), [[-1, 0, 0, 0, 0, 1]])
    bordered = targets(annotation, "objects", border=2)
    np.testing.assert_array_equal(bordered[0, :2], [-1, 2])  # a gap painted as background between two objects


@given(SHAPES, st.integers(0, 10_000), st.sampled_from([0.2, 0.6, 1.0]))
def test_borders_are_targets_only_where_painted(shape, seed, density):
    annotation = scattered(seed, shape, density) * scattered(seed + 1, shape, density)
    plain, bordered = targets(annotation, "objects"), targets(annotation, "objects", border=2)
    meets = borders(np.where(annotation >= 2, annotation, 0)) & (annotation > 0)
    np.testing.assert_array_equal(bordered, np.where(meets, 2, plain))
    np.testing.assert_array_equal(targets(annotation, "classes", border=9), targets(annotation, "classes"))


def test_painted_pixels_are_counted_over_all_annotations():
    found = painted_pixels([np.array([[0, 3, 3, 5]]), np.array([[5, 2**40, 1]]), np.zeros((3, 3), int)])
    assert list(found.items()) == [(1, 1), (3, 2), (5, 2), (2**40, 1)]


def test_names_of_classes():
    one, many = np.array([0, 1, 2]), np.array([0, 1, 4])
    assert class_names([one, many], "objects") == ("background", "object")
    assert class_names([one], "classes") == ("background", "object")
    assert class_names([one, many], "classes") == ("background", "class 2", "class 3", "class 4")
    assert class_names([one * 0], "classes") == ("background", "object")


@pytest.mark.parametrize("kind", ["objects", "classes"])
def test_good_samples_pass(kind):
    check_samples([sample([[0, 1, 2]])], kind)
    check_samples([sample([[0, 1]]), sample([[2, 0]]), sample([[0, 0]])], kind)  # together they hold all
    check_samples([sample(np.full((3, 4, 5), 33)), sample([[1, 0]])], kind)
    check_samples([sample([[1, 2**31 if kind == "objects" else 7]])], kind)


@pytest.mark.parametrize(
    ("annotation", "kind", "says"),
    [
        ([[0, 0]], "objects", "Nothing is painted"),
        ([[2, 3]], "objects", "no background"),
        ([[1, 1, 0]], "classes", "Only background"),
        ([[1, 34]], "classes", "Label 34 is painted as a class, but classes end at 33"),
        ([[1.0, 2.0]], "objects", "mine hold float64 values"),
        ([[True, False]], "objects", "mine hold bool values"),
        ([[1, 2, -3]], "objects", "hold -3; labels start at 0"),
    ],
)
def test_bad_annotations_get_a_sentence(annotation, kind, says):
    with pytest.raises(AnnotationError, match=says):
        check_samples([sample(annotation)], kind)


def test_a_class_beyond_the_last_is_refused_in_a_validation_region_too():
    tested = replace(sample([[1, 2, 60000]]), validation=np.array([[False, False, True]]))
    with pytest.raises(AnnotationError, match="Label 60000 is painted as a class"):
        check_samples([tested], "classes")


def test_no_samples_are_nothing_painted():
    with pytest.raises(AnnotationError, match="Nothing is painted"):
        check_samples([], "objects")


def test_other_shapes_than_the_image_get_a_sentence():
    with pytest.raises(AnnotationError, match=r"labels of mine have shape \(2, 2\), the image \(2, 3\)"):
        check_samples([sample([[1, 2], [1, 2]], np.zeros((1, 2, 3)))], "objects")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_images_with_what_is_no_number_get_a_sentence(bad):
    with pytest.raises(ImageError, match="mine has a pixel that is NaN or infinite"):
        check_samples([sample([[1, 2]], np.array([[[0, bad]]]))], "objects")


def test_annotations_are_never_changed():
    annotation = scattered(0, (8, 8), 0.5)
    before = annotation.copy()
    check_samples([sample(annotation + 1)], "objects")
    targets(annotation, "objects", border=2)
    borders(annotation)
    np.testing.assert_array_equal(annotation, before)


@given(SHAPES, st.integers(0, 10_000), st.sampled_from([0.0, 0.05, 0.5, 1.0]))
def test_masks_become_paint_of_every_plane_that_holds_an_object(shape, seed, density):
    masks = scattered(seed, shape, density)
    painted = from_masks(masks)
    for mask, paint in zip(masks.reshape(-1, *shape[-2:]), painted.reshape(-1, *shape[-2:]), strict=True):
        expected = mask + 1 if (mask > 0).any() else np.zeros_like(mask)
        highest = 2 if len(np.unique(masks[masks > 0])) == 1 else None  # of a binary mask, objects get numbers
        np.testing.assert_array_equal(np.clip(paint, 0, highest), np.clip(expected, 0, highest))


def test_each_part_of_a_binary_mask_is_an_object():
    mask = np.zeros((2, 9, 9), np.uint8)
    mask[0, 1:3, 1:3] = mask[0, 3, 3] = mask[0, 6:8, 1:3] = mask[1, 6:8, 2:4] = 255
    for masks in (mask, mask // 255, mask > 0, mask * np.uint16(257)):
        painted = from_masks(masks)
        assert (painted == 1).sum() == (mask == 0).sum()
        assert painted[0, 1, 1] == painted[0, 3, 3] == 2
        assert painted[0, 6, 1] == painted[1, 7, 3] == 3
    # The only object in view may have any other number.
    np.testing.assert_array_equal(from_masks(np.minimum(mask, 3))[0], np.minimum(mask[0], 3) + 1)
    # They were one object, number 256, and as a class one too many.
    assert set(np.unique(from_masks(mask, "classes"))) == {1, 2}
    assert set(np.unique(from_masks(mask // 255, "classes"))) == {1, 2}


def test_masks_with_ids_beyond_32_bits_keep_their_objects_apart():
    # 2**32 - 1 became unlabelled, 2**31 - 1 negative, and 2**32 + 7 the same object as 7.
    masks = np.array([[0, 1, 7, 5813024015, 2**32 - 1, 2**31 - 1, 2**32 + 7]], np.uint64)
    painted = from_masks(masks)
    assert painted.dtype == np.int32
    assert painted[0, :2].tolist() == [1, 2]
    assert len(np.unique(painted)) == masks.size
    assert painted[0, 2:].min() > 2
    with pytest.raises(AnnotationError, match="Label 5813024015 is painted as a class"):
        from_masks(masks[:, :4], "classes")


def test_a_class_of_masks_that_is_too_large_is_named_as_it_is_there():
    """Such as 255 for "ignore": the sentence was about a label 256, which nobody had ever seen."""
    with pytest.raises(AnnotationError, match=r"Label 255 is painted as a class, but classes end at 32;"):
        from_masks(np.array([[0, 1, 2, 255]]), "classes")
    assert from_masks(np.array([[0, 1, 32]]), "classes").tolist() == [[1, 2, 33]]
    with pytest.raises(AnnotationError, match=r"Label 34 is painted as a class, but classes end at 33;"):
        check_highest(34, "classes")


def test_finished_masks_are_told_from_paint():
    masks = np.zeros((40, 40), np.uint16)
    for number in range(6):
        masks[5:10, 6 * number : 6 * number + 4] = number + 1
    assert like_masks([masks])
    assert like_masks([masks, np.where(masks == 1, 0, masks)])  # 1 is not in every image
    assert not like_masks([masks[:, :22]] * 3)  # four objects, which people paint whole, too
    long, second = masks.copy(), masks.copy()
    long[30] = second[30, 2:4] = 1
    assert not like_masks([masks, long])  # more than any object
    assert not like_masks([masks, second])  # two strokes


def test_objects_are_one_class_however_large_their_ids_are():
    annotation = np.array([0, 1, 2, 7, 2**64 - 1], np.uint64)
    assert as_classes(annotation, "objects").tolist() == [0, 1, 2, 2, 2]
    assert as_classes(annotation, "classes") is annotation
