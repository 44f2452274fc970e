"""What is found without paint: how sure a model is of it, what most of it is like, how far two findings agree."""

import numpy as np
import pytest

from napari_upaint.core.found_objects import agreement, find_objects, usual_found
from napari_upaint.core.metrics import iou
from napari_upaint.core.usual_object import UNKNOWN


def scores_of(squares, shape=(60, 80)):
    """Scores of background, object and border; `squares` as (row, column, edge, score)."""
    inside = np.zeros(shape, np.float32)
    for row, column, edge, score in squares:
        inside[row : row + edge, column : column + edge] = score
    return np.stack([1 - inside, inside, np.zeros(shape, np.float32)])


def test_objects_are_found_with_the_mean_score_of_each():
    found = find_objects(scores_of([(5, 5, 10, 0.9), (30, 30, 6, 0.6), (50, 70, 3, 1.0)]), border=True)
    assert found.labels.max() == 2  # nine pixels are a speck
    np.testing.assert_allclose(found.certainties, [0.9, 0.6], rtol=1e-5)
    assert find_objects(scores_of([]), border=True).certainties.shape == (0,)


def test_agreement_is_the_iou_over_all_images():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 3, (2, 40, 50))
    assert agreement([(a, b)]) == pytest.approx(iou(a > 0, b > 0))
    assert agreement([(a[:15], b[:15]), (a[15:], b[15:])]) == pytest.approx(agreement([(a, b)]))
    assert agreement([(a, a)]) == 1 and agreement([(0 * a, 0 * a)]) == 0


def test_what_is_usual_is_measured_over_all_images():
    images = [scores_of([(5, 5, 10, 1.0)]), scores_of([(5, 5, 20, 0.8), (40, 40, 10, 1.0)])]
    usual = usual_found([(find_objects(one, border=True).labels, one) for one in images])
    assert usual.size == 400 and usual.least_score == pytest.approx(0.6, abs=1e-3)
    empty = scores_of([])
    assert usual_found([(find_objects(empty, border=True).labels, empty)]) == UNKNOWN
