"""Measurements of labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_upaint.core.measure import measure, measure_stack
from napari_upaint.io.samples import open_sample

SMALL = arrays(np.int32, array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=9), elements=st.integers(0, 5))


def disk(radius=20, shape=(60, 70), center=(30, 30)):
    y, x = np.ogrid[: shape[0], : shape[1]]
    return ((y - center[0]) ** 2 + (x - center[1]) ** 2 <= radius**2).astype(np.int32)


def test_a_disk_in_micrometers():
    labels = disk() * 7
    table = measure(labels, np.ones((1, 60, 70)) * 3, spacing=(0.5, 0.5), unit="micrometer")
    assert list(table["label"]) == [7]
    assert table["area_um2"][0] == pytest.approx(np.pi * 100, rel=0.01)
    assert table["diameter_um"][0] == pytest.approx(20, rel=0.01)
    assert (table["y_um"][0], table["x_um"][0]) == (15, 15)
    assert table["major_um"][0] == pytest.approx(20, rel=0.01)
    assert table["eccentricity"][0] == pytest.approx(0, abs=0.05)
    assert (table["intensity_mean"][0], table["intensity_std"][0]) == (3, 0)


def test_a_pixel_that_is_no_square_makes_a_disk_an_ellipse():
    table = measure(disk(), np.ones((1, 60, 70)), spacing=(2, 1), unit="nanometer")
    assert table["area_nm2"][0] == 2 * disk().sum()
    assert table["major_nm"][0] == pytest.approx(2 * table["minor_nm"][0], rel=0.01)
    assert table["eccentricity"][0] == pytest.approx(np.sqrt(0.75), rel=0.01)


@pytest.mark.parametrize(("unit", "named"), [("pixel", "px"), ("", "px"), ("millimeter", "mm"), ("inch", "inch")])
def test_columns_say_the_unit(unit, named):
    table = measure(disk(), np.ones((1, 60, 70)), unit=unit)
    assert {f"area_{named}2", *(f"{what}_{named}" for what in ("diameter", "y", "x", "major", "minor"))} < set(table)


def test_a_ball():
    z, y, x = np.ogrid[:30, :30, :30]
    ball = ((z - 15) ** 2 + (y - 15) ** 2 + (x - 15) ** 2 <= 100).astype(np.uint8)
    table = measure(ball, ball[None], spacing=(3, 1, 1), unit="micrometer")
    assert table["volume_um3"][0] == 3 * ball.sum()
    assert table["z_um"][0] == 45
    assert "eccentricity" not in table


@given(SMALL, st.integers(1, 3), st.integers(0, 100))
def test_rows_and_sums(labels, channels, seed):
    image = np.random.default_rng(seed).normal(1e6, 1, (channels, *labels.shape))
    table = measure(labels, image)
    assert len({len(column) for column in table.values()}) == 1
    np.testing.assert_array_equal(table["label"], np.unique(labels[labels > 0]))
    size = table.get("area_px2", table.get("volume_px3"))
    assert size.sum() == (labels > 0).sum()
    for row, label in enumerate(table["label"]):
        for at in range(channels):
            name = "intensity" if channels == 1 else f"channel_{at}"
            inside = image[at][labels == label]
            for what in ("mean", "min", "max", "std"):
                assert table[f"{name}_{what}"][row] == pytest.approx(getattr(inside, what)(), rel=1e-12, abs=1e-9)


@given(SMALL)
@example(np.array([[1, 2, 1, 2]]))  # nothing is background
def test_how_large_the_ids_are_changes_nothing_else(labels):
    huge = np.array([0, 1, 9, 2**40, 2**63, 2**63 + 1], np.uint64)
    image = np.arange(labels.size, dtype=float).reshape(1, *labels.shape)
    expected, found = measure(labels, image), measure(huge[labels], image)
    np.testing.assert_array_equal(found.pop("label"), huge[expected.pop("label")])
    for name, column in expected.items():
        np.testing.assert_array_equal(found[name], column)


@pytest.mark.parametrize("shape", [(0, 5), (4, 5), (2, 4, 5)])
def test_no_objects_are_a_table_without_rows(shape):
    labels = np.zeros(shape, np.int32)
    some = measure(np.ones((2, 2, 2)[: len(shape)], np.int32), np.ones((2, 2, 2, 2)[: len(shape) + 1]))
    found = measure(labels, np.zeros((2, *shape)))
    assert list(found) == list(some) and all(
        column.shape == (0,) and column.dtype == some[name].dtype for name, column in found.items()
    )


def test_a_mask_is_one_object():
    table, expected = (measure(one, np.ones((1, 60, 70))) for one in (disk() > 0, disk()))
    assert table["label"].tolist() == [1]
    np.testing.assert_array_equal(table["area_px2"], expected["area_px2"])


def test_a_real_image():
    sample = open_sample("nuclei_fluorescence")
    table = measure(sample.truth, np.asarray(sample.image.data)[None], channels=("dapi",))
    assert len(table["label"]) == 124
    assert ((table["dapi_min"] <= table["dapi_mean"]) & (table["dapi_mean"] <= table["dapi_max"])).all()


def test_an_image_that_does_not_fit():
    with pytest.raises(ValueError, match="do not lie"):
        measure(np.zeros((3, 4), int), np.zeros((1, 4, 3)))


@given(arrays(np.int32, (2, 3, 4, 5), elements=st.integers(0, 2)))
def test_a_stack_is_its_planes_one_below_the_other(labels):
    image, read = np.random.default_rng(0).random((2, 3, 1, 4, 5)), list[tuple[int, int]]()

    def pixels(index):
        read.append(index)
        return image[index]

    table = measure_stack(np.ndindex(2, 3), labels.__getitem__, pixels, names="tz", spacing=(2, 1), unit="nanometer")
    assert read == [at for at in np.ndindex(2, 3) if labels[at].any() or at == (0, 0)]
    for at in np.ndindex(2, 3):
        rows = (table["t"] == at[0]) & (table["z"] == at[1])
        for name, values in measure(labels[at], image[at], spacing=(2, 1), unit="nanometer").items():
            np.testing.assert_array_equal(table[name][rows], values)
    assert len(table["t"]) == sum(len(np.unique(plane[plane > 0])) for plane in labels.reshape(-1, 4, 5))


def test_volumes_of_a_movie_have_no_slices_in_their_table():
    labels = np.zeros((2, 3, 4, 5), np.uint8)
    labels[1, :2, 1:3, 1:3] = 4
    index = [(at, slice(None)) for at in range(2)]
    table = measure_stack(index, labels.__getitem__, lambda at: labels[at][None], names="t")
    assert [table[name].tolist() for name in ("t", "label", "volume_px3", "z_px")] == [[1], [4], [8], [0.5]]


def test_what_is_marked_with_a_negative_number_is_no_object():
    labels = np.zeros((8, 9), np.int16)
    labels[1:3, 1:4], labels[5:, 5:] = 4, -1
    table = measure(labels, np.arange(72.0).reshape(1, 8, 9))
    assert table["label"].tolist() == [4]
    assert table["intensity_mean"].tolist() == [np.arange(72.0).reshape(8, 9)[1:3, 1:4].mean()]
