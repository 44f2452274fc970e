"""Laws of training on volumes: it learns from painted slices, is reproducible, and takes thin ones too."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from upaint_small import same_weights

from napari_upaint.core import tiling
from napari_upaint.core.augment import draw_warp
from napari_upaint.core.metrics import iou
from napari_upaint.core.normalize import Normalization, measure
from napari_upaint.core.resize import scaled_shape
from napari_upaint.core.sample import Sample
from napari_upaint.core.usual_object import smallest_object
from napari_upaint.engine import device, preparing, tile_size, tiled, trainer
from napari_upaint.engine import segment as segmentation
from napari_upaint.engine.checkpoint import from_network, to_network
from napari_upaint.engine.device import choose
from napari_upaint.engine.family import build
from napari_upaint.engine.progress import NewSamples, Sight, TrainResult
from napari_upaint.engine.sampling import Sampler, validation_tiles
from napari_upaint.engine.scale import SCALES, find_scale, painted_regions
from napari_upaint.engine.segment import segment_plane
from napari_upaint.engine.start import start_header
from napari_upaint.engine.telling import returned
from napari_upaint.engine.tile_size import training_tile
from napari_upaint.engine.train import train
from napari_upaint.engine.trainer import Trainer
from napari_upaint.errors import EngineError, ImageError, ModelError
from napari_upaint.io.models import Architecture, ModelHeader, load_model, save_model
from napari_upaint.io.samples import open_sample
from napari_upaint.settings import AugmentSettings, ObjectSettings, PredictSettings, TrainSettings, WeightSettings

QUICK = TrainSettings(steps=3, width=4, depth=2, ndim=3, scale=1.0)
ZYX = np.mgrid[:30, :60, :64]
CENTRES = ((15, 15, 15), (15, 40, 20), (12, 20, 45), (17, 45, 48))
SLICES = (10, 15)


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    """Learn tiles of 12 voxels: the laws are the same, and a step takes milliseconds."""
    real = trainer.plan_for
    monkeypatch.setattr(trainer, "plan_for", lambda *args, **kw: replace(real(*args, **kw), output=12, warmup=3))


@pytest.fixture(scope="module")
def truth():
    labels = np.zeros(ZYX.shape[1:], np.uint16)
    for number, centre in enumerate(CENTRES, start=1):
        labels[sum((axis - c) ** 2 for axis, c in zip(ZYX, centre, strict=True)) <= 10**2] = number
    return labels


@pytest.fixture(scope="module")
def sample(truth):
    """Bright balls in the dark, painted on two slices."""
    image = (truth > 0) * 100.0 + np.random.default_rng(0).normal(50, 10, truth.shape)
    annotation = np.zeros_like(truth)
    for z in SLICES:
        annotation[z] = np.where((truth[z] > 0) & (ZYX[2, z] % 9 < 3), truth[z] + 1, 0)
        annotation[z][(truth[z] == 0) & (ZYX[1, z] % 15 < 2) & (ZYX[2, z] // 16 % 2 == 0)] = 1
    return Sample(image[None], annotation, measure(image[None]), name="balls")


def thin(sample, slices, spacing=None):
    at = slice(SLICES[1] - slices // 2, SLICES[1] - slices // 2 + slices)
    return replace(sample, image=sample.image[:, at], annotation=sample.annotation[at], spacing=spacing)


def run(samples, start=None, kind="objects", commands=None, **changes):
    """Train to the end; return (progress, result)."""
    generator = train(samples, kind=kind, start=start, settings=replace(QUICK, **changes), device="cpu", name="mine")
    seen = []
    try:
        seen.append(next(generator))
        while True:
            seen.append(generator.send((commands or {}).get(len(seen))))
    except StopIteration:
        pass
    *progress, result = seen
    assert isinstance(result, TrainResult)
    return progress, result


def segment(sample, model, **settings):
    *_, result = segment_plane(
        sample.image, sample.normalization, model, settings=PredictSettings(**settings), device="cpu"
    )
    return result


def losses(progress):
    return [one.loss for one in progress if one.loss is not None]


@pytest.fixture(scope="module")
def start(sample):
    """A 3D model that has learnt a little."""
    *_, result = train([sample], kind="objects", start=None, settings=replace(QUICK, steps=5), device="cpu")
    return result.model


def test_balls_painted_on_two_slices_are_found_in_all(sample, truth, tmp_path):
    # What is told was judged in the first half; afterwards all paint is learnt.
    progress, result = run([sample], steps=160, learning_rate=5e-3)
    assert result.improved and result.after < 0.4 < result.before
    assert losses(progress)[-1] < losses(progress)[0]
    assert result.model.header.architecture.ndim == 3
    found = segment(sample, load_model(save_model(result.model, tmp_path / "balls.safetensors")))
    assert found.labels.shape == truth.shape
    assert iou(found.labels, truth) > 0.7
    assert iou(found.labels[19:22], truth[19:22]) > 0.6  # far from what was painted
    volume = np.bincount(truth.ravel())[1:].mean()
    assert volume / 2 < result.model.header.object_size < 2 * volume
    assert smallest_object(ObjectSettings(), found.usual) == round(result.model.header.object_size / 10**1.5)


def test_a_3d_model_is_taken_further(sample, start):
    _, result = run([sample], start, steps=20, learning_rate=1e-2)
    assert result.improved and result.after < result.before
    assert not same_weights(result.model, start)


def test_the_same_seed_gives_the_same_model(sample, start):
    few = thin(sample, 12)
    for given in (None, start):
        one, again, other = (run([few], given, seed=seed, steps=4) for seed in (1, 1, 2))
        assert same_weights(one[1].model, again[1].model)
        assert (one[1].before, one[1].after) == (again[1].before, again[1].after)
        assert losses(one[0]) == losses(again[0]) != losses(other[0])


@pytest.mark.parametrize("variant", ["plain", "attention", "dense", "multimodal", "cicek"])
@pytest.mark.parametrize(
    ("ndim", "padding", "norm"), [(2, "valid", "none"), (3, "valid", "none"), (3, "same", "batch")]
)
def test_every_network_trains_and_predicts(sample, variant, ndim, padding, norm):
    few = thin(sample, 12)
    two = np.concatenate([few.image, few.image[:, :, ::-1]])  # two channels: an encoder each
    given = replace(few, image=two, normalization=measure(two))
    if ndim == 2:
        z = 1  # painted
        given = replace(given, image=two[:, z], annotation=few.annotation[z])
    progress, result = run([given], ndim=ndim, variant=variant, padding=padding, norm=norm, steps=2)
    assert np.isfinite(progress[-1].loss) and result.steps == 2
    made = result.model.header.architecture
    assert (made.variant, made.ndim, made.padding, made.in_channels) == (variant, ndim, padding, 2)
    assert made.norm == (None if norm == "none" else norm)
    found = segment(given, result.model, tile=32)
    assert found.labels.shape == given.annotation.shape
    np.testing.assert_allclose(found.scores.astype(float).sum(0), 1, atol=3e-3)


@pytest.mark.parametrize("norm", ["group", "instance"])
def test_padded_networks_from_scratch_predict_with_blended_tiles(sample, norm):
    sample = replace(sample, image=sample.image[:, :, :30], annotation=sample.annotation[:, :30])  # tiles along Z, X
    _, result = run([sample], padding="same", norm=norm, dropout=0.0, steps=20, learning_rate=1e-2)
    architecture = result.model.header.architecture
    assert (architecture.padding, architecture.norm, architecture.dropout) == ("same", norm, 0.0)
    blended, at_once = segment(sample, result.model, tile=24), segment(sample, result.model)
    assert iou(blended.labels, at_once.labels) > 0.7


@pytest.mark.parametrize("slices", [1, 5, 9])
@pytest.mark.parametrize("spacing", [None, (2.0, 0.5, 0.5)])
def test_thin_stacks(sample, slices, spacing):
    given = thin(sample, slices, spacing)
    _, result = run([given], steps=2, depth=3)
    assert np.isfinite(result.after)
    assert result.model.header.spacing == spacing
    assert segment(given, result.model).labels.shape == given.annotation.shape


def test_progress_finds_a_scale_that_leaves_the_slices_alone(sample, start):
    progress, result = run([sample], start, scale=0.0)
    assert [one.stage for one in progress].count("finding the scale") > 3
    assert result.model.header.scale in SCALES
    [half] = returned(
        preparing.preparing([sample], "objects", scale=0.5, border=None, weights=WeightSettings(), seed=0)
    )
    assert half.image.shape == (1, 30, 30, 32)


def test_the_scale_of_thin_stacks_is_found_too(sample, start):
    network = build(start.header.architecture)
    *looks, found = find_scale(network, [thin(sample, 5)], kind="objects", border=False)
    assert len(looks) > 1 and found in SCALES


@pytest.mark.parametrize(("spacing", "apart"), [(None, 1), ((4.0, 1.0, 1.0), 4)])
def test_what_is_looked_at_is_small_however_wide_paint_spreads(spacing, apart):
    annotation = np.zeros((40, 400, 400), np.uint8)
    annotation[20, ::40] = 1
    annotation[20, 20::40] = 2
    wide = Sample(annotation[None], annotation, measure(annotation[None]), spacing)
    boxes = painted_regions([wide])
    assert boxes and sum(apart * annotation[box].size for _, box in boxes) < 2_000_000


def test_new_paint_and_planes_that_come_by_mistake(sample, start):
    more = replace(sample, annotation=np.maximum(sample.annotation, np.roll(sample.annotation, 8, axis=0)))
    z = SLICES[0]
    plane = replace(sample, image=sample.image[:, z], annotation=sample.annotation[z])
    _, result = run([sample], start, commands={3: NewSamples((more,)), 4: NewSamples((plane,))}, steps=5)
    assert result.steps == 5


def test_slices_that_lie_apart_are_drawn_out_for_the_network_and_found_in_their_places(monkeypatch):
    nuclei = open_sample("nuclei_3d")
    volume, truth = (np.asarray(one)[1::3] for one in (nuclei.image.data, nuclei.truth))
    seen, real, model = [], tiled.crew_for, load_model("generalist-3d")
    monkeypatch.setattr(
        tiled, "crew_for", lambda net, shape, *args, **kw: seen.append(shape) or real(net, shape, *args, **kw)
    )

    def score(spacing, header=model.header):
        given = replace(model, header=header)
        how = {"device": "cpu", "spacing": spacing, "sight": Sight(1.0)}
        *_, found = segment_plane(volume[None], measure(volume[None]), given, **how)
        assert found.scores.shape[1:] == volume.shape
        return iou(found.labels, truth)

    stay, drawn = score(None), score((3.0, 1.0, 1.0))
    assert seen == [(11, 100, 100), (33, 100, 100)] and drawn > stay + 0.05
    learnt = replace(model.header, spacing=(3.0, 1.0, 1.0))
    assert score(None, learnt) == drawn and score((1.0, 1.0, 1.0), learnt) == stay


def test_slices_that_lie_apart_are_learnt_drawn_out(sample):
    apart = replace(thin(sample, 10, (3.0, 1.0, 1.0)), name="apart")
    [found] = returned(
        preparing.preparing([apart], "objects", scale=0.5, border=None, weights=WeightSettings(), seed=0)
    )
    assert found.image.shape == (1, 15, 30, 32) and found.spacing == (2.0, 2.0, 2.0) and found.apart == 3
    assert set(np.unique(found.target)) == {-1, 0, 1}


def test_scales_at_which_painted_objects_of_volumes_are_too_large_are_out_of_the_question():
    """Balls of 60 voxels; the network has learnt from 40 at the most."""
    ball = sum((axis - c) ** 2 for axis, c in zip(np.mgrid[:40, :90, :90], (20, 45, 45), strict=True)) <= 30**2
    painted = np.zeros(ball.shape, np.uint64)
    painted[20, 40:50, 30:60], painted[20, 5:8] = 2**64 - 1, 1  # ids of objects may be huge
    given = Sample(100.0 * ball[None], painted, Normalization((0.0,), (100.0,)), spacing=(1.0, 1.0, 1.0))
    network = to_network(load_model("generalist-3d"))
    assert max(find_scale(network, [given], kind="objects", border=True)) < 1


@pytest.mark.parametrize("most", [0, 10**9])
def test_wide_surroundings_of_paint_are_held_to_the_start_a_tile_at_a_time(sample, start, most, monkeypatch):
    monkeypatch.setattr(trainer, "_MOST_VOXELS", most)
    state = Trainer([sample], "objects", start, QUICK, WeightSettings(), AugmentSettings(), "cpu")
    list(state.look_at_samples())
    state.learner.close()
    assert state.hold > 0 and callable(state.held) == (most == 0)


@pytest.mark.parametrize("from_model", [True, False])
def test_planes_and_volumes_do_not_mix(sample, start, from_model):
    plane = replace(sample, image=sample.image[:, 10], annotation=sample.annotation[10], name="slice")
    with pytest.raises(ModelError, match=r"for volumes \(3D\) but slice is a plane"):
        run([sample, plane], start if from_model else None)
    with pytest.raises(ModelError, match=r"for planes \(2D\) but balls is a volume"):
        run([sample], ndim=2)


@pytest.mark.parametrize(("ndim", "depth"), [(2, 5), (3, 3)])
def test_the_depth_is_chosen_for_planes_and_volumes(sample, ndim, depth):
    given = sample if ndim == 3 else replace(sample, image=sample.image[:, 10], annotation=sample.annotation[10])
    made = start_header([given], "objects", None, TrainSettings(ndim=ndim)).architecture
    assert (made.ndim, made.depth, made.padding, made.norm, made.dropout) == (ndim, depth, "valid", None, 0.2)
    assert start_header([given], "objects", None, TrainSettings(ndim=ndim, depth=4)).architecture.depth == 4


def test_a_single_level_is_a_network_too(sample):
    _, result = run([sample], depth=1)
    assert result.model.header.architecture.depth == 1
    assert segment(sample, result.model).labels.shape == sample.annotation.shape


def test_borders_between_painted_objects_are_learnt_in_volumes(sample, truth):
    architecture = Architecture(ndim=3, width=4, depth=2, n_outputs=3)
    begin = from_network(build(architecture), ModelHeader("bordered", architecture, border=True))
    touching = np.where(truth > 0, truth + 1, 0)
    touching[:, :28][truth[:, :28] > 0] = 9
    touching[5:8, 5] = 1
    given = replace(sample, annotation=touching.astype(np.uint16))
    [one] = returned(preparing.preparing([given], "objects", scale=1.0, border=2, weights=WeightSettings(), seed=0))
    assert (one.target == 2).any()
    _, result = run([given], begin, steps=3)
    assert result.model.header.border and result.model.header.output_names[-1] == "border"
    assert segment(given, result.model).scores.shape[0] == 3


def test_paint_that_does_not_fit_into_memory_is_refused(sample, monkeypatch):
    monkeypatch.setattr(preparing, "available", lambda: 1e6)
    with pytest.raises(EngineError, match="paint in a smaller part"):
        run([sample])


def test_a_volume_that_would_fill_the_memory_is_refused(sample, start, monkeypatch):
    monkeypatch.setattr(segmentation, "available", lambda: 1e6)
    with pytest.raises(ImageError, match=r"of memory at once, and 0.0 GB are free; close other programs, or cut it"):
        segment(sample, start)
    monkeypatch.setattr(segmentation, "available", lambda: 8e6)
    assert segment(sample, start).labels.shape == sample.annotation.shape


# -- tiles -----------------------------------------------------------------------------------------------------------


def network_of(depth=3, padding="valid", ndim=3, width=4):
    return build(Architecture(ndim=ndim, depth=depth, width=width, padding=padding))


@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("slices", [1, 5, 9, 30])
@pytest.mark.parametrize("spacing", [None, (4.0, 1.0, 1.0), (1.0, 1.0, 2.0)])
def test_tiles_are_valid_and_as_thick_as_the_volume_needs(sample, depth, padding, slices, spacing):
    given = thin(sample, slices, spacing)
    network = network_of(depth, padding)
    tile = training_tile(network, 28, [given], choose("cpu"))
    outputs = [n - 2 * network.halo for n in tile]
    assert tile == tuple(tiling.input_size(n, depth, padded=padding == "same") for n in outputs)
    wanted = 48 if padding == "same" else 28  # a padded network sees what is around inside its tile
    for output, n in zip(outputs, scaled_shape(given.annotation.shape, 1.0, spacing), strict=True):
        assert min(n, wanted) <= output < min(n, wanted) + 2 ** (depth - 1) + 4


@pytest.mark.parametrize("half", [False, True])  # whether the processor computes in bfloat16
def test_tiles_shrink_to_the_memory(sample, half, monkeypatch):
    network = network_of()
    monkeypatch.setattr(tile_size, "has_bfloat16", lambda _: half)
    large = training_tile(network, 44, [sample], choose("cpu"))
    monkeypatch.setattr(device, "available", lambda: 30e6 if half else 60e6)
    small = training_tile(network, 44, [sample], choose("cpu"))
    assert all(a <= b for a, b in zip(small, large, strict=True)) and small != large
    monkeypatch.setattr(device, "available", lambda: 1e6)
    with pytest.raises(EngineError, match="depth 3 learns from tiles of 44 x 44 x 44 voxels or more"):
        training_tile(network, 44, [sample], choose("cpu"))


HALO = tiling.halo(2)
TILE = (24, 36, 36)


def sampler_of(sample, start=None, tile=TILE, **augment):
    prepared = returned(
        preparing.preparing([sample], "objects", scale=1.0, border=None, weights=WeightSettings(), seed=0)
    )
    return Sampler(prepared, AugmentSettings(**augment), tile=tile, halo=HALO, seed=0, start=start)


def test_tiles_of_volumes_have_their_shapes_and_hold_paint(sample):
    sampler = sampler_of(sample)
    tiles = [sampler.draw(number) for number in range(12)]
    inner = tuple(n - 2 * HALO for n in TILE)
    assert {tile.image.shape for tile in tiles} == {(1, *TILE)}
    assert {tile.target.shape for tile in tiles} == {tile.weights.shape for tile in tiles} == {inner}
    assert sum((tile.target >= 0).any() for tile in tiles) >= 10
    assert all((tile.weights[tile.target >= 0] > 0).all() for tile in tiles)


def test_the_start_is_asked_about_every_tile(sample):
    seen = []

    def teach(image):
        seen.append(image)
        return np.full((2, 8, 20, 20), 0.5, np.float32)

    tile = sampler_of(sample, teach).draw(0)
    assert len(seen) == 1 and seen[0] is tile.image and (tile.start == 0.5).all()


def leaves_slices_alone(sampler, number):
    """Whether a tile shows slices of the volume, however turned in the plane: each is constant where its number is."""
    tile = sampler.draw(number).image[0]
    return bool((np.ptp(tile.reshape(len(tile), -1), axis=1) < 0.02).all())


@pytest.mark.parametrize(
    ("slices", "spacing", "upright"), [(30, None, False), (5, None, True), (30, (3.0, 1.0, 1.0), True)]
)
def test_thin_volumes_and_long_voxels_are_turned_in_the_plane_only(sample, slices, spacing, upright):
    numbered = replace(sample, image=np.broadcast_to(ZYX[0][None].astype(np.float32), sample.image.shape))
    given = thin(numbered, slices, spacing)
    sampler = sampler_of(replace(given, normalization=measure(given.image)), displacement=0, zoom=1, gray=0)
    assert all(leaves_slices_alone(sampler, number) is upright for number in range(5))


def test_a_mac_learns_and_segments_volumes_with_its_processor(sample, monkeypatch):
    monkeypatch.setattr(device, "_fastest", lambda: torch.device("mps"))
    *_, result = train([sample], kind="objects", start=None, settings=QUICK)
    *_, found = segment_plane(sample.image, sample.normalization, result.model)
    assert found.labels.shape == sample.annotation.shape


def test_volumes_are_bent_gently(sample):
    sampler = sampler_of(sample, displacement=10)
    assert sampler.augment.displacement == pytest.approx(36 / 16)
    assert sampler_of(sample, displacement=1).augment.displacement == 1


def test_upright_warps_leave_z_alone():
    rng = np.random.default_rng(0)
    still = AugmentSettings(displacement=0, zoom=1)
    for _ in range(5):
        warp = draw_warp(rng, still, out_shape=(4, 5, 6), center=(0, 0, 0), upright=True)
        np.testing.assert_allclose(np.abs(warp.matrix[0]), [1, 0, 0])
        np.testing.assert_allclose(np.abs(warp.matrix[:, 0]), [1, 0, 0])
        assert abs(np.linalg.det(warp.matrix)) == pytest.approx(1)


def test_paint_far_apart_costs_its_surroundings_only():
    annotation = np.zeros((300, 300, 20), np.uint8)
    annotation[5, 5:20, 3], annotation[290, 280:290, 9], annotation[5, 60, 3] = 1, 2, 2
    image = np.zeros((1, *annotation.shape), np.uint8)
    image[0, 5, 5] = 200
    prepared = returned(
        preparing.preparing(
            [Sample(image, annotation, measure(image))],
            "objects",
            scale=1.0,
            border=None,
            weights=WeightSettings(),
            seed=0,
        )
    )
    assert [one.image.shape for one in prepared] == [(1, 70, 125, 20), (1, 74, 84, 20)]
    assert sum(np.count_nonzero(one.target >= 0) for one in prepared) == np.count_nonzero(annotation)


@pytest.mark.parametrize(
    ("scale", "spacing", "shapes"),
    [(0.5, None, [(134, 10, 10), (138, 10, 10)]), (1.0, (2.0, 1.0, 1.0), [(76, 20, 20), (84, 20, 20)])],
)
def test_what_the_network_sees_around_paint_is_real_at_its_scale(scale, spacing, shapes):
    annotation = np.zeros((300, 20, 20), np.uint8)
    annotation[5, 5], annotation[290, 5] = 1, 2
    sample = Sample(annotation[None], annotation, measure(annotation[None]), spacing)
    how = {"scale": scale, "border": None, "weights": WeightSettings(), "seed": 0}
    prepared = returned(preparing.preparing([sample], "objects", **how))
    assert [one.image.shape[1:] for one in prepared] == shapes


def test_validation_looks_at_held_out_paint_in_volumes(sample):
    prepared = returned(
        preparing.preparing([sample], "objects", scale=1.0, border=None, weights=WeightSettings(), seed=0)
    )
    assert prepared[0].held_out.any()
    tiles = validation_tiles(prepared, 2, 36, held_out=True)
    assert 1 <= len(tiles) <= 4
    assert {int(value) for tile in tiles for value in np.unique(tile.target)} == {-1, 0, 1}


def test_real_nuclei_are_learnt():
    """Some seconds from scratch on a confocal volume, painted on a few slices."""
    nuclei = open_sample("nuclei_3d")
    image, truth = np.asarray(nuclei.image.data)[None], nuclei.truth
    annotation = np.zeros(truth.shape, np.uint16)
    inside = np.zeros(truth.shape, bool)
    inside[6:27:6, ::3, 4:96] = True
    annotation[inside] = truth[inside] + 1
    sample = Sample(image, annotation, measure(image))
    progress, result = run([sample], steps=24, width=8, depth=3, norm="group")
    assert result.improved and result.after < 0.8 * result.before
    assert losses(progress)[-1] < losses(progress)[0]
