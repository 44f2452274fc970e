"""Laws of evidence: strokes are judged by those that have not seen them, and those right more often count more."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss
from sklearn.utils import compute_sample_weight

from napari_upaint.core.resize import resize_image, scaled_shape
from napari_upaint.engine.evidence import Evidence, known_scores, pooled, saying
from napari_upaint.engine.family import build
from napari_upaint.engine.predict import whole
from napari_upaint.engine.telling import returned
from napari_upaint.io.models import Architecture


def evidence_of(features, classes, strokes, known=None):
    classes = np.asarray(classes)
    known = np.full((len(classes), int(classes.max()) + 1), 0.5, np.float32) if known is None else known
    return Evidence(np.asarray(features, np.float32), classes, np.asarray(strokes), known)


def two_clouds(n=120, strokes=6, seed=0):
    rng = np.random.default_rng(seed)
    classes = np.repeat([0, 1], n)
    features = rng.normal(0, 1, (2 * n, 4)) + 2 * classes[:, None]
    return evidence_of(features, classes, 1 + np.arange(2 * n) * 2 * strokes // (2 * n))


def test_what_is_alike_is_known_before_it_was_seen():
    evidence = two_clouds()
    assert evidence.loss(evidence.unseen(3, 0)) < 0.3 < evidence.loss(evidence.known)


def strokes_unlike_each_other():
    """Every stroke looks only like itself: from those seen, nobody can tell the others."""
    rng = np.random.default_rng(1)
    looks = rng.normal(0, 3, (12, 30))
    strokes = np.repeat(np.arange(12), 20)
    return evidence_of(looks[strokes] + rng.normal(0, 0.1, (240, 30)), strokes % 2, strokes)


def test_no_stroke_is_judged_by_who_has_seen_it():
    evidence = strokes_unlike_each_other()
    assert evidence.loss(evidence.unseen(4, 0)) > 0.5


def test_a_class_with_one_stroke_is_not_judged_by_who_never_saw_it():
    evidence = evidence_of(np.random.default_rng(0).normal(0, 1, (90, 3)), [0] * 60 + [1] * 30, [1, 2] * 30 + [3] * 30)
    np.testing.assert_array_equal(evidence.unseen(3, 0)[60:], 0.5)


def test_who_is_right_more_often_counts_more():
    evidence = two_clouds()
    right = np.eye(2, dtype=np.float32)[evidence.classes] * 0.9 + 0.05
    assert evidence.share(right) > 0.9
    assert 0.4 < Evidence(evidence.features, evidence.classes, evidence.strokes, right).share(right * 0.98 + 0.01) < 0.6
    certain = Evidence(evidence.features, evidence.classes, evidence.strokes, right)
    assert certain.share(evidence.known) < 0.2
    assert evidence.share(evidence.known) == pytest.approx(0.5)


def test_classes_count_alike_however_much_is_painted_of_each():
    classes = np.repeat([0, 1, 2], [60, 5, 20])
    scores = np.random.default_rng(0).dirichlet([1, 1, 1], 85)
    scores[60] = 1 - 1e-3, 1e-3, 0
    expected = log_loss(classes, scores, sample_weight=compute_sample_weight("balanced", classes))
    evidence = evidence_of(np.zeros((85, 2)), classes, classes)
    assert evidence.loss(scores) == pytest.approx(expected, rel=1e-4)
    scores[60] = 1, 0, 0  # no pixel decides alone
    assert evidence.loss(scores) == pytest.approx(expected, rel=1e-4)
    nothing = Evidence(*(np.zeros(shape, int) for shape in ((0, 2), 0, 0, (0, 3))))
    assert nothing.loss(scores[:0]) == 0


def test_a_mixture_is_judged_by_strokes_that_the_classifier_has_not_seen():
    evidence = two_clouds()
    mixture = evidence.mixture(3, 0)
    assert mixture.share == evidence.share(evidence.unseen(3, 0)) > 0.5
    assert mixture.loss < evidence.loss(evidence.known)
    assert strokes_unlike_each_other().mixture(4, 0).loss > 0.5 > mixture.loss


@given(st.integers(0, 100), st.floats(0, 1))
def test_pooled_scores_are_scores_and_lie_between_both(seed, share):
    rng = np.random.default_rng(seed)
    a, b = rng.dirichlet([1, 1], (2, 50)).astype(np.float32)
    both = pooled(a, b, share, axis=1)
    np.testing.assert_allclose(both.sum(1), 1, atol=1e-5)
    assert (both[:, 0] >= np.minimum(a, b)[:, 0] - 2e-3).all() and (both[:, 0] <= np.maximum(a, b)[:, 0] + 2e-3).all()


def test_classes_with_more_than_their_share_are_thinned_out():
    parts = [two_clouds(seed=seed) for seed in range(3)]
    few = Evidence.gathered(iter(parts), 100, 0)
    assert np.bincount(few.classes).tolist() == [50, 50] and few.features.shape == (100, 4)
    assert len(Evidence.gathered(parts, 10_000, 0).classes) == 720
    rare = evidence_of(np.zeros((80, 2)), [0] * 45 + [1] * 5 + [2] * 30, [1] * 80)
    assert np.bincount(Evidence.gathered([rare], 30, 0).classes).tolist() == [10, 5, 10]


def test_who_paints_background_does_not_deny_borders():
    scores = np.array([[0.2], [0.5], [0.3]], np.float32)
    np.testing.assert_allclose(known_scores(scores, border=True), [[0.5], [0.5]])
    np.testing.assert_array_equal(known_scores(scores, border=False), scores)
    assert scores[0, 0] == np.float32(0.2)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("shape", [(61, 90), (1, 1), (7, 30)])
def test_the_network_says_what_it_sees_here_and_at_half_the_size(padding, shape):
    network = build(Architecture(width=4, depth=2, padding=padding, in_channels=2)).eval()
    image = np.random.default_rng(0).normal(0, 1, (2, *shape)).astype(np.float32)
    scores = whole(network, image)
    said = returned(saying(network, image, scores))
    assert said.shape == (4, *shape) and said.dtype == np.float16
    np.testing.assert_array_equal(said[:2], scores.astype(np.float16))
    half = resize_image(whole(network, resize_image(image, scaled_shape(shape, 0.5))), shape)
    np.testing.assert_allclose(said[2:], half, atol=2e-3)
    assert shape == (1, 1) or not np.allclose(said[:2], said[2:], atol=1e-3)


def test_the_classifier_counts_by_the_root_of_its_share():
    network, classifier = np.array([[0.5, 0.5]]), np.array([[0.9, 0.1]])
    assert pooled(network, classifier, 0.25, axis=1)[0].tolist() == pytest.approx([0.75, 0.25])  # odds of 9 to the half
    assert pooled(network, classifier, 0.0, axis=1)[0].tolist() == pytest.approx([0.5, 0.5])
    assert pooled(network, classifier, 1.0, axis=1)[0].tolist() == pytest.approx([0.9, 0.1])
