"""Law of the followed weight map: whatever is painted, erased and undone, it is the map of what is painted now."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_upaint.core.followed_weights import FollowedWeights
from napari_upaint.core.weight_map import weight_map
from napari_upaint.settings import WeightSettings


def painted(rng, annotation, most):
    """Paint, erase or paint over a random box."""
    corner = [int(rng.integers(n)) for n in annotation.shape]
    box = tuple(slice(c, c + int(rng.integers(1, 12))) for c in corner)
    annotation[box] = rng.integers(0, most)
    return annotation


@pytest.mark.parametrize("kind", ["objects", "classes"])
@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**32),
    shape=st.sampled_from([(70, 90), (8, 30, 40)]),
    chosen=st.sampled_from([WeightSettings(sigma=1.5), WeightSettings(balance="never"), WeightSettings(w0=0)]),
    spacing=st.sampled_from([None, (3.0, 0.5, 1.0)]),
)
def test_after_any_strokes_it_is_the_map(kind, seed, shape, chosen, spacing):
    rng = np.random.default_rng(seed)
    spacing = None if spacing is None else spacing[-len(shape) :]
    annotation = np.zeros(shape, np.uint16)
    shown = np.full(shape, np.nan, np.float32)
    followed = FollowedWeights(kind, chosen, spacing)
    before = [annotation.copy()]
    for _ in range(8):
        undo = rng.random() < 0.2
        annotation = before.pop() if undo else painted(rng, annotation.copy(), 5)
        if not undo or not before:
            before.append(annotation.copy())
        changed = followed.follow(annotation)
        if changed is not None:
            shown[changed.box] = changed.weights
        expected = weight_map(annotation, kind, chosen, spacing=spacing)
        np.testing.assert_allclose(shown, expected, rtol=1e-5, atol=1e-5)


def test_nothing_new_is_nothing_changed():
    annotation = np.zeros((50, 60), np.uint8)
    annotation[5:9, 5:9], annotation[20:30, 20:30] = 1, 2
    followed = FollowedWeights("objects", WeightSettings())
    assert followed.follow(annotation).weights.shape == (50, 60)
    assert followed.follow(annotation.copy()) is None


def test_without_balance_a_stroke_changes_its_neighbourhood_only():
    annotation = np.ones((400, 400), np.uint16)
    annotation[20:40, 20:40], annotation[300:340, 300:340] = 2, 3
    followed = FollowedWeights("objects", WeightSettings(sigma=2, balance="never"))
    followed.follow(annotation)
    annotation[22:30, 50:60] = 4
    changed = followed.follow(annotation)
    assert changed.weights.size < 60 * 60
    assert changed.box[0].stop < 100


def test_an_annotation_that_was_emptied_weighs_nothing():
    annotation = np.ones((20, 20), np.uint8)
    for kind in ("objects", "classes"):
        followed = FollowedWeights(kind, WeightSettings())
        followed.follow(annotation)
        changed = followed.follow(0 * annotation)
        assert changed.weights.shape == (20, 20)
        assert not changed.weights.any()


def test_a_stroke_beside_the_gap_between_touching_objects_leaves_it():
    annotation = np.ones((20, 20), np.uint8)
    annotation[5:15, 9], annotation[5:15, 10:13] = 2, 3
    followed = FollowedWeights("objects", WeightSettings(w0=0))
    followed.follow(annotation)
    annotation[7:9, 8] = 2
    changed = followed.follow(annotation)
    expected = weight_map(annotation, "objects", WeightSettings(w0=0))
    np.testing.assert_allclose(changed.weights, expected[changed.box], rtol=1e-6)
