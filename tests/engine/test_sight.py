"""How a bundled model sees an image without paint: at which scale, what its objects are like, and when it is asked."""

from dataclasses import replace

import numpy as np
import pytest

from napari_upaint.core.found_objects import Found
from napari_upaint.core.metrics import iou, object_scores
from napari_upaint.core.normalize import measure
from napari_upaint.core.resize import resize_image, resize_labels
from napari_upaint.core.telling_windows import SCALES
from napari_upaint.core.usual_object import Usual
from napari_upaint.engine import sight
from napari_upaint.engine.progress import PredictProgress, Sight, Stop
from napari_upaint.engine.segment import segment_plane
from napari_upaint.engine.sight import look
from napari_upaint.engine.telling import returned
from napari_upaint.io.models import load_model
from napari_upaint.io.samples import open_sample
from napari_upaint.settings import PredictSettings


@pytest.fixture(scope="module")
def nuclei():
    """An image, (Y, X), and its truth."""
    sample = open_sample("nuclei_fluorescence")
    part = slice(220), slice(260)
    return np.asarray(sample.image.data, np.float32)[part], sample.truth[part]


def enlarged(nuclei, times):
    image, truth = nuclei
    shape = tuple(round(n * times) for n in image.shape)
    return resize_image(image[None], shape), resize_labels(truth, shape)


def seen(image, model, settings=PredictSettings(), spacing=None):  # noqa: B008 (frozen)
    return returned(look([measure(image).apply(image)], model, settings, "cpu", spacing))


def test_an_image_four_times_as_large_is_seen_smaller_and_its_nuclei_are_found(bundled, nuclei):
    small, large = enlarged(nuclei, 1)[0], enlarged(nuclei, 4)
    near, far = seen(small, bundled), seen(large[0], bundled)
    assert far.scale <= near.scale / 2
    # Sixteen times the area, as far as the whole steps of the scale allow.
    assert 10 < far.usual.size / near.usual.size < 22
    assert far.usual.least_score == pytest.approx(near.usual.least_score, abs=0.1)

    def score(given):
        *_, result = segment_plane(large[0], measure(large[0]), bundled, device="cpu", sight=given)
        return iou(result.labels, large[1]), object_scores(result.labels, large[1]).average_precision

    blind, found = score(Sight(1.0)), score(None)
    assert found[0] > blind[0] - 0.02 and found[1] > blind[1] + 0.2
    assert found == score(far)  # a plane alone is looked at as its image would be


def test_what_paint_has_taught_is_known_and_nothing_is_looked_at(bundled, monkeypatch):
    def refuse(*_):
        raise AssertionError("It was looked at.")

    monkeypatch.setattr(sight, "cached_network", refuse)
    header = replace(bundled.header, scale=0.7, object_size=90.0, least_score=0.5, training={"seconds": 60.0})
    taught = replace(bundled, header=header)
    assert returned(look((), taught, PredictSettings())) == Sight(0.7, Usual(90.0, 0.5))
    assert returned(look((), taught, PredictSettings(scale=0.3))) == Sight(0.3, Usual(90.0, 0.5))


def test_a_scale_that_was_set_is_kept_and_the_objects_there_are_measured(bundled, nuclei):
    found = seen(enlarged(nuclei, 1)[0], bundled, PredictSettings(scale=0.6))
    assert found.scale == 0.6 and 50 < found.usual.size < 2000


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (40, 30)])
def test_images_without_anything_in_them_are_seen_as_they_are(bundled, shape):
    flat = np.zeros((1, *shape), np.float32)
    assert returned(look([flat], bundled, PredictSettings(), "cpu")) == Sight(1.0)


def test_the_scale_is_the_best_of_those_beside_it(bundled, nuclei, monkeypatch):
    """The search goes on until the best scale has neighbours on both sides, and looks at none twice."""
    asked, real = [], sight._look
    monkeypatch.setattr(sight, "_look", lambda *args: asked.append(args[2]) or real(*args))
    found = seen(enlarged(nuclei, 2)[0], bundled).scale
    assert len(asked) == len(set(asked)) and set(asked) <= set(SCALES[2])
    at = SCALES[2].index(found)
    assert {*SCALES[2][max(0, at - 1) : at + 2]} <= set(asked)


def test_a_scale_is_judged_by_how_sure_its_objects_are_and_what_is_found_at_those_beside():
    x = np.arange(12)[None]  # what agrees: all of 0.5 and 0.7, a third of 0.7 and 1
    found = ((0.5, x < 3, [0.9, 0.5]), (0.7, x < 3, [0.8]), (1.0, x < 9, []))
    looks = {scale: sight._Look([], [Found(mask.astype(int), np.array(sure))]) for scale, mask, sure in found}
    judged = [sight._assurance(looks, scale) for scale in looks]
    assert judged == pytest.approx([0.7 + 0.4 * 1, 0.8 + 0.4 * (1 + 1 / 3) / 2, 0.4 / 3])


def test_small_images_are_not_looked_at_so_small_that_nothing_is_left(bundled, nuclei, monkeypatch):
    asked, real = [], sight._look
    monkeypatch.setattr(sight, "_look", lambda *args: asked.append(args[2]) or real(*args))
    seen(nuclei[0][None, :40, :60], bundled)
    assert min(asked) * 40 >= 24


def test_a_stop_ends_it_without_a_result(bundled, nuclei):
    image = enlarged(nuclei, 1)[0]
    running = look([measure(image).apply(image)], bundled, PredictSettings(), "cpu")
    assert isinstance(next(running), PredictProgress)
    with pytest.raises(StopIteration) as end:
        running.send(Stop())
    assert end.value.value is None
    running = segment_plane(image, measure(image), bundled, device="cpu")
    next(running)
    with pytest.raises(StopIteration):
        running.send(Stop())


def test_volumes_are_seen_with_sizes_in_cubes_of_a_pixel():
    volume = np.asarray(open_sample("nuclei_3d").image.data)[None, :24, :48, :48]
    model = load_model("generalist-3d")
    cubes = seen(volume, model, PredictSettings(scale=0.7), (1.0, 1.0, 1.0))
    apart = seen(volume[:, ::2], model, PredictSettings(scale=0.7), (2.0, 1.0, 1.0))
    assert 0.5 < apart.usual.size / cubes.usual.size < 2
    found = seen(volume, model)
    assert found.scale in SCALES[3] and found.usual.size > 100
