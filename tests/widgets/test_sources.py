"""What is known about layers: units, counts, places, whether results fit."""

from __future__ import annotations

import sys
from dataclasses import replace

import dask
import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from upaint_sources import annotation, noise, placement, source

from napari_upaint.errors import ImageError, UserError
from napari_upaint.session.batch import measure_source
from napari_upaint.widgets import _memory
from napari_upaint.widgets._measured_objects import MeasurePlan, measure_planes
from napari_upaint.widgets._memory import holding, physical_memory, results_fit
from napari_upaint.widgets._new_layers import new_annotation
from napari_upaint.widgets._sources import batch_source, count_painted, measure_image


def test_pixels_without_unit_have_no_spacing():
    assert source(noise((9, 9)), unit="pixel").spacing is None


@pytest.mark.parametrize(
    ("scale", "units", "edges"),
    [
        ((1450.0, 0.25, 0.5), ("nanometer", "micrometer", "micrometer"), (1.45, 0.25, 0.5)),
        ((-2.0, 0.5, -0.5), ("micrometer",) * 3, (2.0, 0.5, 0.5)),  # mirrored
        ((2.0, 0.5, 0.5), ("furlong",) * 3, (2.0, 0.5, 0.5)),
        ((1.0, 0.5, 0.5), ("pixel", "micrometer", "micrometer"), None),  # a file that does not tell the step of Z
        ((5.0, 0.5, 0.5), ("second", "micrometer", "micrometer"), None),
        ((2.0, 0.5, 0.5), ("pixel",) * 3, None),
    ],
)
def test_edges_of_a_voxel_have_one_unit(scale, units, edges):
    image = source(noise((3, 9, 9)))
    image = replace(image, placement=replace(image.placement, scale=scale, units=units))
    assert image.edges(3) == (pytest.approx(edges) if edges else None)
    assert image.spacing == (None if units[-1] == "pixel" else tuple(map(abs, scale[1:])))
    plan = MeasurePlan(image, annotation(np.ones((3, 9, 9), np.int32)), 0, 3, "objects")
    measured = measure_planes(plan)
    unit = {"micrometer": "um", "furlong": "furlong"}.get(units[-1]) if edges else "px"
    assert measured.table[f"volume_{unit}3"] == pytest.approx([3 * 9 * 9 * np.prod(edges or 1)])
    assert measured.place(0) == pytest.approx((1, 4, 4))


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 2), st.integers(0, 6), st.integers(0, 6)), max_size=20))
def test_counts_are_those_of_numpy(strokes):
    labels = np.zeros((3, 7, 7), np.int32)
    for label, *place in strokes:
        labels[tuple(place)] = label
    expected = dict(zip(*(part.tolist() for part in np.unique(labels[labels > 0], return_counts=True)), strict=True))
    assert count_painted(annotation(labels)) == expected
    assert count_painted(annotation(da.from_array(labels, chunks=2))) == expected


def test_results_that_do_not_fit_are_refused(monkeypatch):
    results_fit([source(noise((9, 9)))])
    assert physical_memory() > 2**28
    monkeypatch.setattr(_memory, "physical_memory", lambda: 8 * 2**30)
    with pytest.raises(UserError, match="would need 12 GB of the 8 GB of memory"):
        results_fit([source(da.zeros((1024, 1024, 1024), np.uint8))])


def test_a_plane_that_does_not_fit_is_not_read():
    slide = source(da.zeros((2_000_000, 1_000_000, 3), np.uint8), rgb=True, name="slide")
    with pytest.raises(ImageError, match=r"^slide would need .* GB of memory, since 2000000 × 1000000 pixels of it"):
        slide.plane(())
    assert slide.plane((), (slice(0, 9), slice(None, None, 500_000))).shape == (3, 9, 2)


@pytest.mark.parametrize("kind", [OSError, ValueError])
def test_what_cannot_be_read_is_told_in_words(kind):
    def fail():
        raise kind("the network is down")

    lazy = da.from_delayed(dask.delayed(fail)(), (2, 9, 9), np.uint8)
    with pytest.raises(ImageError, match=r"^Plane 1 of cells cannot be read \(the network is down\); check where"):
        source(lazy).plane((1,))


def test_a_zarr_folder_that_is_gone_is_no_image_of_zeros(tmp_path):
    folder = tmp_path / "cells.zarr"
    stored = zarr.create_array(folder / "0", data=noise((3, 9, 9)), chunks=(1, 9, 9))
    image = replace(source(da.from_zarr(stored)), file=str(folder))
    assert image.plane((1,)).any()
    folder.rename(tmp_path / "moved.zarr")
    with pytest.raises(ImageError, match=r"^cells cannot be read \(there is no .*cells\.zarr any more\); check"):
        image.plane((2,))
    assert replace(image, file="https://somewhere/cells.zarr").plane((2,)).shape == (1, 9, 9)


def test_of_a_large_plane_only_what_is_measured_is_in_memory():
    stack = noise((2, 3000, 1500, 3))
    read = []

    class Lazy:
        shape, ndim, dtype = stack.shape, stack.ndim, stack.dtype

        def __getitem__(self, at):
            read.append(stack[at].size)
            return stack[at]

    assert measure_image(source(Lazy(), rgb=True)) == measure_source(batch_source(source(stack, rgb=True), None, None))
    assert read == [stack[0].size / 4] * 2


class Painted(np.ndarray):
    """Somebody paints on it: what is written meanwhile could bring back what was there before."""

    def __setitem__(self, *_):
        raise AssertionError("written to")


def test_room_for_a_plane_holds_it_or_what_it_held():
    image, plane = source(noise((3, 8, 9))), np.full((8, 9), 7, np.int32)
    made = holding(image, (1,), plane)
    assert made.shape == (3, 8, 9) and [int(part.max()) for part in made] == [0, 7, 0]
    made[2] = 5
    assert holding(image, (2,), plane, made) is made and (made[2] == 5).all()
    assert holding(image, (2,), plane, made.view(Painted)).base is made
    assert holding(image, (2,), plane, made[:2]) is not made
    single = source(noise((8, 9)))
    assert holding(single, (), plane) is plane
    assert holding(single, (), plane, made[0]).base is made


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts what Linux tells")
def test_what_is_written_into_room_has_its_memory_already():
    """Getting it while the window waits takes a twentieth of a second for 2048 x 2048."""
    import resource

    image, plane = source(da.zeros((3, 2048, 2048), np.uint8)), np.ones((2048, 2048), np.int32)
    room = np.zeros(image.shape, np.int32)
    holding(image, (1,), plane, room)
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    room[1] = plane
    assert resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before < 100  # of 4096


def test_labels_that_do_not_fit_are_refused_in_words():
    endless = np.broadcast_to(np.uint8(0), (10**13, 8, 8))
    with pytest.raises(UserError, match="The labels of cells would need 1192093 GB of memory; open a part of it"):
        new_annotation(source(endless), "objects")


def test_a_channel_in_front_keeps_the_place():
    moved = placement(2).with_channel()
    assert moved.scale == (1, 0.5, 0.5)
    assert moved.affine.shape == (4, 4)
    np.testing.assert_array_equal(moved.rotate, np.eye(3))
