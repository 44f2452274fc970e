"""Cutting images into planes, for any order of axes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_upaint.errors import FileError
from napari_upaint.io.images import Image, planes


@st.composite
def images(draw, letters="TZCSPYX"):
    extra = draw(st.lists(st.sampled_from(letters.replace("Y", "").replace("X", "")), unique=True, max_size=3))
    axes = "".join(draw(st.permutations([*extra, "Y", "X"])))
    shape = tuple(draw(st.integers(1, 4)) for _ in axes)
    data = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    return Image(data, axes)


@given(images())
def test_planes_hold_every_pixel_once_but_transparency(image):
    got = list(planes(image))
    assert len(got) == image.plane_count == int(np.prod(image.leading_shape))
    for index, plane in got:
        assert len(index) == len(image.leading_axes)
        assert plane.shape == (image.channel_count, *image.plane_shape)
    values = np.concatenate([plane.ravel() for _, plane in got])
    opaque = {2: 1, 4: 3}.get(image.length("S"), image.length("S"))
    kept = image.data if "S" not in image.axes else image.data.take(range(opaque), image.axes.index("S"))
    assert sorted(values) == sorted(kept.ravel())


@given(images("TZCPYX"))
def test_a_plane_is_what_slicing_gives(image):
    for index, plane in planes(image):
        at = dict(zip(image.leading_axes, index, strict=True))
        for channel in range(image.length("C")):
            where = at | {"C": channel}
            expected = image.data[tuple(where.get(letter, slice(None)) for letter in image.axes)]
            if image.axes.index("Y") > image.axes.index("X"):
                expected = expected.T
            assert np.array_equal(plane[channel], expected)


def test_colours_and_channels_become_channels_in_order():
    data = np.zeros((2, 5, 6, 3), np.uint8)
    data[1, ..., 2] = 7
    plane = Image(data, "CYXS").plane()
    assert plane.shape == (6, 5, 6)
    assert [channel.max() for channel in plane] == [0, 0, 0, 0, 0, 7]


def test_one_channel_alone_by_name_or_number():
    data = np.arange(6 * 30, dtype=np.uint8).reshape(2, 5, 6, 3)
    colours = Image(data, "CYXS")
    for number in range(1, 7):
        alone = colours.with_channel(str(number))
        assert alone.channel_count == 1
        np.testing.assert_array_equal(alone.plane(), colours.plane()[number - 1 : number])
    dyes = Image(data[..., 0], "CYX", channel_names=("DAPI", "1"))
    assert [dyes.with_channel(name).only for name in ("dapi", "1", "2")] == [0, 1, 1]  # a name comes first
    assert dyes.with_channel("") is dyes
    with pytest.raises(FileError, match=r"has no channel GFP; choose one of 1 to 2 \(DAPI, 1\)"):
        dyes.with_channel("GFP")


def test_one_bit_images_become_numbers():
    plane = Image(np.eye(4, dtype=bool), "YX").plane()
    assert plane.dtype == np.uint8
    assert plane.sum() == 4


@pytest.mark.parametrize("axes", ["Y", "ZX", "YXC", "YY", ""])
def test_axes_must_fit(axes):
    with pytest.raises(FileError, match="axes"):
        Image(np.zeros((4, 4)), axes)


def test_an_index_must_have_a_number_per_leading_axis():
    with pytest.raises(ValueError, match="2 numbers"):
        Image(np.zeros((2, 2, 4, 4)), "TZYX").plane((0,))


def test_spacing_of_a_plane_needs_both_axes():
    image = Image(np.zeros((4, 4)), "YX", {"Y": 0.5})
    assert image.plane_spacing is None
    assert Image(image.data, "YX", {"Y": 0.5, "X": 0.25}).plane_spacing == (0.5, 0.25)
