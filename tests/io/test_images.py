"""Finding and reading files: every compression, every fault."""

import errno
import gc
import os
import warnings
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from skimage.io import imsave

from napari_upaint.errors import FileError, ImageError
from napari_upaint.io.file_names import plain_name
from napari_upaint.io.images import list_images, planes, read_image

RNG = np.random.default_rng(0)
SMOOTH = (np.add.outer(np.arange(48), np.arange(64)) % 251).astype(np.uint8)
COMPRESSIONS = ["zlib", "lzw", "zstd", "lzma", "packbits", "jpeg", "webp", "jpeg2000", None]


@pytest.mark.parametrize("lazy_from", [0, 2**30], ids=["lazy", "loaded"])
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_compression(tmp_path, compression, lazy_from):
    path = tmp_path / "image.tif"
    stack = np.stack([SMOOTH, SMOOTH // 2, SMOOTH // 3])
    lossless = {"webp": {"lossless": True}, "jpeg2000": {"reversible": True, "level": 0}}.get(compression, {})
    colour = compression == "webp"
    data = np.stack([stack] * 3, -1) if colour else stack
    kind = "rgb" if colour else "minisblack"
    tifffile.imwrite(path, data, compression=compression, compressionargs=lossless, photometric=kind, tile=(16, 16))
    image = read_image(path, lazy_from=lazy_from)
    assert image.data.shape == data.shape
    assert image.plane_count == 3
    for (at,), plane in planes(image):
        difference = np.abs(plane.astype(int) - stack[at].astype(int))
        assert difference.max() <= (40 if compression == "jpeg" else 0)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4", "i4", "f2", "f4", "f8"])
@pytest.mark.parametrize("lazy_from", [0, 2**30], ids=["lazy", "loaded"])
def test_every_dtype_and_byte_order(tmp_path, order, bigtiff, dtype, lazy_from):
    data = RNG.integers(0, 100, (2, 9, 7)).astype(dtype)
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, data, byteorder=order, bigtiff=bigtiff, photometric="minisblack")
    image = read_image(path, lazy_from=lazy_from)
    assert np.array_equal([plane[0] for _, plane in planes(image)], data)


@pytest.mark.parametrize("compression", ["zlib", None])
def test_lazy_images_close_their_file_with_the_last_reference(tmp_path, compression):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, np.stack([SMOOTH] * 4), compression=compression, photometric="minisblack")
    image = read_image(path, lazy_from=0)
    assert type(image.data) is not np.ndarray
    assert np.array_equal(image.plane((2,))[0], SMOOTH)
    del image
    gc.collect()
    opened = Path("/proc/self/fd")
    if opened.is_dir():  # others, of a loop of events, stay open with the first array of Zarr
        assert path not in [one.resolve() for one in opened.iterdir()]
        assert str(path) not in Path("/proc/self/maps").read_text()


def test_an_image_on_a_drive_whose_files_cannot_be_mapped(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.ENODEV, "No such device")

    path = tmp_path / "image.tif"
    tifffile.imwrite(path, np.stack([SMOOTH] * 4), photometric="minisblack")
    monkeypatch.setattr(np, "memmap", refuse)
    image = read_image(path, lazy_from=0)
    assert type(image.data) is not np.ndarray
    assert np.array_equal(image.plane((2,))[0], SMOOTH)


def test_a_lazy_image_reads_only_what_is_asked_for(tmp_path, monkeypatch):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, np.stack([SMOOTH] * 50), compression="zlib", photometric="minisblack")
    image = read_image(path, lazy_from=0)
    read = []
    whole = tifffile.FileHandle.read
    monkeypatch.setattr(tifffile.FileHandle, "read", lambda self, *a: read.append(1) or whole(self, *a))
    image.plane((25,))
    assert len(read) < 10


def test_pyramids_are_read_at_full_resolution(tmp_path):
    path = tmp_path / "pyramid.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as out:
        out.write(SMOOTH, subifds=1, tile=(16, 16), metadata={"axes": "YX"})
        out.write(SMOOTH[::2, ::2], tile=(16, 16), subfiletype=1)
    for lazy_from in (0, 2**30):
        assert np.array_equal(read_image(path, lazy_from=lazy_from).plane()[0], SMOOTH)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".bmp", ".PNG"])
@pytest.mark.parametrize("colours", [0, 3])
def test_pictures(tmp_path, suffix, colours):
    path = tmp_path / f"picture{suffix}"
    data = np.stack([SMOOTH] * colours, -1) if colours else SMOOTH
    imsave(path, data, check_contrast=False)
    image = read_image(path)
    assert image.axes == ("YXS" if colours else "YX")
    assert np.abs(image.plane()[0].astype(int) - SMOOTH).max() <= (60 if "j" in suffix else 0)


def test_png_of_16_bit_and_with_transparency(tmp_path):
    imsave(tmp_path / "deep.png", SMOOTH.astype(np.uint16) * 200, check_contrast=False)
    assert read_image(tmp_path / "deep.png").data.max() == int(SMOOTH.max()) * 200
    imsave(tmp_path / "rgba.png", np.stack([SMOOTH] * 4, -1), check_contrast=False)
    assert read_image(tmp_path / "rgba.png").channel_count == 3


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_labels_in_a_palette_are_its_numbers_and_images_its_colours(tmp_path, bits):
    labels = (SMOOTH.astype(int) % min(2**bits, 200)).astype(np.uint8)
    picture = Pillow.fromarray(labels, "P")
    picture.putpalette([*range(0, 255, 3), *range(255, 0, -5)][: 3 * 2**bits])
    picture.save(tmp_path / "a.png", bits=bits)
    assert np.array_equal(read_image(tmp_path / "a.png", labels=True).plane(), labels[None])
    assert read_image(tmp_path / "a.png").channel_count == 3
    imagecodecs.imwrite(tmp_path / "gray.png", labels)
    assert np.array_equal(read_image(tmp_path / "gray.png", labels=True).plane(), labels[None])
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:60])
    with pytest.raises(FileError, match="cannot be read as an image"):
        read_image(tmp_path / "cut.png", labels=True)


def test_labels_in_a_jpeg_are_refused(tmp_path):
    """Between 0 and 255 it has dozens of other numbers, and each was an object."""
    path = tmp_path / "mask.jpg"
    Pillow.fromarray(np.kron(np.eye(9, dtype=np.uint8), np.full((7, 7), 255, np.uint8))).save(path)
    assert read_image(path).channel_count == 1
    with pytest.raises(FileError, match=r"mask\.jpg is a JPEG, .* PNG or TIFF\.$"):
        read_image(path, labels=True)


def test_a_bmp_that_says_it_is_larger_than_it_is_does_not_end_the_program(tmp_path):
    path = tmp_path / "a.bmp"
    imsave(path, np.stack([SMOOTH] * 3, -1), check_contrast=False)
    content = bytearray(path.read_bytes())
    content[22:26] = (-20_000).to_bytes(4, "little", signed=True)  # its height; less than 0: the first row comes first
    path.write_bytes(content)
    with pytest.raises(FileError, match="cannot be read as an image"):
        read_image(path)


def test_colours_of_16_bit_stay_16_bit(tmp_path):
    data = RNG.integers(0, 2**16, (6, 5, 3), np.uint16)
    imagecodecs.imwrite(tmp_path / "deep.png", data)
    assert np.array_equal(read_image(tmp_path / "deep.png").data, data)


@pytest.mark.skipif(os.name != "posix", reason="elsewhere nobody can cut an open file short")
def test_a_file_that_is_cut_short_while_it_is_read_does_not_end_the_program(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, RNG.integers(0, 200, (5, 200, 200)).astype(np.uint16), metadata={"axes": "ZYX"})
    image = read_image(path, lazy_from=0)
    assert np.array_equal(np.asarray(image.data)[4], image.plane((4,))[0])
    os.truncate(path, 100_000)
    with pytest.raises(ImageError, match=r"Plane Z=4 of a \(the first is 0\) cannot be read \(the file was cut short"):
        image.plane((4,))


def test_a_wrong_ending_does_not_matter(tmp_path):
    imagecodecs.imwrite(tmp_path / "a.png", SMOOTH)
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    assert np.array_equal(read_image(tmp_path / "a.jpg").data, SMOOTH)
    tifffile.imwrite(tmp_path / "b.png", SMOOTH)
    assert np.array_equal(read_image(tmp_path / "b.png").data, SMOOTH)


def test_one_bit_tiff(tmp_path):
    tifffile.imwrite(tmp_path / "mask.tif", SMOOTH > 100)
    assert np.array_equal(read_image(tmp_path / "mask.tif").plane()[0], SMOOTH > 100)


# ---- faults: each one is a FileError, and one sentence ----


def _sentence(path, **options):
    with pytest.raises(FileError) as caught:
        read_image(path, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert path.name in text
    return text


def test_what_is_not_there(tmp_path):
    assert "no file" in _sentence(tmp_path / "missing.tif")
    assert "folder" in _sentence(tmp_path)


@pytest.mark.parametrize("suffix", [".tif", ".png", ".lsm", ""])
@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"II*\0", b"II*\0\x08\0\0\0", b"\x89PNG\r\n\x1a\n", b"BMhello", b"\xff\xd8\xff\xe0", b"\0" * 4000],
)
def test_what_is_no_image(tmp_path, suffix, content):
    path = tmp_path / f"file{suffix}"
    path.write_bytes(content)
    assert ("empty" if not content else "cannot be read") in _sentence(path)


def test_a_jpeg_for_printing_has_its_colours(tmp_path):
    """Its fourth channel is black, not transparency: where colours are printed with it, they are dark."""
    inks = np.zeros((32, 32, 4), np.uint8)
    inks[:16] = (0, 0, 0, 200)
    inks[16:] = (0, 255, 255, 0)
    Pillow.fromarray(inks, "CMYK").save(tmp_path / "figure.jpg", quality=95)
    image = read_image(tmp_path / "figure.jpg")
    assert image.data.shape == (32, 32, 3)
    assert np.allclose(image.data[4, 4], 55, atol=4)
    assert np.allclose(image.data[28, 4], (255, 0, 0), atol=4)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_half_a_picture_is_refused(tmp_path, suffix):
    encode = {".png": imagecodecs.png_encode, ".jpg": imagecodecs.jpeg_encode, ".bmp": imagecodecs.bmp_encode}[suffix]
    content = encode(RNG.integers(0, 255, (99, 99), np.uint8))
    (tmp_path / f"half{suffix}").write_bytes(content[: len(content) // 2])
    with pytest.raises(FileError, match=f"half{suffix}"):
        read_image(tmp_path / f"half{suffix}")


@given(cut=st.integers(1, 3000), lazy_from=st.sampled_from([0, 2**30]))
def test_truncated_files_never_end_in_another_error(tmp_path_factory, cut, lazy_from):
    path = tmp_path_factory.mktemp("cut") / "image.tif"
    tifffile.imwrite(path, RNG.integers(0, 255, (3, 30, 30), np.uint8), imagej=True, metadata={"axes": "ZYX"})
    path.write_bytes(path.read_bytes()[:-cut])
    _read_or_refuse(path, lazy_from)


@given(at=st.integers(0, 400), value=st.integers(0, 255), ome=st.booleans())
def test_flipped_bytes_never_end_in_another_error(tmp_path_factory, at, value, ome):
    path = tmp_path_factory.mktemp("flipped") / "image.tif"
    tifffile.imwrite(path, SMOOTH[:12, :12], ome=ome, compression="zlib", metadata={"axes": "YX", "PhysicalSizeX": 0.5})
    content = bytearray(path.read_bytes())
    content[at % len(content)] = value
    path.write_bytes(content)
    _read_or_refuse(path, 2**30)


def _read_or_refuse(path, lazy_from):
    # tifffile warns of what it mends.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = read_image(path, lazy_from=lazy_from)
        except FileError:
            return
    assert image.data.ndim == len(image.axes)
    assert image.plane_count >= 1


def test_complex_numbers_are_no_gray_values(tmp_path):
    tifffile.imwrite(tmp_path / "c.tif", np.zeros((4, 4), np.complex64))
    assert "gray values" in _sentence(tmp_path / "c.tif")


def test_files_of_a_drive_that_is_away(away):
    with pytest.raises(FileError, match=r"a.tif cannot be read as an image .Transport endpoint is not connected.;"):
        read_image(away / "a.tif")
    with pytest.raises(FileError, match="There is no file or folder"):
        list_images(away)


def test_a_file_that_may_not_be_read(tmp_path):
    path = tmp_path / "secret.tif"
    tifffile.imwrite(path, SMOOTH)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    assert "Permission" in _sentence(path)


# ---- lists of files ----


def test_folders_are_listed_as_people_count(tmp_path):
    for name in ("cell10.tif", "cell9.tif", "Cell1.TIF", ".hidden.tif", "notes.txt", "a.png"):
        (tmp_path / name).touch()
    (tmp_path / "folder.tif").mkdir()
    assert [path.name for path in list_images(tmp_path)] == ["a.png", "Cell1.TIF", "cell9.tif", "cell10.tif"]


def test_files_stay_in_order_and_come_once(tmp_path):
    first, second = tmp_path / "b.tif", tmp_path / "a.tif"
    first.touch(), second.touch()
    assert list_images([first, str(second), first]) == [first, second]
    assert list_images(str(first)) == [first]
    assert list_images([first, tmp_path]) == [first, second]


def test_the_home_folder_may_be_called_by_its_sign(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    tifffile.imwrite(tmp_path / "a.tif", np.ones((4, 5), np.uint8))
    assert read_image("~/a.tif").path == list_images("~/a.tif")[0] == tmp_path / "a.tif"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.tif").rename("~a.tif")  # not the home folder of somebody called "a.tif"
    assert read_image("~a.tif").name == "~a"


@pytest.mark.parametrize("name", ["cells.czi", "cells.nd2"])
def test_files_of_other_programs_come_with_a_way_out(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(RNG.bytes(500))
    with pytest.raises(FileError, match="not a TIFF, PNG, JPEG or BMP; save it as TIFF, for example in Fiji"):
        read_image(path)


@pytest.mark.parametrize("name", ["cells_seg.npy", "cells_Labels.h5", "RoiSet.zip", "cells.geojson"])
def test_labels_in_formats_of_other_programs_are_exported_there(tmp_path, name):
    (tmp_path / name).write_bytes(b"honestly, these are cells")
    assert "; export it as TIFF or PNG, in " in _sentence(tmp_path / name)


def test_a_zarr_store_is_no_folder_of_images(tmp_path):
    store = tmp_path / "cells.ome.zarr"
    store.mkdir()
    for path in list_images(store):
        with pytest.raises(FileError, match="save it as TIFF, for example in Fiji"):
            read_image(path)


def test_lists_of_nothing(tmp_path):
    for paths, word in ((tmp_path, "no images"), (tmp_path / "x.tif", "no file"), ([], "at least one")):
        with pytest.raises(FileError, match=word):
            list_images(paths)
    (tmp_path / "well 1").mkdir()
    with pytest.raises(FileError, match="name those folders instead"):
        list_images(tmp_path)


@given(st.lists(st.text(st.sampled_from("a1290 b."), min_size=1, max_size=8), unique=True, min_size=1))
def test_any_names_can_be_sorted(tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("names")
    for name in names:
        (folder / f"x{name}.tif").touch()
    assert len(list_images(folder)) == len(names)


@pytest.mark.parametrize(
    ("file", "name"), [("a.tif", "a"), ("a.ome.tif", "a"), ("a.OME.TIFF", "a"), ("a.b.png", "a.b"), ("ome.tif", "ome")]
)
def test_names_without_their_ending(tmp_path, file, name):
    assert plain_name(tmp_path / file) == name
