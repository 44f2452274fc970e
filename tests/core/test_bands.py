"""Large arrays are worked on band by band: how they are cut never shows in the result."""

import numpy as np
import pytest
from scipy import ndimage

from napari_upaint.core import bands
from napari_upaint.core.normalize import Normalization
from napari_upaint.core.objects import find_usual, label_scores
from napari_upaint.core.resize import resize_image
from napari_upaint.core.usual_object import Usual
from napari_upaint.settings import ObjectSettings


@pytest.mark.parametrize("shape", [(150, 70), (50, 30, 30)])
@pytest.mark.parametrize("kind", ["objects", "classes"])
def test_results_do_not_depend_on_bands(monkeypatch, shape, kind):
    rng = np.random.default_rng(1)
    scores = np.exp(8 * ndimage.zoom(rng.random((4, *(n // 5 for n in shape))), (1, *[5] * len(shape)), order=1))
    scores = (scores / scores.sum(0)).astype(np.float32)
    image = (scores[1:3] * 60000).astype(np.uint16)
    painted = np.where(rng.random(shape) < 0.1, rng.integers(1, 4, shape), 0)

    def made():
        usual = Usual(300.0, 0.6)
        yield label_scores(scores, kind=kind, border=True, settings=ObjectSettings(), usual=usual)
        settings = ObjectSettings(split=True)
        yield label_scores(scores.astype(np.float16), kind=kind, border=True, settings=settings, usual=usual)
        found = find_usual(scores, painted, kind=kind, border=True)
        yield np.array([found.size, found.least_score])
        yield resize_image(image, tuple(round(0.7 * n) for n in shape))
        yield resize_image(scores, tuple(round(1.3 * n) for n in shape))
        yield Normalization((9.0, 99.0), (40000.0, 5e4)).apply(image)

    whole = list(made())
    assert whole[0].any() and whole[2].all()
    monkeypatch.setattr(bands, "_PIXELS", 500)
    assert len(bands.bands(shape)) > 20
    for one, other in zip(whole, made(), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
