"""Laws of what is left out: it is what a result lacks, with its doubtful surroundings, and never what was painted."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from napari_upaint.core.left_out import left_out
from napari_upaint.core.objects import find_usual, label_scores
from napari_upaint.core.usual_object import UNKNOWN, Usual
from napari_upaint.settings import ObjectSettings


def scene():
    """A painted disc, one like it, a speck, and a doubtful one that fades out; background and object."""
    y, x = np.mgrid[:60, :200]
    inside = np.full(y.shape, 0.05, np.float32)
    for centre, radius, sure in ((25, 12, 0.95), (70, 12, 0.95), (110, 3, 0.95), (175, 16, 0.4), (175, 12, 0.6)):
        inside[(y - 30) ** 2 + (x - centre) ** 2 <= radius**2] = sure
    return np.stack([1 - inside, inside]), x // 50


def test_specks_and_doubtful_objects_are_with_what_surrounds_them():
    scores, quarter = scene()
    painted = np.zeros(quarter.shape, np.uint16)
    painted[28:32, 20:30] = 1
    usual = find_usual(scores, painted, kind="objects", border=False)
    where = left_out(scores, painted, border=False, usual=usual)
    np.testing.assert_array_equal(where, (quarter >= 2) & (scores[1] > 0.3))
    painted[28:32, 170:180] = 2  # whoever paints it wants it, whatever it is like
    where = left_out(scores, painted, border=False, usual=usual)
    np.testing.assert_array_equal(where, (quarter == 2) & (scores[1] > 0.3))


def test_sizes_are_those_of_the_image():
    scores, quarter = scene()
    painted = np.zeros(quarter.shape, np.uint16)
    where = left_out(scores, painted, border=False, usual=Usual(4 * 250), shrunk=2.0)
    assert not where.any()  # the speck is at least a tenth as large
    where = left_out(scores, painted, border=False, usual=Usual(4 * 350), shrunk=2.0)
    np.testing.assert_array_equal(where, (quarter == 2) & (scores[1] > 0.3))


@given(seed=st.integers(0, 999), border=st.booleans(), size=st.integers(0, 900), least=st.floats(0, 0.9))
def test_what_is_found_is_in_the_result_or_left_out_or_painted(seed, border, size, least):
    rng = np.random.default_rng(seed)
    noise = np.stack([ndimage.gaussian_filter(rng.normal(size=(50, 60)), 3) for _ in range(2 + border)])
    scores = np.exp(20 * noise) / np.exp(20 * noise).sum(0)
    painted = (rng.random((50, 60)) < 0.001).astype(np.uint8)
    usual = Usual(size, least)
    everything = ObjectSettings(smallest=0, least_sure=0)
    found = label_scores(scores, kind="objects", border=border, settings=everything)
    kept = label_scores(scores, kind="objects", border=border, settings=ObjectSettings(), usual=usual)
    where = left_out(scores, painted, border=border, usual=usual)
    for number in range(1, found.max() + 1):
        one = found == number
        wanted = (kept[one] > 0).any() or painted[one].any()
        assert where[one].all() != wanted and where[one].any() != wanted
    assert not where[(found == 0) & (scores[0] > 0.7)].any()  # no surroundings: clearly background


def test_where_nothing_is_found_nothing_is_left_out():
    scores = np.stack([np.ones((9, 9)), np.zeros((9, 9))])
    assert not left_out(scores, np.zeros((9, 9), int), border=False, usual=UNKNOWN).any()
