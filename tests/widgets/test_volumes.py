"""The dock with 3D models: samples are volumes, results land in all slices, and what does not fit is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dask.array as da
import numpy as np
import pytest

from napari_upaint.core.usual_object import UNKNOWN, Usual
from napari_upaint.engine.progress import PlaneResult
from napari_upaint.errors import UserError
from napari_upaint.io.models import Architecture, ModelFile, ModelHeader, save_model
from napari_upaint.io.samples import open_sample
from napari_upaint.session import batch
from napari_upaint.session.drive import TASKS
from napari_upaint.session.protocol import SegmentRequest, TrainRequest
from napari_upaint.settings import ObjectSettings, PredictSettings
from napari_upaint.widgets._image_section import describe_image
from napari_upaint.widgets._score_cache import ScoreCache
from napari_upaint.widgets._segmenting import SegmentPlan, Target
from napari_upaint.widgets._sources import ImageSource, Placement
from napari_upaint.widgets._volumes import misfit, spacing, volume_source, volumes_fit, why_no_choice

SHAPE = (40, 50, 60)


def volume(shape=SHAPE, seed=0):
    """Return a column of bright cells through all slices, and one in some."""
    image = np.random.default_rng(seed).normal(20, 3, shape).astype(np.float32)
    image[..., 10:25, 10:25] += 60
    image[..., 15:25, 30:45, 30:45] += 60
    return image


def paint(layer, *slices):
    """Paint background and an object on slices."""
    for z in slices:
        for label, row, column in ((1, 46, 50), (2, 18, 18)):
            layer.selected_label = label
            layer.brush_size = 6
            layer.paint((*z, row, column), label)


@pytest.fixture
def deep(viewer, dock, qtbot):
    """Return a function that opens a volume in a dock that is to make a 3D network, and paints on two slices."""

    def run(image=None, at=((10,), (20,)), **place):
        image = volume() if image is None else image
        viewer.add_image(image, name="cells", **place)
        dock.sections.settings.train.control("ndim").setCurrentIndex(1)
        dock.sections.settings.train.control("depth").setValue(2)
        dock.sections.model.choose(None)
        dock.sections.labels.new_button.click()
        viewer.dims.set_current_step(image.ndim - 3, 20)
        paint(viewer.layers["cells annotation"], *at)
        qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=20000)
        dock.sections.train.seconds.setValue(1)
        return dock

    return run


@pytest.fixture
def trained(deep, settle):
    """Return a function that trains a 3D model of a volume, too; the slice in view is segmented then."""

    def run(*args, **kwargs):
        dock = deep(*args, **kwargs)
        dock.sections.train.button.click()
        settle(dock)
        assert dock.sections.message.kind == "info", dock.sections.message.text()
        return dock

    return run


def test_a_3d_network_from_scratch_learns_volumes(viewer, trained, requests):
    dock = trained(scale=(2, 0.5, 0.5), units=("um",) * 3)
    [request] = [one for one in requests if isinstance(one, TrainRequest)]
    [sample] = request.samples
    assert sample.image.shape == (1, *SHAPE) and sample.spacing == (2, 0.5, 0.5)
    assert {int(z) for z in np.nonzero(sample.annotation)[0]} == {10, 20}
    choice = dock.sections.model.choice()
    assert choice.ndim == 3 and choice.summary.endswith("For volumes (3D).")
    assert "segments volumes anyway" in dock.sections.segment.volume_box.toolTip()
    labels = viewer.layers["cells labels"].data
    assert labels.shape == SHAPE
    assert {int(z) for z in np.nonzero(labels)[0]} == {20}  # what is in view was segmented by itself


def test_the_whole_layer_is_segmented_at_once(viewer, trained, settle):
    dock = trained()
    dock.sections.segment.buttons["layer"].click()
    settle(dock)
    assert dock.sections.message.text() == "Segmented 1 volume."
    labels, scores = viewer.layers["cells labels"].data, viewer.layers["cells scores"].data
    assert len(np.unique(labels[:, 18, 18])) == 1 and labels[0, 18, 18] > 0  # one object in all slices
    assert set(np.flatnonzero(labels[:, 38, 38])) == set(range(15, 25))
    assert labels.max() == 2
    np.testing.assert_allclose(scores[:, 18, 18].astype(float), scores.max(), atol=0.3)


def test_a_2d_model_sees_slices_as_a_volume_where_that_is_ticked(viewer, dock, settle, monkeypatch):
    asked = []
    monkeypatch.setattr(batch, "SegmentRequest", lambda *how: asked.append(SegmentRequest(*how)) or asked[-1])
    box, segment = dock.sections.segment.volume_box, dock.sections.segment
    assert not box.isEnabled() and box.toolTip() == "Open an image first."
    viewer.add_image(volume()[0], name="plane")
    assert not box.isEnabled() and box.toolTip() == "The image has no slices (z)."
    viewer.add_image(volume(), name="cells", scale=(2, 0.5, 0.5), units=("um",) * 3)
    assert box.isEnabled() and "along all three axes" in box.toolTip()
    box.click()
    alone = "This slice was segmented alone: its objects have their own numbers; press 'Whole layer' for the volume."
    for extent, words in (("view", f"Segmented 1 plane. {alone}"), ("layer", "Segmented 1 volume.")):
        segment.buttons[extent].click()
        settle(dock)
        assert dock.sections.message.text() == words
    labels = viewer.layers["cells labels"].data
    assert len(np.unique(labels[:, 18, 18])) == 1 and labels[0, 18, 18] > 0  # one object in all slices
    segment.buttons["all"].click()  # the plane among them stays a plane
    settle(dock)
    assert dock.sections.message.text() == "Segmented 1 plane; 1 was there already."
    assert [one.image.ndim for one in asked] == [3, 4, 3]
    assert asked[1].settings.volumes and asked[1].spacing == (2, 0.5, 0.5)


def test_labels_of_a_volume_follow_the_settings_together(viewer, trained, settle, qtbot):
    dock = trained()
    dock.sections.segment.buttons["layer"].click()
    settle(dock)
    with qtbot.waitSignal(dock.working.results.relabelling.relabelled, timeout=10000):
        dock.sections.settings.objects.control("smallest").setValue(3000)
    settle(dock)
    labels = viewer.layers["cells labels"].data
    assert labels.max() == 1 and labels[:, 38, 38].max() == 0  # 2250 voxels; each slice alone has but 225


def test_objects_of_volumes_are_measured_as_volumes(viewer, trained, settle):
    dock = trained(scale=(2, 0.5, 0.5), units=("um",) * 3)
    for extent in ("layer", "view"):
        dock.sections.segment.buttons[extent].click()
        settle(dock)
        dock.sections.segment.measure_button.click()
        settle(dock)
        table = dock.working.tables.measured().table
        if extent == "layer":
            assert dock.sections.message.text().startswith("Measured 2 objects of cells labels")
            np.testing.assert_array_equal(table["label"], [1, 2])
            volumes = [15 * 15 * 40 * 0.5, 15 * 15 * 10 * 0.5]  # cubic micrometres
            np.testing.assert_allclose(table["volume_um3"], volumes, rtol=0.1)
            np.testing.assert_allclose(table["z_um"], [39, 39], atol=1)
            measured = dock.working.tables.measured()
            np.testing.assert_allclose(measured.place(1), (19.5, 37, 37), atol=1)
            assert len(viewer.layers["cells labels"].features) == 3  # whatever slice is in view
    assert "area_um2" in table  # a slice went its own way: planes again


def test_a_slice_sees_its_neighbours_only(viewer, trained, settle, requests):
    dock = trained()
    images = []
    dock.working.results.segmenting.segmented.connect(
        lambda _plan, target, result: images.append((target.index, result))
    )
    viewer.dims.set_current_step(0, 3)
    dock.sections.segment.buttons["view"].click()
    settle(dock)
    [(index, result)] = images
    assert index == (3,) and result.labels.shape == SHAPE[1:]
    assert dock.sections.message.text() == "Segmented 1 plane."
    labels = viewer.layers["cells labels"].data
    assert labels[3].any() and not labels[4:15].any()


def test_a_stack_that_is_seen_as_a_whole_for_one_slice_is_segmented_as_a_whole(viewer, trained, settle):
    film = np.stack([volume()[8:24], volume(seed=1)[8:24]])
    dock = trained(film, at=((1, 2), (1, 9)))
    assert viewer.dims.current_step[:2] == (0, 15)
    viewer.dims.set_current_step(0, 1)
    dock.sections.segment.buttons["view"].click()
    settle(dock)
    assert dock.sections.message.text() == "Segmented 1 volume."
    labels = viewer.layers["cells labels"].data
    assert len(np.unique(labels[1, :, 18, 18])) == 1 and labels[1, 0, 18, 18] > 0
    dock.sections.segment.measure_button.click()
    settle(dock)
    assert "volume_px3" in dock.working.tables.measured().table


def test_every_time_point_is_a_volume(viewer, trained, settle):
    film = np.stack([volume(), volume(seed=1), volume(seed=2)])
    dock = trained(film, at=((1, 10), (1, 20)))
    dock.sections.segment.buttons["layer"].click()
    settle(dock)
    assert dock.sections.message.text() == "Segmented 3 volumes."
    labels = viewer.layers["cells labels"].data
    assert labels.shape == film.shape
    assert all((one[:, 18, 18] == one[0, 18, 18]).all() and one[0, 18, 18] > 0 for one in labels)


def test_what_hangs_on_scores_works_for_volumes(viewer, trained, settle, qtbot):
    dock = trained()
    dock.sections.segment.buttons["layer"].click()
    settle(dock)
    numbers = viewer.layers["cells labels"].data.copy()
    dock.sections.segment.guide.show_box.click()
    qtbot.waitUntil(lambda: not dock.uncertainty.busy and "cells uncertainty (margin)" in viewer.layers, timeout=10000)
    shown = viewer.layers["cells uncertainty (margin)"].data
    assert shown.shape == SHAPE and shown.reshape(len(shown), -1).any(axis=1).all()
    dock.sections.segment.link_box.click()  # they have one number through all slices already
    settle(dock)
    np.testing.assert_array_equal(viewer.layers["cells labels"].data, numbers)
    viewer.dims.set_current_step(0, 2)
    dock.where_next.search()
    qtbot.waitUntil(lambda: not dock.where_next.busy, timeout=10000)


def test_new_paint_reaches_a_running_training_as_volumes(viewer, open_dock, qtbot):
    dock = open_dock("upaint_live_tasks")
    viewer.add_image(volume(), name="cells")
    dock.sections.settings.train.control("ndim").setCurrentIndex(1)
    dock.sections.model.choose(None)
    dock.sections.labels.new_button.click()
    layer = viewer.layers["cells annotation"]
    paint(layer, (10,))
    qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=20000)
    dock.sections.train.learn.setChecked(True)
    dock.sections.train.seconds.setValue(600)
    dock.sections.train.button.click()
    qtbot.waitUntil(lambda: len(dock.sections.train.plot.loss) > 2, timeout=20000)
    with qtbot.waitSignal(dock.working.training.samples_heard, timeout=10000) as heard:
        paint(layer, (30,))
    assert heard.args[0].problem == ""
    [sample] = dock.working.training._sent.samples
    np.testing.assert_array_equal(sample.annotation, layer.data)
    dock.sections.train.button.click()
    qtbot.waitUntil(lambda: not dock.working.busy, timeout=10000)


def test_a_3d_network_on_a_plane_is_refused_in_words(viewer, dock, qtbot):
    viewer.add_image(volume()[0], name="flat")
    dock.sections.labels.new_button.click()
    layer = viewer.layers["flat annotation"]
    paint(layer, ())
    qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=20000)
    dock.sections.model.choose(None)
    dock.sections.settings.train.control("ndim").setCurrentIndex(1)
    assert not dock.sections.train.button.isEnabled()
    words = "flat is a plane; set Dimensions to 2 (Settings > Training), or open a volume."
    assert dock.sections.train.button.toolTip() == words
    dock.sections.settings.train.restore()
    assert dock.sections.train.button.isEnabled()


@pytest.mark.parametrize("place", [{"axis_labels": ("t", "y", "x")}, {"units": ("second", "um", "um")}])
def test_a_time_series_of_planes_is_no_volume(viewer, trained, settle, place):
    dock = trained()
    viewer.add_image(volume()[:4], name="movie", **place)
    dock.sections.segment.buttons["all"].click()
    settle(dock)
    words = "is a 3D model and movie is a time series of planes; choose a 2D model."
    assert words in dock.sections.message.text()
    dock.sections.image.combo.setCurrentText("movie")
    for button in dock.sections.segment.buttons.values():
        assert not button.isEnabled() and words in button.toolTip()


def test_a_3d_model_does_not_suit_planes(viewer, trained, settle):
    dock = trained()
    viewer.add_image(volume()[0], name="flat")
    dock.sections.segment.buttons["all"].click()
    settle(dock)
    text = dock.sections.message.text()
    assert "Segmented 1 volume, but:" in text and "is a 3D model and flat is a plane; choose a 2D model." in text
    dock.sections.image.combo.setCurrentText("flat")
    for button in dock.sections.segment.buttons.values():
        assert not button.isEnabled() and "is a 3D model and flat is a plane" in button.toolTip()


def test_a_2d_model_still_takes_a_stack_slice_by_slice(viewer, dock, settle, qtbot):
    viewer.add_image(volume()[:4], name="cells")
    dock.sections.labels.new_button.click()
    paint(viewer.layers["cells annotation"], (2,))
    qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=20000)
    dock.sections.train.seconds.setValue(1)
    dock.sections.train.button.click()
    settle(dock)
    dock.sections.segment.buttons["layer"].click()
    settle(dock)
    assert dock.sections.message.text() == "Segmented 3 planes; 1 was there already."


# -- without a window ------------------------------------------------------------------------------------------------


def placement(ndim, scale, unit):
    eye = np.eye(ndim)
    return Placement(scale, (0,) * ndim, eye, eye, np.eye(ndim + 1), (unit,) * ndim, ("a",) * ndim)


def source(data, scale=(1.0, 1.0, 1.0), unit="pixel"):
    return ImageSource("image", "cells", data, False, placement(data.ndim, (1.0,) * (data.ndim - 3) + scale, unit))


def painted(shape, *places):
    labels = np.zeros(shape, np.uint16)
    for label, place in places:
        labels[place] = label
    return labels


def small_model(folder):
    header = ModelHeader("deep", Architecture(ndim=3, depth=2))
    return save_model(ModelFile(header, {"bias": np.zeros(2, np.float32)}), folder / "deep.safetensors")


def test_the_shape_of_a_voxel_is_known_without_a_unit():
    data = np.zeros((5, 6, 7))
    assert spacing(source(data)) is None
    assert spacing(source(data, (3.0, 1.0, 1.0))) == (3.0, 1.0, 1.0)
    assert spacing(source(data, (1.0, 1.0, 1.0), "micrometer")) == (1.0, 1.0, 1.0)
    assert spacing(source(data, (-3.0, 1.0, 1.0))) == (3.0, 1.0, 1.0)
    half_known = source(data, (1.0, 0.26, 0.26), "micrometer")
    units = ("pixel", "micrometer", "micrometer")
    half_known = replace(half_known, placement=replace(half_known.placement, units=units))
    assert spacing(half_known) is None
    voxels = "7 × 6 pixels, 0.26 µm a pixel, {} from slice to slice."
    assert describe_image(half_known).startswith(voxels.format("an unknown distance"))
    known = source(data, (0.5, 0.26, 0.26), "micrometer")
    assert describe_image(known).startswith(voxels.format("0.5 µm"))
    assert describe_image(source(data, (3.0, 1.0, 1.0))).startswith("7 × 6 pixels, 3 pixels from slice to slice.")
    assert describe_image(source(data)).startswith("7 × 6 pixels, an unknown distance from slice to slice.")


def test_volumes_whose_slices_are_time_series_are_told_what_to_do():
    film = source(da.zeros((8, 4, 20, 30), np.uint8))
    film = replace(film, placement=replace(film.placement, axis_labels=("z", "t", "y", "x")))
    assert misfit(2, film, "deep") == ""
    assert misfit(3, film, "deep") == (
        "The slices of cells are time series (axes z, t, y, x), not volumes; save it with time before z, or"
        " segment it with 'upaint segment'."
    )
    assert not why_no_choice(film, 2)  # who ticks the box is told the same, and not given planes
    plan = SegmentPlan((), Path("model"), "objects", PredictSettings(volumes=True), ObjectSettings())
    assert plan.takes_volumes(Target(film))
    movie = replace(film, placement=replace(film.placement, axis_labels=("p", "t", "y", "x")))
    assert "If its frames are slices, say so in Fiji" in why_no_choice(movie, 2)


def test_volumes_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match=r"would need .* GB of the .* GB of memory at once"):
        volumes_fit([source(da.zeros((8192, 8192, 8192), np.uint8))])
    volumes_fit([source(volume())])


def test_a_slice_that_does_not_fit_with_its_neighbours_is_refused(tmp_path):
    model = small_model(tmp_path)
    large = source(da.zeros((4096, 2**16, 2**16), np.uint8))
    with pytest.raises(UserError, match=r"A slice of cells with the 16 around it would need .* choose a 2D model"):
        volumes_fit([large], slice_by=model)
    volumes_fit([source(da.zeros((10**6, 64, 64), np.uint8))], slice_by=model)


def test_scores_of_volumes_and_planes_are_kept_apart():
    a, b = ObjectSettings(), ObjectSettings(smallest=5)
    cache = ScoreCache(np.zeros((2, 2, 3, 4, 5), np.float16), ("background", "object"), "objects")
    nothing = np.zeros((3, 4, 5), np.int32)
    ones, spread, usual = np.ones((2, 3, 4, 5), np.float16), nothing.astype(np.float16), Usual(70.0, 0.7)
    cache.note((1,), PlaneResult(nothing, ones, cache.names, spread, usual), a)
    assert {plane: one.spread.shape for plane, one in cache.planes.items()} == {(1, z): (4, 5) for z in range(3)}
    assert cache.stale(b) == [(1,)] and cache.stale(a) == [] and cache.made_with((1,)) is a
    cache.remade((1,), b)
    assert cache.stale(b) == []
    assert cache.usual[(1,)] == usual
    cache.note((1, 1), PlaneResult(nothing[0], np.zeros((2, 4, 5), np.float16), cache.names), a)
    assert cache.stale(b) == [(1, 1)]
    assert (1,) not in cache.usual and cache.usual[(1, 1)] == UNKNOWN  # as its own prediction says
    for z in (0, 2):  # or specks would come back in them with the next setting of objects
        assert (cache.usual[(1, z)].size, cache.usual[(1, z)].least_score) == (pytest.approx(70 ** (2 / 3)), 0.7)
    assert sorted(cache.stale(ObjectSettings(smallest=7))) == [(1, 0), (1, 1), (1, 2)]
    assert cache.made_with((0,)) is None


def test_a_slice_at_the_edge_has_neighbours_on_one_side(tmp_path):
    model, image = small_model(tmp_path), source(volume())
    for z, size, at in ((0, 9, 0), (20, 17, 8), (39, 9, 8)):
        part, wanted = volume_source(image, (z,), model, None)
        pixels = part.read_plane(())
        assert pixels.shape == (1, size, 50, 60) and wanted == at
        np.testing.assert_array_equal(pixels[0, wanted], image.data[z])
    far = source(volume(), (2.0, 1.0, 1.0))
    part, wanted = volume_source(far, (20,), model, None)
    assert part.read_plane(()).shape == (1, 9, 50, 60) and wanted == 4 and part.spacing == (2.0, 1.0, 1.0)
    part, wanted = volume_source(far, (20,), model, None, scale=0.5)  # it sees twice as many
    assert part.read_plane(()).shape == (1, 17, 50, 60) and wanted == 8


# -- the real engine -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_real_volume(viewer, open_dock, paint_strokes, settle, qtbot):
    nuclei = open_sample("nuclei_3d")
    image, truth = np.asarray(nuclei.image.data), nuclei.truth
    dock = open_dock(TASKS)
    viewer.add_image(image, name="nuclei")
    training = dock.sections.settings.train
    training.control("ndim").setCurrentIndex(1)
    training.control("width").setValue(8)
    dock.sections.model.choose(None)
    dock.sections.labels.new_button.click()
    strokes = np.zeros(truth.shape, np.uint16)
    strokes[6:27:6, ::3, 4:96] = truth[6:27:6, ::3, 4:96] + 1
    paint_strokes(viewer.layers["nuclei annotation"], strokes)
    qtbot.waitUntil(lambda: dock.sections.train.button.isEnabled(), timeout=10000)
    dock.sections.train.seconds.setValue(15)
    results = []
    dock.working.training.ended.connect(results.append)
    dock.sections.train.button.click()
    settle(dock, 180)
    assert dock.sections.message.kind == "info", dock.sections.message.text()
    assert results[0].result.model.header.architecture.ndim == 3
    planes = []
    dock.working.results.segmenting.segmented.connect(lambda _plan, _target, result: planes.append(result))
    dock.sections.segment.buttons["layer"].click()
    settle(dock, 180)
    assert isinstance(planes[-1], PlaneResult) and planes[-1].labels.shape == truth.shape
    np.testing.assert_array_equal(viewer.layers["nuclei labels"].data, planes[-1].labels)
    np.testing.assert_array_equal(viewer.layers["nuclei scores"].data, planes[-1].scores[1])
    assert results[0].result.after < results[0].result.before
