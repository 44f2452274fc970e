"""Laws of validation regions: their paint judges, and is never learnt from; the weight map knows it, too."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_upaint.core.labels import check_samples
from napari_upaint.core.normalize import measure
from napari_upaint.core.regions import learnt
from napari_upaint.core.sample import Sample, pieces
from napari_upaint.core.tiling import halo
from napari_upaint.core.weight_map import weight_map
from napari_upaint.engine.preparing import hold_out, preparing
from napari_upaint.engine.sampling import Sampler, holds_out, validation_tiles
from napari_upaint.engine.telling import returned
from napari_upaint.errors import AnnotationError
from napari_upaint.settings import AugmentSettings, WeightSettings

DEPTH, TILE = 3, 100


def sample_of(annotation, validation):
    image = np.random.default_rng(0).integers(0, 255, (1, *annotation.shape), dtype=np.uint8)
    return Sample(image, annotation, measure(image), validation=validation)


def strokes(seed, shape=(200, 220), most=4):
    rng = np.random.default_rng(seed)
    annotation = np.zeros(shape, np.uint16)
    for value in [1, 2, *rng.integers(1, most, 12).tolist()]:
        y, x = (int(rng.integers(n - 30)) for n in shape)
        annotation[y : y + 8, x : x + 30] = value
    return annotation


def some_boxes(seed, shape):
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, bool)
    for _ in range(3):
        y, x = (int(rng.integers(n)) for n in shape)
        mask[y : y + 60, x : x + 70] = True
    return mask


def prepared_of(annotation, validation, kind="objects", scale=1.0):
    weights = WeightSettings()
    return returned(
        preparing([sample_of(annotation, validation)], kind, scale=scale, border=None, weights=weights, seed=0)
    )


@settings(deadline=None, max_examples=12)
@given(st.integers(0, 2**32), st.sampled_from([0.4, 1.0, 1.3]), st.sampled_from(["objects", "classes"]))
def test_no_tile_ever_holds_paint_of_a_validation_region(seed, scale, kind):
    annotation = strokes(seed)
    validation = some_boxes(seed, annotation.shape)
    # What is painted there is a class of its own: no tile may know it.
    annotation[validation & (annotation > 0)] = 4
    learnable = annotation[~validation]
    if not ((learnable == 1).any() and (learnable > 1).any()):
        return
    [one] = prepared_of(annotation, validation, "classes", scale)
    sampler = Sampler([one], AugmentSettings(), tile=(TILE, TILE), halo=halo(DEPTH), seed=0)
    for number in range(12):
        assert not (sampler.draw(number).target == 3).any()
    assert (one.weights[one.target == 3] == 0).all()
    assert one.held_out[one.target == 3].all()


def test_the_weight_map_is_that_of_what_is_learnt():
    annotation = strokes(3)
    validation = some_boxes(3, annotation.shape)
    [one] = prepared_of(annotation, validation)
    [kept] = pieces(sample_of(annotation, validation), (400, 400))
    np.testing.assert_array_equal(one.weights, weight_map(learnt(kept.annotation, kept.validation), "objects"))


def test_where_every_question_is_judged_by_regions_nothing_else_is_held_out():
    annotation = np.zeros((200, 200), np.uint8)
    for x in range(0, 200, 40):
        annotation[10:20, x : x + 20], annotation[150:160, x : x + 20] = 1, 2
    validation = np.zeros(annotation.shape, bool)
    validation[:, :50] = True
    [held] = hold_out([annotation], "objects", 0, [validation])
    np.testing.assert_array_equal(held, validation & (annotation > 0))


def test_a_question_that_no_region_judges_is_held_out_as_ever():
    annotation = np.zeros((200, 200), np.uint8)
    for x in range(0, 200, 40):
        annotation[10:20, x : x + 20], annotation[150:160, x : x + 20] = 1, 2
    validation = np.zeros(annotation.shape, bool)
    validation[:100, :50] = True  # background only
    [held] = hold_out([annotation], "objects", 0, [validation])
    assert (held & (annotation == 2)).any()
    np.testing.assert_array_equal(held & (annotation == 1), validation & (annotation == 1))


def test_a_judge_that_sees_one_question_alone_judges_everything():
    annotation = np.zeros((200, 200), np.uint8)
    annotation[10:20, :] = 1
    annotation[100:110, 100:110] = 2  # a single piece: it is needed for training
    validation = np.zeros(annotation.shape, bool)
    validation[:, :50] = True
    [one] = prepared_of(annotation, validation)
    assert one.held_out.sum() == 10 * 50
    values = np.unique(
        np.concatenate(
            [tile.target.ravel() for tile in validation_tiles([one], DEPTH, TILE, held_out=holds_out([one]))]
        )
    )
    assert values.tolist() == [-1, 0, 1]


@pytest.mark.parametrize("margin", [5, 400])
def test_the_region_is_cut_with_its_sample(margin):
    annotation = strokes(5)
    validation = some_boxes(5, annotation.shape)
    parts = pieces(sample_of(annotation, validation), (margin, margin))
    assert sum(int(part.validation[part.annotation > 0].sum()) for part in parts) == validation[annotation > 0].sum()
    assert all(part.validation.shape == part.annotation.shape for part in parts)


@pytest.mark.parametrize(
    ("value", "words"), [(1, "Only objects are painted"), (2, "Only background (label 1) is painted")]
)
def test_who_painted_in_a_validation_region_is_told_that_it_is_missing_outside(value, words):
    annotation = np.zeros((60, 60), np.uint8)
    annotation[10:20, 10:20], annotation[40:50, 40:50] = 1, 2
    for validation, where in ((annotation == value, " outside validation regions"), (None, "")):
        painted = annotation if where else np.where(annotation == value, 0, annotation)
        with pytest.raises(AnnotationError, match=re.escape(f"{words}{where}")) as told:
            check_samples([sample_of(painted, validation)], "objects")
        assert ("validation" in str(told.value)) == bool(where)


def test_paint_in_validation_regions_alone_teaches_nothing():
    annotation = strokes(1)
    with pytest.raises(AnnotationError, match="All paint lies in validation regions"):
        check_samples([sample_of(annotation, np.ones(annotation.shape, bool))], "objects")
    with pytest.raises(AnnotationError, match="Only background"):
        check_samples([sample_of(annotation, annotation > 1)], "objects")
