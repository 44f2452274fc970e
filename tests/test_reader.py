"""What napari gets from files: layers with scale, units, axis labels and channel names."""

import os
import pickle

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from napari_upaint._reader import get_reader, read
from napari_upaint.errors import FileError, ImageError
from napari_upaint.io.images import Image, write_image

RNG = np.random.default_rng(0)


def _write(folder, axes, shape, name="a", dtype=np.uint8, **options):
    data = RNG.integers(0, 200, shape).astype(dtype)
    return str(write_image(folder / f"{name}.tif", Image(data, axes, **options))), data


def _layers(path):
    """Build the layers as the viewer does, without a window."""
    pytest.importorskip("napari")
    from napari.components import ViewerModel

    viewer = ViewerModel()
    for data, options, kind in read(path):
        getattr(viewer, f"add_{kind}")(data, **options)
    return list(viewer.layers)


def test_a_stack(tmp_path):
    path, data = _write(tmp_path, "ZYX", (3, 5, 6), spacing={"Z": 2.0, "Y": 0.5, "X": 0.25}, unit="micrometer")
    [layer] = _layers(path)
    assert layer.name == "a"
    assert np.array_equal(layer.data, data)
    assert tuple(layer.scale) == (2.0, 0.5, 0.25)
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 3
    assert layer.axis_labels == ("z", "y", "x")


def test_a_hyperstack_becomes_a_layer_per_channel(tmp_path):
    told = {"spacing": {"T": 3.0, "Y": 0.5, "X": 0.5}, "unit": "micrometer", "channel_names": ("dapi", "gfp")}
    path, data = _write(tmp_path, "TZCYX", (2, 3, 2, 5, 6), **told)
    layers = _layers(path)
    assert [layer.name for layer in layers] == ["a dapi", "a gfp"]
    for at, layer in enumerate(layers):
        assert np.array_equal(layer.data, data[:, :, at])
        assert tuple(layer.scale) == (3.0, 1.0, 0.5, 0.5)
        assert [str(unit) for unit in layer.units] == ["second", "pixel", "micrometer", "micrometer"]
        assert layer.axis_labels == ("t", "z", "y", "x")


def test_channels_without_names(tmp_path):
    path, _ = _write(tmp_path, "CYX", (2, 5, 6))
    assert [layer.name for layer in _layers(path)] == ["a channel 0", "a channel 1"]


@pytest.mark.parametrize(("axes", "shape"), [("YXS", (5, 6, 3)), ("YXS", (5, 6, 4)), ("ZYXS", (2, 5, 6, 3))])
def test_colours(tmp_path, axes, shape):
    path, data = _write(tmp_path, axes, shape)
    [layer] = _layers(path)
    assert layer.rgb
    assert np.array_equal(layer.data, data)
    assert layer.ndim == len(axes) - 1


def test_planar_colours_and_samples_that_are_no_colours(tmp_path):
    tifffile.imwrite(tmp_path / "p.tif", RNG.integers(0, 9, (3, 5, 6), np.uint8), photometric="rgb", planarconfig=2)
    [layer] = _layers(str(tmp_path / "p.tif"))
    assert layer.rgb
    assert layer.data.shape == (5, 6, 3)
    path, data = _write(tmp_path, "YXS", (5, 6, 2))
    layers = _layers(path)
    assert [np.array_equal(layer.data, data[..., at]) for at, layer in enumerate(layers)] == [True, True]


@pytest.mark.parametrize("lazy_from", [0, 2**30], ids=["lazy", "loaded"])
@pytest.mark.parametrize("planar", ["separate", "contig"])
def test_samples_of_gray_values_become_a_layer_each(tmp_path, monkeypatch, planar, lazy_from):
    monkeypatch.setattr("napari_upaint.io.images.LAZY_FROM", lazy_from)
    data = RNG.integers(0, 200, (4, 15, 16)).astype(np.uint16)
    stored = data if planar == "separate" else np.moveaxis(data, 0, -1)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack", planarconfig=planar)
    layers = _layers(str(tmp_path / "a.tif"))
    assert len(layers) == 4
    for layer, expected in zip(layers, data, strict=True):
        assert np.array_equal(np.asarray(layer.data), expected)


@pytest.mark.parametrize("axes", ["ZCYX", "ZYXS", "ZYX", "CYX"])
@pytest.mark.parametrize("compression", ["zlib", None])
def test_large_images_stay_lazy(tmp_path, monkeypatch, axes, compression):
    monkeypatch.setattr("napari_upaint.io.images.LAZY_FROM", 0)
    shape = tuple({"Z": 4, "C": 2, "S": 3}.get(letter, 16) for letter in axes)
    data = RNG.integers(0, 200, shape).astype(np.uint8)
    colour = "rgb" if "S" in axes else "minisblack"
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, data, compression=compression, photometric=colour, metadata={"axes": axes})
    layers = _layers(str(path))
    if compression is None:  # nothing was read yet: what is written now is what is seen
        data += 50
        mapped = tifffile.memmap(path)
        mapped[...] = data.reshape(mapped.shape)
        mapped.flush()
    assert len(layers) == (2 if "C" in axes else 1)
    for at, layer in enumerate(layers):
        assert type(layer.data) is not np.ndarray
        expected = data.take(at, axes.index("C")) if "C" in axes else data
        assert np.array_equal(np.asarray(layer.data), expected)


@pytest.mark.skipif(os.name != "posix", reason="elsewhere nobody can cut an open file short")
@pytest.mark.parametrize("name", ["a", "a_labels"])
def test_a_file_that_is_cut_short_while_it_is_open_does_not_end_the_program(tmp_path, monkeypatch, name):
    monkeypatch.setattr("napari_upaint.io.images.LAZY_FROM", 0)
    monkeypatch.setattr("napari_upaint.engine.memory.available", lambda: 0)
    path = tmp_path / f"{name}.tif"
    tifffile.imwrite(path, RNG.integers(0, 200, (5, 200, 200)).astype(np.uint16), metadata={"axes": "ZYX"})
    [layer] = _layers(str(path))
    assert np.array_equal(np.asarray(pickle.loads(pickle.dumps(layer.data))), np.asarray(layer.data))
    os.truncate(path, 100_000)
    with pytest.raises(OSError, match="cut short"):
        np.asarray(layer.data[4])


@pytest.mark.parametrize("name", ["a_labels", "b_strokes", "c_Annotation", "d_truth", "e_mask", "f_cp_masks"])
def test_labels_are_known_by_their_name(tmp_path, name):
    path, _ = _write(tmp_path, "YX", (5, 6), name=name, dtype=np.uint16, spacing={"Y": 2.0, "X": 2.0})
    [layer] = _layers(path)
    assert type(layer).__name__ == "Labels"
    assert tuple(layer.scale) == (2, 2)


@pytest.mark.parametrize(("compression", "order"), [("zlib", "<"), (None, ">")])
def test_large_labels_can_be_painted_on_where_they_fit_into_memory(tmp_path, monkeypatch, compression, order):
    monkeypatch.setattr("napari_upaint.io.images.LAZY_FROM", 0)
    data = np.zeros((3, 5, 6), np.uint16)
    data[1] = 7
    path = tmp_path / "a_annotation.tif"
    named = {"metadata": {"axes": "ZYX"}, "photometric": "minisblack"}
    tifffile.imwrite(path, data, compression=compression, byteorder=order, **named)
    [layer] = _layers(str(path))
    assert layer.data.dtype.isnative  # napari shows and fills no others
    layer.paint((2, 3, 3), 1)
    data[2] = layer.data[2]
    assert data[2, 3, 3] == 1
    np.testing.assert_array_equal(layer.data, data)
    monkeypatch.setattr("napari_upaint.engine.memory.available", lambda: 2 * data.nbytes - 1)
    [layer] = _layers(str(path))
    assert type(layer.data) is not np.ndarray
    assert layer.data.dtype.isnative
    assert np.array_equal(np.asarray(layer.data[1]), data[1])


@pytest.mark.parametrize("free", [None, 0])
def test_masks_of_one_bit_can_hold_other_labels(tmp_path, monkeypatch, free):
    monkeypatch.setattr("napari_upaint.io.images.LAZY_FROM", 2**30 if free is None else 0)
    monkeypatch.setattr("napari_upaint.engine.memory.available", lambda: free)
    path = tmp_path / "a_labels.tif"
    tifffile.imwrite(path, np.eye(5, 6) > 0)
    [layer] = _layers(str(path))
    layer.brush_size = 1
    layer.paint((4, 0), 200)
    assert np.array_equal(layer.data, np.eye(5, 6) + 200 * np.eye(5, 6, -4))


def test_labels_in_a_palette_of_colours_are_its_numbers(tmp_path):
    labels = np.eye(5, 6, dtype=np.uint8) * 3
    picture = Pillow.fromarray(labels, "P")
    picture.putpalette([0, 0, 0, 9, 9, 200, 0, 99, 0, 255, 0, 0])
    for name in ("a", "a_labels"):
        picture.save(tmp_path / f"{name}.png")
    [layer] = _layers(tmp_path / "a_labels.png")
    assert np.array_equal(layer.data, labels)
    assert _layers(tmp_path / "a.png")[0].rgb


@pytest.mark.parametrize(("shape", "axes"), [((3, 20, 30), "ZYX"), ((4, 20, 30), "ZYX"), ((2, 3, 20, 30), "TZYX")])
def test_three_or_four_planes_of_labels_are_no_colours_as_other_programs_call_them(tmp_path, shape, axes):
    painted = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    as_colours = {"photometric": "rgb", "planarconfig": "separate"}  # what napari and scikit-image take for granted
    tifffile.imwrite(tmp_path / "a_annotation.tif", painted, **as_colours)
    ((data, options, kind),) = read(tmp_path / "a_annotation.tif")
    assert kind == "labels" and options["axis_labels"] == tuple(axes.lower())
    np.testing.assert_array_equal(data, painted)


def test_images_stay_images(tmp_path):
    for options in ({"name": "labels_a"}, {"name": "a_labels", "dtype": np.float32}):
        path, _ = _write(tmp_path, "YX", (5, 6), **options)
        assert read(path)[0][2] == "image"


@pytest.mark.parametrize("axes", ["YXZ", "YZX", "XYZ", "XZY"])
@pytest.mark.parametrize("lazy_from", [1, 2**30])
def test_planes_lie_along_the_last_two_axes(tmp_path, monkeypatch, axes, lazy_from):
    monkeypatch.setattr("napari_upaint.io.images.LAZY_FROM", lazy_from)
    stack = np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6)
    stored = stack.transpose(["ZYX".index(letter) for letter in axes])
    spacing = {"Z": 2.0, "Y": 0.5, "X": 0.25}
    for name in ("odd", "odd_labels"):
        notes = {"axes": axes, "unit": "micrometer", "spacing": spacing}
        tifffile.imwrite(tmp_path / f"{name}.tif", stored, photometric="minisblack", metadata=notes)
        [(data, options, _)] = read(tmp_path / f"{name}.tif")
        np.testing.assert_array_equal(data, stack)
        assert (options["axis_labels"], options["scale"]) == (("z", "y", "x"), (2.0, 0.5, 0.25))


def test_what_the_reader_takes(tmp_path):
    path, _ = _write(tmp_path, "YX", (5, 6))
    assert get_reader(path) is read
    assert get_reader(tmp_path / "a.TIFF") is read
    assert get_reader("a.czi") is None
    assert get_reader([path, path]) is None
    (tmp_path / "folder.tif").mkdir()
    assert get_reader(tmp_path / "folder.tif") is None


def test_damaged_files_end_in_a_sentence(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"nothing")
    with pytest.raises(FileError, match="cannot be read"):
        read(str(tmp_path / "a.tif"))


def test_large_labels_that_are_damaged_end_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_upaint.io.images.LAZY_FROM", 0)
    path, _ = _write(tmp_path, "ZYX", (3, 50, 60), name="a_labels")
    content = bytearray((tmp_path / "a_labels.tif").read_bytes())
    with tifffile.TiffFile(path) as tiff:
        start = tiff.pages[2].dataoffsets[0]
    content[start : start + 40] = bytes(40)
    (tmp_path / "a_labels.tif").write_bytes(content)
    with pytest.raises(ImageError, match=r"Plane Z=2 of a_labels \(the first is 0\) cannot be read"):
        read(path)


def test_one_bright_cell_does_not_darken_the_others(tmp_path):
    data = RNG.integers(10, 100, (2, 200, 200)).astype(np.uint16)
    data[:, 5:9, 5:9] = 60_000
    path = str(write_image(tmp_path / "a.tif", Image(data, "CYX")))
    for layer in _layers(path):
        low, high = layer.contrast_limits
        assert 9 <= low < 20
        assert 90 < high <= 100
    path = str(write_image(tmp_path / "b.tif", Image(data[0].astype(np.float32), "YX")))
    assert _layers(path)[0].contrast_limits[1] <= 100


@pytest.mark.parametrize("value", [5, np.nan])
def test_an_image_without_contrast_opens(tmp_path, value):
    path = str(write_image(tmp_path / "a.tif", Image(np.full((20, 30), value, np.float32), "YX")))
    assert len(_layers(path)) == 1
