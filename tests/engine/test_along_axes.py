"""Laws of volumes seen by 2D models: each axis counts alike, voxels are made cubes, a stop is heeded."""

from __future__ import annotations

import numpy as np
import pytest
from upaint_small import end_of

from napari_upaint.core.linking import new_ids
from napari_upaint.core.metrics import object_scores
from napari_upaint.core.normalize import measure
from napari_upaint.engine.along_axes import predict_along_axes
from napari_upaint.engine.predict import cached_network, whole
from napari_upaint.engine.progress import PredictProgress, Sight, Stop
from napari_upaint.engine.segment import segment_plane
from napari_upaint.errors import ImageError
from napari_upaint.io.models import DEFAULT_MODEL, load_model
from napari_upaint.io.samples import open_sample
from napari_upaint.settings import ObjectSettings, PredictSettings

VOLUMES = PredictSettings(volumes=True)


@pytest.fixture(scope="module")
def nuclei():
    """Nuclei in a volume, (Z, Y, X), and their truth."""
    sample = open_sample("nuclei_3d")
    part = slice(8, 32), slice(60), slice(64)
    return np.asarray(sample.image.data)[part], sample.truth[part]


def segment(image, model, settings=VOLUMES, **given):
    image = image[None]
    given = {"sight": Sight(1.0)} | given
    *_, result = segment_plane(image, measure(image), model, settings=settings, device="cpu", **given)
    return result


def recorded(shapes):
    """Return a function that predicts its own gray values for each plane, and notes its shape."""

    def predict(plane, shape):
        shapes.append((plane.shape[1:], shape))
        yield PredictProgress(1, 2)
        yield PredictProgress(2, 2)
        return np.concatenate([plane, 1 - plane])

    return predict


def test_it_is_the_mean_over_the_planes_of_three_axes(nuclei, monkeypatch):
    monkeypatch.setenv("UPAINT_EXACT", "1")
    volume = nuclei[0][:12, :20, :24]
    model = load_model(DEFAULT_MODEL)
    normal, network = measure(volume[None]).apply(volume[None]), cached_network(model, 1, "cpu")
    each = [
        np.moveaxis(np.stack([whole(network, plane) for plane in np.moveaxis(normal, axis, 0)], 1), 1, axis)
        for axis in (1, 2, 3)
    ]
    found = segment(volume, model)
    np.testing.assert_allclose(found.scores, np.mean(each, 0), atol=1e-3)
    np.testing.assert_allclose(found.spread, np.clip(2 * np.std(each, 0).max(0), 0, 1), atol=2e-3)


def test_planes_across_slices_are_drawn_out_until_voxels_are_cubes():
    volume, shapes = np.random.default_rng(0).random((1, 4, 10, 12), np.float32), []
    _, (scores, spread) = end_of(predict_along_axes(volume, 0.5, (1.0, 0.5, 0.5), recorded(shapes)))
    assert shapes == [((10, 12), (5, 6))] * 4 + [((4, 12), (4, 6))] * 10 + [((4, 10), (4, 5))] * 12
    np.testing.assert_allclose(scores[0], volume[0], atol=1e-6)
    assert not spread.any() and spread.shape == volume.shape[1:]


def test_progress_goes_from_the_first_plane_to_the_last():
    seen, _ = end_of(predict_along_axes(np.zeros((1, 3, 4, 5), np.float32), 1.0, None, recorded([])))
    far = [one.done / one.total for one in seen]
    assert len(far) == 2 * 12 and far == sorted(set(far)) and far[-1] == 1


@pytest.mark.parametrize("after", [0, 3, 9])
def test_a_stop_leaves_nothing(nuclei, after):
    volume = nuclei[0][None, :6, :20, :24]
    running = segment_plane(volume, measure(volume), load_model(DEFAULT_MODEL), settings=VOLUMES, device="cpu")
    seen, _ = end_of(running, send=Stop(), after=after)
    assert len(seen) == after + 1 and all(isinstance(one, PredictProgress) for one in seen)


def test_objects_are_found_better_than_slice_by_slice(nuclei):
    image, truth = nuclei
    model, normalization = load_model(DEFAULT_MODEL), measure(image[None])
    slices = {}
    for z, plane in enumerate(image):
        *_, result = segment_plane(plane[None], normalization, model, device="cpu")
        slices[z,] = result.labels
    linked = np.stack([new[slices[index]] for index, new in new_ids(slices)])
    before, after = (object_scores(labels, truth) for labels in (linked, segment(image, model).labels))
    assert after.average_precision > before.average_precision + 0.02


def test_small_objects_are_left_out_by_their_volume(nuclei):
    model = load_model(DEFAULT_MODEL)
    volume = nuclei[0][:12, :40, :40]
    every = np.bincount(segment(volume, model, objects=ObjectSettings(smallest=0)).labels.ravel())[1:]
    least = int(np.median(every))
    kept = np.bincount(segment(volume, model, objects=ObjectSettings(smallest=least)).labels.ravel())[1:]
    assert sorted(kept) == sorted(every[every >= least]) and len(kept) < len(every)


def test_a_volume_is_refused_unless_it_is_asked_for(nuclei):
    with pytest.raises(ImageError, match=r"A plane has three axes \(C, Y, X\)"):
        segment(nuclei[0], load_model(DEFAULT_MODEL), PredictSettings())


def test_a_plane_stays_a_plane(nuclei):
    plane, model = nuclei[0][10], load_model(DEFAULT_MODEL)
    asked, plain = (segment(plane, model, settings) for settings in (VOLUMES, PredictSettings()))
    np.testing.assert_array_equal(asked.labels, plain.labels)
