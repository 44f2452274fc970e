"""What napari saves: scale, units and axes survive."""

import numpy as np
import pytest

from napari_upaint._reader import read
from napari_upaint._writer import as_image, axis_letters, write_image, write_labels
from napari_upaint.errors import FileError
from napari_upaint.io.images import read_image

STACK = np.arange(60, dtype=np.int32).reshape(3, 4, 5)
PLACE = {"scale": (2.0, 0.5, 0.25), "units": ("micrometer",) * 3, "axis_labels": ("z", "y", "x"), "name": "a"}


def test_labels(tmp_path):
    assert write_labels(str(tmp_path / "a_labels.tif"), STACK, PLACE) == [str(tmp_path / "a_labels.tif")]
    image = read_image(tmp_path / "a_labels.tif")
    assert np.array_equal(image.data, STACK)
    assert image.axes == "ZYX"
    assert image.unit == "micrometer"
    assert image.spacing == pytest.approx({"Z": 2.0, "Y": 0.5, "X": 0.25})


@pytest.mark.parametrize(
    ("axes", "shape", "stored"),
    [(None, (2, 2, 3, 4, 5), "TZCYX"), (("c", "y", "x"), (2, 4, 5), "CYX"), (("x", "y", "z"), (5, 4, 3), "ZYX")],
)
def test_labels_have_any_axes_that_an_image_has(axes, shape, stored, tmp_path):
    """New labels of an image whose channels are one layer have an axis for them, too."""
    labels = np.arange(np.prod(shape)).reshape(shape)
    image = read_image(*write_labels(str(tmp_path / "a.tif"), labels, {"axis_labels": axes}))
    given = axis_letters(axes, len(shape))
    assert image.axes == stored
    assert np.array_equal(image.data, labels.transpose([given.index(letter) for letter in stored]))


def test_other_units_become_micrometers(tmp_path):
    place = PLACE | {
        "scale": (30.0, 250.0, 500.0),
        "units": ("second", "nm", "nanometer"),
        "axis_labels": ("t", "y", "x"),
    }
    image = as_image(STACK, place)
    assert image.spacing == {"T": 30.0, "Y": 0.25, "X": 0.5}


def test_a_mirrored_layer_keeps_the_size_of_its_pixels():
    assert as_image(STACK, PLACE | {"scale": (-2.0, 0.5, -0.25)}).spacing == {"Z": 2.0, "Y": 0.5, "X": 0.25}


@pytest.mark.parametrize("units", [("pixel",) * 3, None, ("candela",) * 3])
def test_pixels_stay_pixels(units):
    image = as_image(STACK, {"scale": (3.0, 1.0, 1.0), "units": units})
    assert image.unit == "pixel"
    assert image.spacing == {"Z": 3.0}


def test_layers_without_anything():
    image = as_image(STACK, {})
    assert (image.axes, dict(image.spacing), image.unit) == ("ZYX", {}, "pixel")


@pytest.mark.parametrize(
    ("labels", "ndim", "axes"),
    [
        (("-2", "-1"), 2, "YX"),
        (("t", "y", "x"), 3, "TYX"),
        (("time", "Depth", "y", "x"), 4, "TZYX"),
        (("y", "y", "x"), 3, "ZYX"),
        (("a", "b", "c"), 3, "ZYX"),
        (("y", "x"), 3, "ZYX"),
        (None, 4, "TZYX"),
        (None, 5, "TCZYX"),
        (None, 7, "PQTCZYX"),
    ],
)
def test_letters_of_axes(labels, ndim, axes):
    assert axis_letters(labels, ndim) == axes


@pytest.mark.parametrize("ndim", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("rgb", [False, True])
def test_images_of_any_number_of_axes(tmp_path, ndim, rgb):
    data = np.random.default_rng(0).integers(0, 9, (2,) * (ndim - 2) + (4, 5) + (3,) * rgb, np.uint8)
    [path] = write_image(str(tmp_path / "a.tif"), data, {"rgb": rgb})
    back = read_image(path)
    assert sorted(back.data.ravel()) == sorted(data.ravel())
    assert back.axes.endswith("S") == rgb


def test_lazy_data_and_pyramids(tmp_path):
    dask = pytest.importorskip("dask.array")
    data = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    for given in (dask.from_array(data, chunks=(1, 4, 5)), [data, data[:, ::2, ::2]]):
        [path] = write_image(str(tmp_path / "a.tif"), given, PLACE)
        assert np.array_equal(read_image(path).data, data)


@pytest.mark.parametrize("kind", ["Image", "Labels"])
def test_the_full_resolution_of_a_multiscale_layer(tmp_path, kind):
    napari = pytest.importorskip("napari")
    layer = getattr(napari.layers, kind)([STACK, STACK[:, ::2, ::2]], multiscale=True, **PLACE)
    data, meta, _ = layer.as_layer_data_tuple()
    write = write_image if kind == "Image" else write_labels
    [path] = write(str(tmp_path / "a.tif"), data, meta)
    back = read_image(path)
    assert np.array_equal(back.data, STACK)
    assert back.spacing == pytest.approx({"Z": 2.0, "Y": 0.5, "X": 0.25})


def test_a_layer_comes_back_as_it_was(tmp_path):
    napari = pytest.importorskip("napari")
    layer = napari.layers.Labels(STACK, **PLACE)
    data, meta, kind = layer.as_layer_data_tuple()
    assert kind == "labels"
    [path] = write_labels(str(tmp_path / "b_labels.tif"), data, meta)
    [(data, options, kind)] = read(path)
    back = napari.layers.Labels(data, **options)
    assert kind == "labels"
    assert tuple(back.scale) == pytest.approx(tuple(layer.scale))
    assert back.units == layer.units
    assert back.axis_labels == layer.axis_labels
    assert np.array_equal(back.data, layer.data)


def test_folders_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="Cannot write"):
        write_labels(str(tmp_path / "file" / "a.tif"), STACK, PLACE)
