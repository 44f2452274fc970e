"""Laws of training tiles: reproducible, only where paint is, and never what is held out for judging."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_upaint.core.normalize import measure
from napari_upaint.core.sample import Sample
from napari_upaint.core.strokes import paint_strokes
from napari_upaint.core.tiling import halo, input_size
from napari_upaint.core.weight_map import weight_map
from napari_upaint.engine import memory, sampling
from napari_upaint.engine.preparing import HELD_OUT, check_room, hold_out, preparing
from napari_upaint.engine.sampling import Sampler, holds_out, validation_tiles
from napari_upaint.engine.telling import returned
from napari_upaint.errors import EngineError
from napari_upaint.io.samples import open_sample
from napari_upaint.settings import AugmentSettings, WeightSettings

STILL = AugmentSettings(displacement=0, rotate=False, flip=False, zoom=1, gray=0)
DEPTH, TILE = 3, 100
HALO = halo(DEPTH)


def sample_of(annotation, seed=0):
    image = np.random.default_rng(seed).integers(0, 255, (1, *annotation.shape), dtype=np.uint8)
    return Sample(image, annotation, measure(image))


def prepared_of(*annotations, kind="objects", scale=1.0, border=2, seed=0):
    samples = [sample_of(one, number) for number, one in enumerate(annotations)]
    return returned(preparing(samples, kind, scale=scale, border=border, weights=WeightSettings(), seed=seed))


def sampler_of(prepared, augment=AugmentSettings(), seed=0, start=None):  # noqa: B008 (frozen)
    return Sampler(prepared, augment, tile=(TILE, TILE), halo=HALO, seed=seed, start=start)


@pytest.fixture(scope="module")
def painted():
    sample = open_sample("nuclei_fluorescence")
    return np.asarray(sample.strokes)[:300, :320]


@pytest.fixture(scope="module")
def prepared(painted):
    return prepared_of(painted)


def same(a, b):
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("image", "target", "weights")) and (
        a.start is None
    ) == (b.start is None)


def test_a_tile_depends_on_seed_and_number_only(prepared):
    one, other = sampler_of(prepared), sampler_of(prepared)
    later = [other.draw(number) for number in (5, 3, 4)]  # asked for in another order
    for number, tile in zip((5, 3, 4), later, strict=True):
        assert same(one.draw(number), tile)
    assert not same(one.draw(3), one.draw(4))
    assert not same(one.draw(3), sampler_of(prepared, seed=1).draw(3))


def test_tiles_have_the_shapes_and_types_of_the_network(prepared):
    start = [np.full((3, *one.target.shape), 1 / 3, np.float32) for one in prepared]
    tile = sampler_of(prepared, start=start).draw(0)
    inner = (TILE - 2 * HALO,) * 2
    assert tile.image.shape == (1, TILE, TILE) and tile.image.dtype == np.float32
    assert tile.target.shape == tile.weights.shape == inner and tile.target.dtype == np.int16
    assert tile.start.shape == (3, *inner)
    np.testing.assert_allclose(tile.start.sum(0), 1, atol=1e-5)


def test_tiles_hold_paint_and_only_values_that_were_painted(prepared):
    sampler = sampler_of(prepared)
    values = set(np.unique(prepared[0].target))
    tiles = [sampler.draw(number) for number in range(25)]
    assert all(set(np.unique(tile.target)) <= values for tile in tiles)
    assert sum((tile.target >= 0).any() for tile in tiles) >= 24  # elastic deformation may carry it out of sight
    assert all((tile.weights[tile.target >= 0] > 0).all() and np.isfinite(tile.image).all() for tile in tiles)


def test_what_nobody_painted_weighs_nothing(prepared):
    for one in prepared:
        assert (one.weights[one.target < 0] == 0).all() and (one.weights[one.target >= 0] > 0).all()
        assert not one.held_out[one.target < 0].any()


def test_every_class_is_drawn_about_as_often():
    annotation = np.zeros((400, 400), np.uint8)
    annotation[:200] = 1
    annotation[300:304, 300:304] = 2  # a thousandth of the paint
    annotation[390:, :200] = 3
    drawn = sampler_of(prepared_of(annotation, kind="classes", border=None), STILL)
    middles = [drawn.draw(number).target for number in range(60)]
    holding = [sum((target == value).any() for target in middles) for value in (0, 1, 2)]
    assert min(holding) >= 10


def test_without_variation_a_tile_is_the_image_itself():
    annotation = np.zeros((300, 300), np.uint8)
    annotation[140:160, 140:160] = 1
    annotation[100:110, 200:230] = 2
    [one] = prepared_of(annotation)
    tile = sampler_of([one], STILL).draw(0)
    best = min(
        np.abs(tile.target - one.target[y : y + TILE - 2 * HALO, x : x + TILE - 2 * HALO]).sum()
        for y in range(50, 200)
        for x in range(50, 250 - HALO)
        if one.target[y : y + TILE - 2 * HALO, x : x + TILE - 2 * HALO].shape == tile.target.shape
    )
    assert best <= np.count_nonzero(one.held_out) + 2


def test_image_target_and_weights_are_varied_together():
    """Draw the target's own shape as image: it must lie where the target lies, however it was turned and bent."""
    yy, xx = np.mgrid[:300, :300]
    annotation = np.where(((yy // 40) + (xx // 40)) % 2 == 0, 2, 1).astype(np.uint8)
    image = (annotation[None] == 2).astype(np.float32)
    sample = Sample(image, annotation, measure(image))
    prepared = returned(preparing([sample], "objects", scale=1.0, border=None, weights=WeightSettings(w0=0), seed=0))
    sampler = sampler_of(prepared, AugmentSettings(gray=0))
    inner = (slice(HALO, TILE - HALO),) * 2
    for number in range(6):
        tile = sampler.draw(number)
        known = tile.target >= 0
        agrees = (tile.image[0][inner] > 0.5) == (tile.target == 1)
        assert agrees[known].mean() > 0.97


def test_tiles_know_which_object_was_painted_and_where_background_is(painted, prepared):
    sampler = sampler_of(prepared)
    for number in range(6):
        tile = sampler.draw(number)
        np.testing.assert_array_equal(tile.objects == -1, tile.target == 0)
        np.testing.assert_array_equal(tile.objects > 0, tile.target > 0)
    assert len(np.unique(prepared[0].objects)) == len(np.unique(painted))
    assert not (sampler.objects[0] * prepared[0].held_out).any()
    assert sampler_of(prepared_of(painted, kind="classes", border=None)).draw(0).objects is None


def test_ids_of_objects_may_be_huge():
    annotation = np.zeros((60, 60), np.int64)
    annotation[5, 5:50], annotation[30, 5:50], annotation[50, 5:50] = 1, 2**40, 2**40 + 1
    values = np.unique(prepared_of(annotation)[0].objects)
    assert len(values) == 4 and values[0] == -1 and values[-1] < 10


def test_held_out_paint_is_never_trained_on():
    """Paint held-out pixels with a class of their own: it never appears in a tile."""
    annotation = paint_strokes(np.asarray(open_sample("cells_phase").truth)[:300, :300], np.random.default_rng(0))
    prepared = prepared_of(annotation)
    assert prepared[0].held_out.any()
    marked = prepared[0].target.copy()
    marked[prepared[0].held_out] = 77
    one = type(prepared[0])(prepared[0].image, prepared[0].coefficients, marked, *_rest(prepared[0]))
    sampler = sampler_of([one])
    assert not any((sampler.draw(number).target == 77).any() for number in range(30))


def _rest(one):
    return one.weights, one.held_out


def strokes(count, length=30, value=1, size=400):
    annotation = np.zeros((size, size), np.uint8)
    for number in range(count):
        y, x = divmod(number, 8)
        annotation[10 + 40 * y : 13 + 40 * y, 5 + 45 * x : 5 + 45 * x + length] = value
    return annotation


@given(st.integers(0, 500), st.sampled_from(["objects", "classes"]))
def test_about_a_fifth_of_every_class_is_held_out(seed, kind):
    annotation = np.concatenate([strokes(40, value=1), strokes(30, value=2), strokes(20, value=3)])
    [held] = hold_out([annotation], kind, seed)
    groups = [annotation == 1, annotation >= 2] if kind == "objects" else [annotation == v for v in (1, 2, 3)]
    for group in groups:
        assert HELD_OUT <= held[group].mean() < HELD_OUT + 0.1
    assert not held[annotation == 0].any()


@given(st.integers(0, 500), st.integers(2, 6))
def test_at_least_half_of_every_class_stays_for_training_however_uneven_the_strokes(seed, dots):
    annotation = np.zeros((300, 300), np.uint8)
    annotation[:30, :30] = 1
    annotation[100:130, :30] = 2
    for k in range(dots):
        annotation[200, 40 * k] = 1
        annotation[250, 40 * k] = 2
    [held] = hold_out([annotation], "objects", seed)
    for value in (1, 2):
        share = held[annotation == value].mean()
        assert 0 < share <= 0.5


def test_strokes_are_held_out_in_whole_pieces_and_long_ones_in_parts():
    held = hold_out([strokes(30, length=20, value=1) + 0], "objects", 0)[0]
    # Only background is painted, each stroke within at most two squares of the raster.
    runs = [held[10 + 40 * y, 5 + 45 * x : 25 + 45 * x] for y in range(3) for x in range(8)]
    assert any(run.all() for run in runs) and not all(run.all() for run in runs)
    long = np.zeros((40, 900), np.uint8)
    long[10:13], long[30:33] = 1, 2
    held = hold_out([long], "objects", 0)[0]
    assert all(0 < held[long == value].mean() < 0.5 for value in (1, 2))


def test_nothing_is_held_out_where_a_class_is_one_piece():
    annotation = strokes(20)
    annotation[396:, 396:] = 2
    assert not hold_out([annotation], "objects", 0)[0].any()
    annotation[390:392, 390:392] = 3
    assert hold_out([annotation], "objects", 0)[0].any()  # two objects, close to each other
    assert not hold_out([annotation], "classes", 0)[0].any()  # one piece of each of two classes


def test_paint_is_held_out_over_all_samples_together():
    one, other = strokes(1, value=1), strokes(1, value=2)
    painted = [one + other.T, (one + other.T)[::-1].copy()]
    masks = hold_out(painted, "objects", 3)
    assert sum(int(mask.sum()) for mask in masks) > 0
    assert not any(mask[annotation == 0].any() for mask, annotation in zip(masks, painted, strict=True))
    assert [mask.shape for mask in masks] == [(400, 400)] * 2


def test_the_choice_depends_on_the_seed_alone(painted):
    first, again, other = (hold_out([painted], "objects", seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("scale", [0.25, 0.35, 0.7, 1.4])
def test_thin_strokes_and_dots_survive_a_change_of_scale(scale):
    annotation = np.zeros((200, 240), np.uint32)
    annotation[20:180:5, 31] = 1
    annotation[50, 101], annotation[51, 203], annotation[0, 0] = 2, 3, 2
    annotation[120, 40:200] = 1
    [one] = prepared_of(annotation, scale=scale)
    assert one.target.shape == tuple(round(n * scale) for n in annotation.shape)
    assert set(np.unique(one.target)) == {-1, 0, 1}
    assert (one.target == 1).sum() >= 3 and one.target[0, 0] == 1
    assert (one.weights[one.target >= 0] > 0).all() and (one.weights[one.target < 0] == 0).all()
    assert not one.held_out[one.target < 0].any()
    sampler_of([one]).draw(0)


def test_dots_survive_where_slices_are_added_and_planes_shrink():
    annotation = np.zeros((6, 40, 50), np.uint8)
    places = np.argwhere(np.indices(annotation.shape).sum(0) % 7 == 0)[::5]
    annotation[tuple(places.T)] = 1 + np.arange(len(places)) % 2
    apart = replace(sample_of(annotation), spacing=(4.0, 1.0, 1.0))
    preparation = preparing([apart], "classes", scale=0.5, border=None, weights=WeightSettings(), seed=0)
    [one] = returned(preparation)
    assert one.target.shape == (12, 20, 25) and one.spacing == (2.0, 2.0, 2.0)
    for z, y, x in places:
        assert (one.target[2 * z : 2 * z + 2, y // 2, x // 2] >= 0).any()


@pytest.mark.parametrize("spacing", [None, (0.3, 0.6)])
def test_at_its_own_scale_the_weights_are_those_that_the_user_sees(painted, spacing):
    sample = replace(sample_of(painted), spacing=spacing)
    [one] = returned(preparing([sample], "objects", scale=1.0, border=2, weights=WeightSettings(), seed=0))
    np.testing.assert_array_equal(one.weights, weight_map(painted, "objects", WeightSettings(), spacing=spacing))


@pytest.mark.parametrize("kind", ["objects", "classes"])
def test_paint_that_is_cut_into_pieces_is_weighed_together(kind):
    """Objects in one corner and background in another: each would be all that is painted, and weigh 1."""
    annotation = np.zeros((1000, 1100), np.uint16)
    annotation[5:35, 5:35], annotation[10, 10:20], annotation[960:990, 1050:1090] = 2, 3, 1
    prepared = prepared_of(annotation, kind=kind, border=2 if kind == "objects" else None)
    assert len(prepared) == 2
    seen = weight_map(annotation, kind, WeightSettings())
    for part, corner in zip(prepared, (np.s_[5:35, 5:35], np.s_[960:990, 1050:1090]), strict=True):
        np.testing.assert_allclose(np.unique(part.weights[part.weights > 0]), np.unique(seen[corner]), rtol=1e-6)


def test_places_lie_on_paint_that_is_learnt_in_any_sample_and_take_little_memory():
    """Finished masks are millions of painted pixels."""
    rng = np.random.default_rng(0)
    annotations = [rng.integers(1, 4, shape).astype(np.uint8) for shape in ((40, 70), (90, 30), (700, 900))]
    prepared = prepared_of(*annotations)
    tracemalloc.start()
    sampler = Sampler(prepared, STILL, tile=(3, 3), halo=1, seed=0)
    kept, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    pixels = sum(one.target.size for one in prepared)
    assert kept < 16 * pixels and most < 32 * pixels
    drawn = set()
    for number in range(300):
        index, warp, _ = sampler.place(number)
        middle = np.round(warp.center).astype(int)
        around = tuple(slice(max(0, at - 1), at + 2) for at in middle)
        one = prepared[index]
        assert ((one.target[around] >= 0) & ~one.held_out[around]).any()
        drawn.add(index)
    assert drawn == {0, 1, 2}


def test_a_tile_holds_what_belongs_to_its_own_sample():
    """Of three images each says its number, in what is seen, painted and known."""
    annotation = np.zeros((60, 70), np.uint8)
    annotation[10:50, 10:60], annotation[20:30, 20:30], annotation[35:45, 40:50] = 1, 2, 3
    prepared = [
        replace(one, image=one.image * 0 + k, coefficients=one.coefficients * 0 + k, objects=one.objects * 0 + k)
        for k, one in enumerate(prepared_of(annotation, annotation, annotation))
    ]
    prepared = [replace(one, weights=one.weights * 0 + k, target=one.target * 0 + k) for k, one in enumerate(prepared)]
    sampler = sampler_of(prepared, STILL, start=[np.full((1, 60, 70), k, np.float32) for k in range(3)])
    seen = set()
    for number in range(12):
        tile = sampler.draw(number)
        parts = (tile.image, tile.target, tile.weights, tile.start, tile.objects)
        middle = {round(float(np.median(part))) for part in parts}
        assert len(middle) == 1
        seen |= middle
    assert seen == {0, 1, 2}


def judging(prepared):
    return validation_tiles(prepared, DEPTH, TILE, held_out=holds_out(prepared))


def test_validation_tiles_hold_judged_pixels_only_and_fit_the_network(prepared, monkeypatch):
    found = judging(prepared)
    assert found
    seen = 0
    for tile in found:
        assert tuple(input_size(n, DEPTH) for n in tile.target.shape) == tile.image.shape[1:]
        assert tile.target.dtype == np.int16 and (tile.target >= 0).any()
        seen += (tile.target >= 0).sum()
    held = sum(int((one.held_out & (one.target >= 0)).sum()) for one in prepared)
    assert seen <= held
    monkeypatch.setitem(sampling._MOST_JUDGED, 2, 10_000)
    assert sum((tile.target >= 0).sum() for tile in judging(prepared)) == held


@pytest.mark.parametrize(
    ("held", "judges"), [((), False), ((1, 2), True), ((2, 3), False), ((1, 3), True), ((1,), False)]
)
def test_paint_that_is_held_out_judges_if_background_and_something_else_are(held, judges):
    annotation = np.zeros((40, 40), np.uint8)
    annotation[:, :5], annotation[:, 10:15], annotation[:, 20:25] = 1, 2, 3
    [one] = prepared_of(annotation, kind="classes", border=None)
    one.held_out[...] = np.isin(annotation, held)
    assert holds_out([one]) is judges


def test_validation_tiles_lie_where_they_should(monkeypatch):
    monkeypatch.setitem(sampling._MOST_JUDGED, 2, 100)
    annotation = np.asarray(np.random.default_rng(0).integers(0, 3, (150, 170)), np.uint8)
    image = (annotation[None] == 2).astype(np.float32)
    sample = Sample(image, annotation, measure(image))
    prepared = returned(preparing([sample], "objects", scale=1, border=None, weights=WeightSettings(), seed=0))
    for tile in judging(prepared):
        known = tile.target >= 0
        np.testing.assert_array_equal(tile.objects[known] > 0, tile.target[known] == 1)
        np.testing.assert_array_equal(tile.objects[known] == -1, tile.target[known] == 0)
        assert (tile.objects[~known] != 0).any()  # paint that is learnt from
        inner = tile.image[0, HALO : HALO + known.shape[0], HALO : HALO + known.shape[1]]
        np.testing.assert_allclose(inner[known], tile.target[known], atol=0.05)


def test_where_nothing_is_held_out_all_paint_judges():
    annotation = np.zeros((120, 120), np.uint8)
    annotation[10:20, 10:20], annotation[60:70, 60:70] = 1, 2
    prepared = prepared_of(annotation)
    assert not prepared[0].held_out.any()
    assert sum((tile.target >= 0).sum() for tile in judging(prepared)) == 200


def test_the_tiles_with_most_paint_judge(monkeypatch):
    annotation = np.zeros((300, 300), np.uint8)
    annotation[np.add.outer(np.arange(300), np.arange(300)) > 250] = 1
    prepared = prepared_of(annotation)

    def judged(most):
        monkeypatch.setitem(sampling._MOST_JUDGED, 2, most)
        tiles = validation_tiles(prepared, DEPTH, TILE, held_out=False)
        return sorted(int((tile.target >= 0).sum()) for tile in tiles)

    every = judged(1000)
    assert judged(5) == every[-5:] > every[:5]


def test_every_class_is_judged_however_little_of_it_is_painted(monkeypatch):
    monkeypatch.setitem(sampling._MOST_JUDGED, 2, 4)
    annotation = np.zeros((900, 900), np.uint8)
    annotation[:600] = 1
    for k, value in enumerate((2, 3, 4)):
        annotation[700 + 60 * k, 10:14] = annotation[700 + 60 * k, 800:804] = value
    prepared = prepared_of(annotation, kind="classes", border=None)
    assert prepared[0].held_out.any()
    found = judging(prepared)
    assert len(found) == 4
    assert {value for tile in found for value in np.unique(tile.target)} == {-1, 0, 1, 2, 3}


def test_samples_without_paint_are_harmless(painted):
    prepared = prepared_of(np.zeros((60, 70), np.uint8), painted)
    assert len(prepared) == 1 and judging(prepared)
    sampler = sampler_of(prepared)
    assert all((sampler.draw(number).target >= 0).any() for number in range(3))


def test_images_smaller_than_a_tile_are_mirrored():
    annotation = np.array([[1, 0, 2], [1, 0, 2], [0, 0, 0]], np.uint8)
    prepared = prepared_of(annotation)
    tile = sampler_of(prepared).draw(0)
    assert np.isfinite(tile.image).all() and tile.image.shape == (1, TILE, TILE)
    assert judging(prepared)


def test_room_is_asked_for_at_the_scale_of_the_network(monkeypatch):
    sample = sample_of(np.full((200, 300), 1, np.uint8))
    monkeypatch.setattr(memory, "_system", lambda: 8_000_000)
    check_room([sample], 1.0)
    coloured = replace(sample, image=np.repeat(sample.image, 12, axis=0))
    for one, scale in ((sample, 2.0), (coloured, 1.0)):
        with pytest.raises(EngineError, match="paint in a smaller part"):
            check_room([one], scale)
