"""Laws of the gallery: it shows the very tiles that a training with these settings learns from."""

from dataclasses import replace

import numpy as np
import pytest

from napari_upaint.core.normalize import measure
from napari_upaint.core.sample import Sample
from napari_upaint.engine import tasks
from napari_upaint.engine.gallery import draw_tiles
from napari_upaint.engine.progress import PredictProgress, Stop, TilesResult
from napari_upaint.engine.trainer import Trainer
from napari_upaint.errors import AnnotationError
from napari_upaint.io.samples import open_sample
from napari_upaint.session.protocol import TilesRequest
from napari_upaint.settings import AugmentSettings, TrainSettings, WeightSettings

SETTINGS = TrainSettings(scale=0.5, width=4, depth=3, seed=3)
REST = (WeightSettings(sigma=3), AugmentSettings(displacement=4), "cpu")


@pytest.fixture(scope="module")
def sample():
    opened = open_sample("nuclei_fluorescence")
    gray = np.asarray(opened.image.data)[None, :300, :320]
    return Sample(gray, np.asarray(opened.strokes)[:300, :320].astype(np.int32), measure(gray))


def drawn(sample, first=0, count=3, settings=SETTINGS, rest=REST):
    *progress, result = draw_tiles([sample], "objects", None, settings, *rest, first, count)
    assert all(isinstance(one, PredictProgress) for one in progress)
    assert isinstance(result, TilesResult)
    return result


def test_they_are_the_tiles_of_the_training(sample):
    run = Trainer([sample], "objects", None, SETTINGS, *REST)
    list(run.look_at_samples())
    result = drawn(sample, first=2)
    for number, tile in enumerate(result.tiles, result.first):
        learnt = run.draw([number])
        np.testing.assert_array_equal(tile.image, learnt.images[0].numpy())
        np.testing.assert_array_equal(tile.target, learnt.targets[0].numpy())
        known = tile.target >= 0
        np.testing.assert_array_equal(tile.weights[known], learnt.weights[0].numpy()[known])
        assert not tile.weights[~known].any()  # what is held out has a weight that nobody asks for
    assert result.scale == 0.5


def test_other_numbers_are_other_tiles(sample):
    once, again, other = drawn(sample), drawn(sample), drawn(sample, first=3)
    assert all(np.array_equal(a.image, b.image) for a, b in zip(once.tiles, again.tiles, strict=True))
    assert not any(np.array_equal(a.image, b.image) for a, b in zip(once.tiles, other.tiles, strict=True))


def test_settings_are_the_current_ones(sample):
    still = (WeightSettings(balance="never", w0=0), AugmentSettings(0, 3, False, False, 1, 0), "cpu")
    for tile in drawn(sample, rest=still).tiles:
        assert set(np.unique(tile.weights).tolist()) <= {0.0, 1.0}
        np.testing.assert_array_equal(tile.weights > 0, tile.target >= 0)


def test_it_can_be_stopped_and_refuses_what_teaches_nothing(sample):
    running = draw_tiles([sample], "objects", None, SETTINGS, *REST, 0, 100)
    next(running)
    with pytest.raises(StopIteration):
        running.send(Stop())
    empty = Sample(sample.image, 0 * sample.annotation, sample.normalization)
    colour = replace(sample, name="colour", image=np.repeat(sample.image, 3, 0))
    for samples, says in (([empty], "Nothing is painted"), ([sample, colour], "different numbers of channels")):
        with pytest.raises(AnnotationError, match=says):
            next(draw_tiles(samples, "objects", None, SETTINGS, *REST, 0, 1))


def test_the_engine_finds_the_scale_for_a_bundled_model(sample):
    request = TilesRequest((sample,), start="generalist-fast", count=2, device="cpu")
    *_, result = tasks.TASKS[request.task](**request.arguments())
    assert len(result.tiles) == 2
    assert result.scale > 0
