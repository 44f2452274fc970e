"""Which image of a TIFF is read, whole or not at all, and what its axes are."""

import numpy as np
import pytest
import tifffile

from napari_upaint.errors import FileError
from napari_upaint.io.images import planes, read_image
from napari_upaint.io.tiff import known_axes

RNG = np.random.default_rng(0)
STACK = RNG.integers(0, 60000, (10, 16, 20)).astype(np.uint16)
LAZY = pytest.mark.parametrize("lazy_from", [0, 2**30], ids=["lazy", "loaded"])
NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


@pytest.mark.parametrize(
    ("axes", "named"),
    [
        ("YX", "YX"),
        ("QYX", "ZYX"),
        ("IYXS", "ZYXS"),
        ("QQYX", "TZYX"),
        ("QQQYX", "PTZYX"),
        ("IZYX", "TZYX"),
        ("QTZYX", "PTZYX"),
    ],
)
def test_unnamed_axes_get_names(axes, named):
    assert known_axes(axes) == named


@pytest.mark.parametrize("shape", [(5, 8, 6), (2, 5, 8, 6), (2, 2, 5, 8, 6)])
def test_plain_stacks(tmp_path, shape):
    tifffile.imwrite(tmp_path / "p.tif", np.zeros(shape, np.uint8), photometric="minisblack")
    assert read_image(tmp_path / "p.tif").axes == "PTZYX"[-len(shape) :]
    tifffile.imwrite(tmp_path / "p.tif", np.zeros(shape, np.uint8), photometric="minisblack", metadata=None)
    assert read_image(tmp_path / "p.tif").axes == "ZYX"


# ---- OME-TIFFs of several files ----


def _plane(name, number, time=0):
    uuid = f'<UUID FileName="{name}">urn:uuid:{number:08}-0000-0000-0000-000000000000</UUID>'
    return f'<TiffData FirstC="0" FirstT="{time}" FirstZ="0" IFD="0" PlaneCount="1">{uuid}</TiffData>'


def _image(number, times, parts):
    size = f'SizeX="20" SizeY="16" SizeZ="1" SizeC="1" SizeT="{times}" PhysicalSizeX="{number + 1}"'
    return (
        f'<Image ID="Image:{number}" Name="Pos{number}"><Pixels ID="Pixels:{number}" DimensionOrder="XYZCT"'
        f' Type="uint16" {size} PhysicalSizeY="1"><Channel ID="Channel:{number}:0" SamplesPerPixel="1"/>'
        f"{parts}</Pixels></Image>"
    )


def _write_parts(folder, names, images, **options):
    """Write a plane into each file, and into all of them the same header."""
    for number, name in enumerate(names):
        uuid = f"urn:uuid:{number:08}-0000-0000-0000-000000000000"
        header = f'<?xml version="1.0"?><OME xmlns="{NAMESPACE}" UUID="{uuid}">{images}</OME>'
        tifffile.imwrite(folder / name, STACK[number], description=header, metadata=None, **options)


@LAZY
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_of_positions_in_files_of_their_own_each_file_gives_its_own(tmp_path, compression, lazy_from):
    names = [f"pos{number}.ome.tif" for number in range(3)]
    images = "".join(_image(number, 1, _plane(name, number)) for number, name in enumerate(names))
    _write_parts(tmp_path, names, images, compression=compression)
    for number, name in enumerate(names):
        image = read_image(tmp_path / name, lazy_from=lazy_from)
        assert np.array_equal(image.data, STACK[number])
        assert image.spacing == {"Y": 1.0, "X": number + 1.0}


def test_the_scale_is_that_of_the_position_where_others_are_missing(tmp_path):
    names = [f"pos{number}.ome.tif" for number in range(3)]
    images = "".join(_image(number, 1, _plane(name, number)) for number, name in enumerate(names))
    _write_parts(tmp_path, names, images)
    (tmp_path / names[0]).unlink()
    image = read_image(tmp_path / names[2])
    assert np.array_equal(image.data, STACK[2])
    assert image.spacing["X"] == 3


@LAZY
def test_a_time_series_in_several_files_is_one_image_and_a_missing_file_is_named(tmp_path, lazy_from):
    names = [f"t{time}.ome.tif" for time in range(3)]
    _write_parts(tmp_path, names, _image(0, 3, "".join(_plane(name, t, t) for t, name in enumerate(names))))
    image = read_image(tmp_path / names[1], lazy_from=lazy_from)
    assert image.axes == "TYX"
    assert np.array_equal(image.data, STACK[:3])
    (tmp_path / names[0]).rename(tmp_path / "renamed.ome.tif")
    assert read_image(tmp_path / "renamed.ome.tif", lazy_from=lazy_from).plane_count == 3
    (tmp_path / names[1]).unlink()
    with pytest.raises(FileError, match=r"t1\.ome\.tif is not beside it \(1 of 2 other parts are missing\)"):
        read_image(tmp_path / "renamed.ome.tif", lazy_from=lazy_from)


def test_a_stopped_scan_is_read_with_a_warning(tmp_path):
    header = f'<?xml version="1.0"?><OME xmlns="{NAMESPACE}">{_image(0, 3, "<TiffData/>")}</OME>'
    tifffile.imwrite(tmp_path / "s.ome.tif", STACK[0], description=header, metadata=None)
    with pytest.warns(UserWarning, match=r"s\.ome\.tif lacks 2 of 3 planes; they are black"):
        image = read_image(tmp_path / "s.ome.tif")
    assert [plane.any() for _, plane in planes(image)] == [True, False, False]


def test_a_header_with_more_planes_than_there_can_be_is_refused_before_they_are_listed(tmp_path, monkeypatch):
    """300 letters for a file, and 20 GB of memory for the list of its planes."""
    sizes = 'SizeX="20" SizeY="16" SizeZ="50000" SizeC="1" SizeT="50000"'
    pixels = f'<Pixels DimensionOrder="XYZCT" Type="uint16" {sizes}><TiffData/></Pixels>'
    header = f'<?xml version="1.0"?><OME xmlns="{NAMESPACE}"><Image>{pixels}</Image></OME>'
    tifffile.imwrite(tmp_path / "s.ome.tif", STACK[0], description=header, metadata=None)
    monkeypatch.setattr(tifffile.TiffFile, "series", property(lambda _: pytest.fail("they are listed")))
    with pytest.raises(FileError, match=r"s\.ome\.tif claims to hold 2500000000 planes"):
        read_image(tmp_path / "s.ome.tif")


# ---- files that were cut short ----


@LAZY
def test_a_file_whose_list_of_images_was_at_its_lost_end_is_refused(tmp_path, lazy_from):
    """The sentence was 'max() arg is an empty sequence'."""
    path = tmp_path / "end.tif"
    path.write_bytes(b"II*\0" + (20_000).to_bytes(4, "little") + bytes(9_000))
    with pytest.raises(FileError, match=r"end.tif cannot be read as an image \(the list of its images is missing, as"):
        read_image(path, lazy_from=lazy_from)


@LAZY
def test_a_fiji_stack_that_was_cut_short_is_refused(tmp_path, lazy_from):
    path = tmp_path / "fiji.tif"
    tifffile.imwrite(path, STACK, imagej=True)
    content = path.read_bytes()
    path.write_bytes(content[: -STACK[0].nbytes * 5])
    with pytest.raises(FileError, match=r"fiji\.tif holds 1 of 10 planes; it was cut short, copy it again"):
        read_image(path, lazy_from=lazy_from)


@LAZY
def test_a_stack_of_compressed_planes_that_was_cut_short_is_refused(tmp_path, lazy_from):
    path = tmp_path / "plain.tif"
    tifffile.imwrite(path, STACK, compression="zlib")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(FileError, match="holds 1 of 10 planes; it was cut short"):
        read_image(path, lazy_from=lazy_from)


@LAZY
@pytest.mark.parametrize("name", ["pages.tif", "pages.ome.tif", "big.tif"])
def test_pages_behind_the_end_of_a_file_are_missed(tmp_path, name, lazy_from):
    """Nothing says how many there were: the description of an OME-TIFF is at its end."""
    if "ome" in name:
        tifffile.imwrite(tmp_path / name, STACK, metadata={"axes": "ZYX"})
    else:
        with tifffile.TiffWriter(tmp_path / name, bigtiff=name == "big.tif") as out:
            for plane in STACK:
                out.write(plane, metadata=None, contiguous=False)
    assert read_image(tmp_path / name, lazy_from=lazy_from).data.shape == STACK.shape
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(FileError, match="refers to a page beyond its end; it was cut short, copy it again"):
        read_image(tmp_path / name, lazy_from=lazy_from)


@pytest.mark.parametrize(
    ("axes", "shape"),
    [("YX", (8, 8)), ("CYX", (3, 8, 8)), ("YXS", (8, 8, 3)), ("ZYXS", (4, 8, 8, 3)), ("TZCYX", (2, 3, 2, 8, 8))],
)
@pytest.mark.parametrize("imagej", [True, False], ids=["imagej", "plain"])
def test_whole_stacks_are_not_refused(tmp_path, axes, shape, imagej):
    told = {"imagej": imagej, "photometric": "rgb" if "S" in axes else "minisblack", "metadata": {"axes": axes}}
    tifffile.imwrite(tmp_path / "w.tif", np.zeros(shape, np.uint8), **told)
    assert read_image(tmp_path / "w.tif").data.shape == shape


# ---- files of several images ----


@LAZY
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_planes_that_were_written_in_a_loop_are_a_stack(tmp_path, compression, lazy_from):
    with tifffile.TiffWriter(tmp_path / "loop.tif") as out:
        for plane in STACK[:5]:
            out.write(plane, compression=compression)
    image = read_image(tmp_path / "loop.tif", lazy_from=lazy_from)
    assert image.axes == "ZYX"
    assert np.array_equal(image.data, STACK[:5])


@LAZY
def test_of_several_images_the_largest_is_read_and_that_is_said(tmp_path, lazy_from):
    with tifffile.TiffWriter(tmp_path / "two.tif") as out:
        out.write(STACK[0, :8, :8])
        out.write(STACK[1])
    with pytest.warns(UserWarning, match=r"two\.tif holds 2 images; the largest, number 2 \(16 x 20\), was opened"):
        image = read_image(tmp_path / "two.tif", lazy_from=lazy_from)
    assert np.array_equal(image.data, STACK[1])


@pytest.mark.parametrize("axes", ["ZYX", "YX"])
def test_of_equal_images_of_an_ome_tiff_the_first_is_read_with_its_scale(tmp_path, axes):
    images = [STACK[number : number + 2] if "Z" in axes else STACK[number] for number in range(3)]
    with tifffile.TiffWriter(tmp_path / "three.ome.tif") as out:
        for number, data in enumerate(images, start=1):
            out.write(data, metadata={"axes": axes, "PhysicalSizeX": float(number)})
    with pytest.warns(UserWarning, match="holds 3 images; the largest, number 1"):
        image = read_image(tmp_path / "three.ome.tif")
    assert np.array_equal(image.data, images[0])
    assert image.spacing["X"] == 1


def test_thumbnails_are_not_worth_a_word(tmp_path):
    with tifffile.TiffWriter(tmp_path / "t.tif") as out:
        out.write(STACK[0], metadata=None)
        out.write(STACK[0, ::4, ::4].copy(), metadata=None, subfiletype=1)
    assert np.array_equal(read_image(tmp_path / "t.tif").data, STACK[0])


# ---- samples that are channels ----


@LAZY
@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize(("planar", "axes"), [("separate", "CYX"), ("contig", "YXC")])
def test_samples_of_gray_values_are_channels(tmp_path, count, planar, axes, lazy_from):
    data = STACK[:count] if planar == "separate" else np.moveaxis(STACK[:count], 0, -1)
    tifffile.imwrite(tmp_path / "c.tif", data, photometric="minisblack", planarconfig=planar)
    image = read_image(tmp_path / "c.tif", lazy_from=lazy_from)
    assert (image.axes, image.channel_count) == (axes, count)
    assert np.array_equal(image.plane(), STACK[:count])


def test_samples_beside_channels_are_channels_too(tmp_path):
    data = STACK[:6].reshape(2, 3, *STACK.shape[1:])
    how = {"photometric": "minisblack", "planarconfig": "contig", "metadata": {"axes": "CYXS"}}
    tifffile.imwrite(tmp_path / "b.tif", np.moveaxis(data, 1, -1), **how)
    assert np.array_equal(read_image(tmp_path / "b.tif").plane(), STACK[:6])


@pytest.mark.parametrize("alpha", ["assocalpha", "unassalpha"])
def test_transparency_is_no_channel(tmp_path, alpha):
    data = np.moveaxis(STACK[:2], 0, -1)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="minisblack", planarconfig="contig", extrasamples=[alpha])
    assert (read_image(tmp_path / "a.tif").axes, read_image(tmp_path / "a.tif").channel_count) == ("YXS", 1)


@pytest.mark.parametrize("count", [3, 4])
def test_colours_stay_colours(tmp_path, count):
    data = RNG.integers(0, 255, (16, 16, count)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "r.tif", data, photometric="rgb")
    assert (read_image(tmp_path / "r.tif").axes, read_image(tmp_path / "r.tif").channel_count) == ("YXS", 3)
    tifffile.imwrite(tmp_path / "j.tif", data[..., :3], photometric="rgb", compression="jpeg")  # stored as YCbCr
    assert read_image(tmp_path / "j.tif").axes == "YXS"
