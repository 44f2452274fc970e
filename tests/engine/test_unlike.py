"""Laws of what is held to background: much that is unlike the painted objects, five times the odds, nothing else."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_upaint.engine import unlike, usual
from napari_upaint.engine.telling import returned


def scores_of(*objects):
    """Scores (background, inside, border) of a plane with squares: (y, x, edge, score)."""
    inside = np.full((80, 100), 0.02, np.float32)
    for y, x, edge, score in objects:
        inside[y : y + edge, x : x + edge] = score
    return np.stack([0.98 * (1 - inside), inside, 0.02 * (1 - inside)])


LIKE, SPECK, DOUBTFUL = (10, 10, 20, 0.95), (50, 20, 5, 0.95), (40, 60, 20, 0.55)


def prepared(*objects):
    """A sample whose image stands for what the network finds there; the first object is painted."""
    ids = np.zeros((80, 100), np.int32)
    ids[14:20, 14:20] = 1
    ids[70:75] = -1
    target = np.select([ids > 0, ids < 0], [1, 0], -1)
    return SimpleNamespace(spacing=None, image=scores_of(*objects), target=target, objects=ids)


@pytest.fixture(autouse=True)
def sees(monkeypatch):
    """A network that finds what the image says."""
    asked = []

    def predict(network, image, scale):
        asked.append((image.shape[1:], scale))
        yield
        return image

    monkeypatch.setattr(unlike, "predict_scores", predict)
    return asked


def odds(scores):
    return scores[0] / (1 - scores[0])


def test_the_odds_of_background_rise_in_what_is_unlike_the_paint_and_nowhere_else(sees):
    held = [np.random.default_rng(n).dirichlet((3, 2, 1), (80, 100)).transpose(2, 0, 1).astype("f4") for n in (0, 1)]
    before = [one.copy() for one in held]
    samples = [prepared(LIKE, SPECK, DOUBTFUL), prepared(LIKE)]
    result = returned(unlike.without_unlike(held, None, samples, border=True, scale=1.0))
    assert sees == [((80, 100), 1.0)] * 2
    where = np.zeros((80, 100), bool)
    where[50:55, 20:25] = where[40:60, 60:80] = True
    np.testing.assert_allclose(odds(result[0])[where], 5 * odds(held[0])[where], rtol=1e-3)
    np.testing.assert_allclose(result[0].sum(0), 1, atol=1e-5)
    np.testing.assert_allclose(result[0][1] / result[0][2], held[0][1] / held[0][2], rtol=1e-3)
    np.testing.assert_array_equal(result[0][:, ~where], held[0][:, ~where])
    np.testing.assert_array_equal(result[1], held[1])
    for one, other in zip(held, before, strict=True):  # what was held to before stays, to begin anew from
        np.testing.assert_array_equal(one, other)


def test_parts_of_a_large_image_are_changed_where_they_lie(monkeypatch):
    monkeypatch.setattr(usual, "_MOST_PIXELS", 80 * 99)
    monkeypatch.setattr(usual, "_PART", {2: 50})
    held = [np.full((3, 80, 100), 1 / 3, np.float32)]
    samples = [prepared(LIKE, (60, 5, 4, 0.9), DOUBTFUL)]
    [result] = returned(unlike.without_unlike(held, None, samples, border=True, scale=1.0))
    where = np.zeros((80, 100), bool)
    where[60:64, 5:9] = where[50:60, 60:80] = True  # the part above is one too many, and has no paint
    np.testing.assert_allclose(result[0], np.where(where, 5 / 7, 1 / 3), rtol=1e-5)


@pytest.mark.parametrize(("edge", "changed"), [(9, False), (11, True)])
def test_what_little_is_left_out_may_be_true_objects(edge, changed):
    """A quarter of the area of the others, 400 px, is much."""
    held = [np.full((3, 80, 100), 1 / 3, np.float32)]
    [result] = returned(
        unlike.without_unlike(held, None, [prepared(LIKE, (40, 60, edge, 0.55))], border=True, scale=1.0)
    )
    assert (result != held[0]).any() == changed


def test_if_nothing_painted_is_found_nothing_is_known_to_be_unlike_it():
    held = [np.full((3, 80, 100), 1 / 3, np.float32)]
    [result] = returned(unlike.without_unlike(held, None, [prepared(DOUBTFUL, SPECK)], border=True, scale=1.0))
    np.testing.assert_array_equal(result, held[0])


def test_it_tells_what_it_does():
    told = list(unlike.without_unlike([scores_of()] * 2, None, [prepared(LIKE)] * 2, border=True, scale=1.0))
    assert len(told) >= 2 and all("unlike" in words for words in told)
