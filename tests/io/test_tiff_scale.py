"""What TIFFs of different programs say about their scale."""

import numpy as np
import pytest
import tifffile

from napari_upaint.io.images import read_image
from napari_upaint.io.tiff_scale import micrometers, seconds

DATA = np.zeros((3, 2, 8, 6), np.uint16)


def test_imagej_hyperstack(tmp_path):
    told = {"axes": "ZCYX", "spacing": 1.5, "unit": "micron", "finterval": 2.0, "Labels": ["dapi", "gfp"] * 3}
    tifffile.imwrite(tmp_path / "h.tif", DATA, imagej=True, resolution=(4, 2), metadata=told)
    image = read_image(tmp_path / "h.tif")
    assert (image.axes, image.unit, image.channel_names) == ("ZCYX", "micrometer", ("dapi", "gfp"))
    assert image.spacing == {"Z": 1.5, "Y": 0.5, "X": 0.25}


@pytest.mark.parametrize(("unit", "factor"), [("nm", 1e-3), ("mm", 1e3), ("\\u00B5m", 1.0), ("inch", 25400.0)])
def test_imagej_units(tmp_path, unit, factor):
    tifffile.imwrite(tmp_path / "u.tif", DATA[0, 0], imagej=True, resolution=(5000, 5000), metadata={"unit": unit})
    image = read_image(tmp_path / "u.tif")
    assert image.unit == "micrometer"
    assert image.spacing["X"] == pytest.approx(factor / 5000)


@pytest.mark.parametrize("dots", [72, 300])
def test_imagej_inches_of_a_print_are_no_scale(tmp_path, dots):
    told = {"axes": "CYX", "unit": "inch", "Labels": ["dapi", "gfp"]}
    tifffile.imwrite(tmp_path / "i.tif", DATA[0], imagej=True, resolution=(dots, dots), metadata=told)
    image = read_image(tmp_path / "i.tif")
    assert (image.unit, dict(image.spacing), image.channel_names) == ("pixel", {}, ("dapi", "gfp"))


@pytest.mark.parametrize("unit", [None, "pixel", "furlong"])
def test_imagej_without_a_known_unit(tmp_path, unit):
    told = {"axes": "ZYX", "unit": unit, "spacing": 3.0}
    # The ratio of the steps still says something.
    for resolution, plane in ((None, {}), ((4, 2), {"Y": 0.5, "X": 0.25})):
        tifffile.imwrite(tmp_path / "p.tif", DATA[:, 0], imagej=True, resolution=resolution, metadata=told)
        image = read_image(tmp_path / "p.tif")
        assert image.unit == "pixel"
        assert image.spacing == plane | {"Z": 3.0}


@pytest.mark.parametrize(("axes", "names"), [("ZCYX", "abcdef"), ("ZCYX", "aaaaaa"), ("ZYX", "abc"), ("ZYX", "aaa")])
def test_labels_of_imagej_slices_are_no_channel_names(tmp_path, axes, names):
    data = DATA if "C" in axes else DATA[:, 0]
    tifffile.imwrite(tmp_path / "s.tif", data, imagej=True, metadata={"axes": axes, "Labels": list(names)})
    image = read_image(tmp_path / "s.tif")
    assert (image.axes, image.channel_names) == (axes, ())


def test_one_name_for_three_channels_names_none(tmp_path):
    told = {"axes": "YXS", "Channel": {"Name": ["all"]}}
    how = {"photometric": "minisblack", "planarconfig": "contig"}
    tifffile.imwrite(tmp_path / "c.ome.tif", np.zeros((8, 6, 3), np.uint8), metadata=told, **how)
    image = read_image(tmp_path / "c.ome.tif")
    assert (image.axes, image.channel_names) == ("YXC", ())


@pytest.mark.parametrize("spacing", [None, 2.0, [2.0, 1.0, 1.0]])
def test_words_of_imagej_in_a_tiff_that_is_none_are_passed_over(tmp_path, spacing):
    told = {"unit": "um"} if spacing is None else {"unit": "um", "spacing": spacing}
    how = {"photometric": "minisblack", "resolution": (2e4, 1e4), "resolutionunit": 3}
    tifffile.imwrite(tmp_path / "w.tif", DATA[:, 0], metadata=told | {"axes": "ZYX"}, **how)
    image = read_image(tmp_path / "w.tif")
    assert (image.axes, image.unit, image.spacing) == ("ZYX", "micrometer", {"Y": 1.0, "X": 0.5})


def test_lsm(tmp_path):
    told = {"MagicNumber": 0x400494C, "DimensionX": 6, "DimensionY": 8, "DimensionZ": 3, "DimensionChannels": 1}
    told |= {"VoxelSizeX": 1e-7, "VoxelSizeY": 2e-7, "VoxelSizeZ": 5e-7, "TimeIntervall": 3.0, "DimensionTime": 1}
    known = tifffile.TIFF.CZ_LSMINFO[:24]
    info = np.array([tuple(told.get(name, 0) for name, _ in known)], [(name, f"<{kind}") for name, kind in known])
    info["StructureSize"] = info.nbytes
    with tifffile.TiffWriter(tmp_path / "z.lsm") as out:
        for z, plane in enumerate(DATA[:, 0] + np.arange(3, dtype=np.uint16)[:, None, None]):
            tags = [] if z else [(34412, 7, info.nbytes, info.tobytes(), True)]
            out.write(plane, photometric="minisblack", metadata=None, contiguous=False, extratags=tags)
            out.write(plane[::2, ::2].copy(), photometric="minisblack", metadata=None, subfiletype=1)  # a thumbnail
    image = read_image(tmp_path / "z.lsm")
    assert (image.axes, image.unit, np.asarray(image.data)[:, 0, 0].tolist()) == ("ZYX", "micrometer", [0, 1, 2])
    assert image.spacing == pytest.approx({"Z": 0.5, "Y": 0.2, "X": 0.1})


def test_ome(tmp_path):
    told = {
        "axes": "TCYX",
        "PhysicalSizeX": 250.0,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 0.5,
        "PhysicalSizeYUnit": "\u00b5m",
        "TimeIncrement": 2.0,
        "TimeIncrementUnit": "min",
        "Channel": {"Name": ["405", "007"]},
    }
    tifffile.imwrite(tmp_path / "o.ome.tif", DATA, metadata=told)
    image = read_image(tmp_path / "o.ome.tif")
    assert (image.name, image.axes, image.unit) == ("o", "TCYX", "micrometer")
    assert image.channel_names == ("405", "007")
    assert image.spacing == {"T": 120.0, "Y": 0.5, "X": 0.25}


def test_each_of_several_images_has_its_own_size(tmp_path):
    with tifffile.TiffWriter(tmp_path / "m.ome.tif") as out:
        for edge, size in ((8, 9.5), (16, 0.25)):
            told = {f"PhysicalSize{letter}": size for letter in "XY"}
            out.write(np.ones((edge, edge), np.uint8), metadata={"axes": "YX", "Name": "", **told})
    with pytest.warns(UserWarning, match="holds 2 images; the largest, number 2"):
        assert read_image(tmp_path / "m.ome.tif").spacing == {"Y": 0.25, "X": 0.25}


def test_sizes_in_a_unit_that_is_none_still_tell_their_ratio(tmp_path):
    told = {f"PhysicalSize{letter}": size for letter, size in (("X", 1.0), ("Y", 2.0))}
    units = {f"{name}Unit": "reference frame" for name in told}
    tifffile.imwrite(tmp_path / "r.ome.tif", DATA, metadata={"axes": "TCYX", **told, **units})
    image = read_image(tmp_path / "r.ome.tif")
    assert (image.unit, image.spacing) == ("pixel", {"Y": 2.0, "X": 1.0})


@pytest.mark.parametrize("size", ["0", "-1", "nan", "inf", "wide", "1e300", "1e-300"])
def test_nonsense_sizes_are_left_out(tmp_path, size):
    tifffile.imwrite(tmp_path / "o.ome.tif", DATA, metadata={"axes": "TCYX", "PhysicalSizeX": 9.5})
    content = (tmp_path / "o.ome.tif").read_bytes()
    assert b'"9.5"' in content
    (tmp_path / "o.ome.tif").write_bytes(content.replace(b'"9.5"', f'"{size}"'.encode().ljust(5)))
    assert read_image(tmp_path / "o.ome.tif").spacing == {}


def test_print_resolution_is_no_scale(tmp_path):
    for unit, dots in ((2, 72), (2, 300), (3, 118.11)):
        tifffile.imwrite(tmp_path / "p.tif", DATA[0, 0], resolution=(dots, dots), resolutionunit=unit)
        assert read_image(tmp_path / "p.tif").spacing == {}


def test_microscope_resolution_is_a_scale(tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", DATA[0, 0], resolution=(20000, 10000), resolutionunit=3)
    image = read_image(tmp_path / "m.tif")
    assert image.unit == "micrometer"
    assert image.spacing == pytest.approx({"X": 0.5, "Y": 1.0})


def test_units_of_length_and_time():
    assert micrometers("\u03bcm") == micrometers("\u00b5m") == micrometers(" UM ") == 1
    assert micrometers("\u00c5") == micrometers("\u212b") == 1e-4
    assert micrometers("pixel") is micrometers(None) is micrometers("") is None
    for prefix, power in {"": 0, "centi": -2, "milli": -3, "nano": -9, "pico": -12}.items():
        for name in (f"{prefix[:1]}m", f"{prefix}meter", f"{prefix}metre"):
            assert micrometers(name) == pytest.approx(10.0 ** (power + 6))
    assert seconds("ms") == seconds("msec") == 1e-3
    assert seconds("seconds") == seconds("sec") == 1
    assert seconds("min") == seconds("minutes") == 60 == seconds("h") / 60 == seconds("hours") / 60
    assert seconds("pixel") is seconds(None) is None


def test_of_several_images_the_resolution_is_that_of_the_one_that_is_read(tmp_path):
    with tifffile.TiffWriter(tmp_path / "two.tif") as out:
        for size, pixels in ((16, 2500), (64, 40_000)):  # a thumbnail first
            out.write(np.zeros((size, size), np.uint8), resolution=(pixels, pixels), resolutionunit=3)
    with pytest.warns(UserWarning, match="holds 2 images"):
        image = read_image(tmp_path / "two.tif")
    assert image.data.shape == (64, 64)
    assert image.spacing == {"Y": 0.25, "X": 0.25}
