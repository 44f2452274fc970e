"""Laws of the usual object: what is unlike the painted ones is left out, unless the settings say otherwise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from napari_upaint.core.objects import find_usual, label_scores
from napari_upaint.core.usual_object import (
    UNKNOWN,
    Usual,
    least_score,
    mean_scores,
    of_volumes,
    smallest_object,
    usual_object,
    usual_of_found,
)
from napari_upaint.settings import ObjectSettings


def scores_of(mask, sure=1.0):
    inside = np.where(mask, sure, 0).astype(np.float32)
    return np.stack([1 - inside, inside])


def count(scores, settings, usual=UNKNOWN):
    return int(label_scores(scores, kind="objects", border=False, settings=settings, usual=usual).max())


def test_specks_are_left_out_by_the_usual_size_unless_the_settings_say_otherwise():
    assert smallest_object(ObjectSettings(), Usual(1000)) == 100
    assert smallest_object(ObjectSettings(), UNKNOWN) == smallest_object(ObjectSettings(), Usual(50)) == 20
    assert smallest_object(ObjectSettings(smallest=7), Usual(1000)) == 7
    assert [smallest_object(ObjectSettings(smallest=n), Usual(1000), shrunk=2) for n in (-1, 400)] == [25, 100]
    mask = np.zeros((40, 60), bool)
    mask[2:32, 2:32], mask[10:18, 40:50] = True, True  # 900 and 80 px
    assert [count(scores_of(mask), ObjectSettings(), Usual(size)) for size in (0, 700, 900)] == [2, 2, 1]


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("end", [0, -1])
def test_what_the_edge_of_an_image_cuts_may_be_smaller(axis, end):
    """If 600 px are usual, 40 are enough at the edge but not inside; a size that the user sets counts everywhere."""
    mask = np.zeros((16, 18, 20), bool)
    mask[4:8, 4:9, 4:6] = True  # 40 voxels, inside
    place = [slice(10, 14), slice(11, 15), slice(12, 16)]
    place[axis] = slice(-3, None) if end else slice(0, 3)
    mask[tuple(place)] = True  # 48, at a face
    cut = np.moveaxis(mask, axis, 0)[end].any()
    scores = scores_of(mask)
    assert cut and count(scores, ObjectSettings(smallest=0)) == 2
    assert count(scores, ObjectSettings(), Usual(600)) == 1
    assert smallest_object(ObjectSettings(), Usual(600), cut=True) == 20
    assert smallest_object(ObjectSettings(), Usual(3000), cut=True) == 100
    assert count(scores, ObjectSettings(smallest=60), Usual(600)) == 0


@given(st.floats(30, 300), st.floats(0.2, 6))
def test_of_volumes_the_same_diameters_are_left_out(side, apart):
    plane, volume = Usual(side**2, 0.7), of_volumes(Usual(side**2, 0.7), apart)
    least = smallest_object(ObjectSettings(), plane) ** 0.5  # px
    expected = max(20, round(least**3 / apart))  # voxels
    assert smallest_object(ObjectSettings(), volume) == pytest.approx(expected, rel=0.1, abs=1)
    assert volume.least_score == 0.7 and of_volumes(UNKNOWN, apart) == UNKNOWN


@pytest.mark.parametrize("kind", ["objects", "classes"])
def test_spots_are_no_specks_to_who_painted_them(kind):
    sizes = (0, 1, 2, 12, 38, 40, 100)
    assert [smallest_object(ObjectSettings(), Usual(size)) for size in sizes] == [20, 0, 1, 6, 19, 20, 20]
    mask, painted = np.zeros((40, 60), bool), np.zeros((40, 60), int)
    mask[4:36:6, 4:56:6] = mask[5:36:6, 4:56:6] = True
    mask = ndimage.binary_dilation(mask)  # 8 px each, which nobody would see again
    painted[4, 4], painted[10, 10] = (2, 3) if kind == "objects" else (1, 1)
    scores, everything = scores_of(mask, 0.9), ObjectSettings(smallest=0)
    usual = find_usual(scores, painted, kind=kind, border=False)

    def found(settings, usual):
        return label_scores(scores, kind=kind, border=False, settings=settings, usual=usual)

    assert usual.size == 8
    np.testing.assert_array_equal(found(ObjectSettings(), usual), found(everything, UNKNOWN))
    assert found(everything, UNKNOWN).any() and not found(ObjectSettings(), UNKNOWN).any()


def test_doubtful_objects_are_left_out_unless_the_settings_say_otherwise():
    assert least_score(ObjectSettings(), Usual(least_score=0.7)) == 0.7
    assert least_score(ObjectSettings(), UNKNOWN) == 0
    assert least_score(ObjectSettings(least_sure=0), Usual(least_score=0.7)) == 0
    assert least_score(ObjectSettings(least_sure=65), Usual(least_score=0.7)) == 0.65
    sure = np.zeros((40, 60))
    sure[2:22, 2:22], sure[2:22, 30:50] = 0.9, 0.7
    scores = scores_of(sure > 0, sure)
    for usual, least, left in ((0, -1, 2), (0.72, -1, 1), (0.68, -1, 2), (0.72, 0, 2), (0, 71, 1), (0, 91, 0)):
        assert count(scores, ObjectSettings(least_sure=least), Usual(least_score=usual)) == left
    assert count(scores_of(sure > 0), ObjectSettings(least_sure=100)) == 2  # as sure as can be


@pytest.mark.parametrize(
    ("score", "width", "counted"), [(0.4, 3, 3), (0.4, 8, 8), (0.4, 12, 8), (0.31, 5, 5), (0.29, 5, 0)]
)
def test_what_is_doubtful_around_an_object_counts(score, width, counted):
    sure = np.zeros((60, 110))
    sure[20:40, 10:30], second = 0.95, np.zeros(sure.shape, bool)
    second[20:40, 65:85] = True
    distance = ndimage.distance_transform_cdt(~second, "taxicab")
    sure[distance <= width], sure[second] = score, 0.9
    more = int(((distance > 0) & (distance <= counted)).sum())
    mean = (400 * 0.9 + more * score) / (400 + more)
    scores = scores_of(sure > 0, sure)
    for least, left in ((mean - 1e-3, 2), (mean + 1e-3, 1), (0.96, 0)):
        assert count(scores, ObjectSettings(), Usual(least_score=least)) == left
    for step in (1, 2):  # at half the size it is the same
        usual = find_usual(scores[:, ::step, ::step], second[::step, ::step], kind="objects", border=False, shrunk=step)
        assert usual.least_score == pytest.approx(0.75 * mean, rel=0.05 * (step - 1) + 1e-6)


def test_sizes_are_those_of_the_image_however_small_the_scores_are():
    """At half the size, an object of 25 px is one of 100 px, and its surroundings end after 4 px."""
    sure = np.zeros((40, 60))
    sure[2:27, 2:27], sure[10:15, 10:15] = 0.4, 0.9
    near = ndimage.distance_transform_cdt(sure < 0.9, "taxicab") <= 4
    mean, scores = sure[near].mean(), scores_of(sure > 0, sure)
    for usual, size, left in ((mean - 1e-3, 100, 1), (mean + 1e-3, 100, 0), (0, 100, 1), (0, 103, 0)):
        for kind in ("objects", "classes"):
            known, least = (Usual(0, usual), -1) if kind == "objects" else (UNKNOWN, 0)
            settings = ObjectSettings(smallest=size, least_sure=least)
            found = label_scores(scores, kind=kind, border=False, settings=settings, usual=known, shrunk=2)
            assert found.max() == (left if kind == "objects" else size == 100)


def class_scores(sure):
    """Two classes: a large part of each, and one of 25 px of the second inside the first, of a given score."""
    scores = np.zeros((3, 60, 90), np.float32)
    scores[0], scores[1, 5:45, 5:45], scores[2, 5:45, 50:85] = 0.05, 0.95, 0.95
    scores[1:, 20:25, 20:25] = np.array([0.95 - sure, sure])[:, None, None]
    scores[0, scores.sum(0) < 0.5] = 1
    return scores


def test_of_classes_what_is_small_and_doubtful_takes_the_class_around_it():
    def speck(sure, usual, **settings):
        settings = ObjectSettings(**settings)
        found = label_scores(class_scores(sure), kind="classes", border=False, settings=settings, usual=usual)
        assert set(np.unique(found)) == {0, 1, 2} and (found == 0).sum() == 60 * 90 - 40 * 75
        return found[22, 22]

    usual = Usual(1400, 0.7)
    assert speck(0.6, usual) == 1
    assert speck(0.8, usual) == 2  # surely so, however small
    assert speck(0.6, Usual(200, 0.7)) == 2  # not smaller than a tenth, however doubtful
    assert speck(0.6, Usual(250, 0.7)) == 2 and speck(0.6, Usual(260, 0.7)) == 1  # a tenth is enough
    assert speck(0.6, UNKNOWN) == 2 and speck(0.9, UNKNOWN, smallest=26) == 1
    assert speck(0.6, usual, smallest=0) == speck(0.6, usual, least_sure=0) == speck(0.6, UNKNOWN, least_sure=90) == 2
    assert speck(0.8, usual, least_sure=90) == 1


def test_the_usual_part_of_a_class_is_that_of_what_was_painted():
    scores, painted = class_scores(0.6), np.full((60, 90), -1)
    painted[10, 10:30], painted[30, 60:80], painted[22, 20:22] = 1, 2, 1  # the last one wrong: nothing is found there
    usual = find_usual(scores, painted, kind="classes", border=False)
    assert usual.size == np.median([40 * 40 - 25, 40 * 35]) and usual.least_score == pytest.approx(0.75 * 0.95)
    assert find_usual(scores, np.full((60, 90), -1), kind="classes", border=False) == UNKNOWN


@given(st.integers(0, 1000), st.integers(0, 100))
def test_what_is_left_is_as_sure_as_asked_and_all_of_that_is_left(seed, percent):
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet([1, 1, 1], (20, 30)).transpose(2, 0, 1).astype(np.float32)

    def found(least):
        settings = ObjectSettings(smallest=0, least_sure=least)
        return label_scores(scores, kind="objects", border=True, settings=settings)

    scores[:, found(0) == 0] = np.array([1, 0, 0])[:, None]  # nothing doubtful around
    every, kept = found(0), found(percent)
    means = [1 - scores[0][every == number].mean() for number in range(1, every.max() + 1)]
    expected = [n for n, mean in enumerate(means, 1) if mean >= percent / 100 + 1e-6]
    doubtful = [n for n, mean in enumerate(means, 1) if abs(mean - percent / 100) < 1e-6]
    assert len(expected) <= kept.max() <= len(expected) + len(doubtful)
    assert (kept[np.isin(every, expected)] > 0).all()
    assert not kept[~np.isin(every, expected + doubtful)].any()


def test_the_score_of_an_object_is_its_mean():
    labels = np.array([[0, 1, 1], [3, 3, 0]])
    scores = np.array([[0.1, 0.9, 0.7], [0.5, 0.3, 0.0]])
    np.testing.assert_allclose(mean_scores(int(labels.max()), [(labels, scores)]), [0.05, 0.8, 0, 0.4])


def test_the_usual_object_is_that_of_what_was_painted():
    labels = np.zeros((50, 50), int)
    labels[:20, :20], labels[30:40, :10], labels[:4, 45:] = 1, 2, 3  # 400, 100, 20 px
    scores = np.choose(labels, [0, 0.9, 0.8, 0.5])
    painted = np.zeros_like(labels)
    painted[5, 2:30], painted[35, 3:6] = 9, 4  # partly beside the object
    usual = usual_object(labels, mean_scores(int(labels.max()), [(labels, scores)]), painted)
    assert usual.size == 250 and usual.least_score == pytest.approx(0.75 * 0.85)
    painted[8, 4:8] = 5  # two painted ones that run together are one
    assert usual_object(labels, mean_scores(int(labels.max()), [(labels, scores)]), painted) == usual
    spots = np.repeat([1, 0, 2, 0, 3], [4, 3, 6, 3, 35])[None]
    assert usual_object(spots, np.full(4, 0.9), spots).size == 6
    painted[:] = -1
    assert usual_object(labels, mean_scores(int(labels.max()), [(labels, scores)]), painted) == UNKNOWN


@pytest.mark.parametrize("order", [1, -1])
def test_the_found_object_that_holds_most_of_the_paint_is_the_painted_one(order):
    labels = np.repeat([1, 2], [60, 90])[::order]
    painted = np.repeat([0, 7, 0], [40, 50, 60])[::order]  # 20 px on the first, 30 on the second
    assert usual_object(labels, np.array([0, 0.5, 0.9]), painted) == Usual(90, pytest.approx(0.75 * 0.9))


def test_of_two_that_hold_as_much_of_the_paint_the_later_one_is_taken_on_every_machine():
    labels = np.arange(1, 201).repeat(5 + np.arange(100).repeat(2) % 7)  # two of each size
    painted = (labels + 1) // 2
    means = np.where(np.arange(201) % 2, 0.5, 0.9)
    assert usual_object(labels, means, painted).least_score == pytest.approx(0.75 * 0.9)


@given(st.lists(st.tuples(st.integers(1, 40), st.floats(0.5, 1)), min_size=1, max_size=9))
def test_where_nobody_painted_what_most_of_the_area_is_like_is_usual(found):
    """Ten specks beside three cells: the cells are what is usual."""
    sizes, sure = (np.array(column) for column in zip(*found, strict=True))
    size, score = (np.quantile(np.repeat(one, sizes), 0.5, method="inverted_cdf") for one in (sizes, sure))
    assert usual_of_found(sizes, sure) == Usual(size, pytest.approx(0.75 * score))


@pytest.mark.parametrize("kind", ["objects", "classes"])
def test_splinters_of_painted_objects_are_no_spots(kind):
    splinters, painted = np.zeros((40, 60)), np.zeros((40, 60), int)
    painted[10:13, 10:50] = 1
    splinters[10:40:6, 8:56:4] = splinters[11:40:6, 8:56:4] = 0.9  # 2 px each
    usual = find_usual(scores_of(splinters > 0, splinters), painted, kind=kind, border=False)
    assert usual.size == 40 and smallest_object(ObjectSettings(), usual) == 20


@given(st.lists(st.floats(0.5, 1), min_size=1, max_size=9))
def test_no_painted_object_is_left_out(sure):
    labels = np.repeat(np.arange(2 * len(sure) + 1), 30).reshape(-1, 5) // 2
    labels[::12] = 0
    scores = scores_of(labels > 0, np.array([0, *sure])[labels])
    usual = find_usual(scores, labels, kind="objects", border=False)
    assert 0 < usual.least_score <= 0.75 * np.median(sure) + 1e-6
    assert count(scores, ObjectSettings(smallest=0), usual) == count(scores, ObjectSettings(smallest=0))
