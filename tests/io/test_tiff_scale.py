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
    tifffile.imwrite(
        tmp_path / "p.tif", DATA[:, 0], imagej=True, metadata={"axes": "ZYX", "unit": unit, "spacing": 3.0}
    )
    image = read_image(tmp_path / "p.tif")
    assert image.unit == "pixel"
    assert image.spacing == {"Z": 3.0}  # the ratio of the steps still says something


def test_labels_of_imagej_slices_are_no_channel_names(tmp_path):
    labels = [f"slice {at}" for at in range(6)]
    tifffile.imwrite(tmp_path / "s.tif", DATA, imagej=True, metadata={"axes": "ZCYX", "Labels": labels})
    assert read_image(tmp_path / "s.tif").channel_names == ()


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
    assert seconds("ms") == 1e-3
    assert seconds("seconds") == 1
    assert seconds("pixel") is seconds(None) is None
