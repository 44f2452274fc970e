"""Round trips, and files that are there whole or not at all."""

import contextlib
import errno
import os
import stat
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from napari_upaint.errors import FileError, ImageError
from napari_upaint.io import atomic
from napari_upaint.io.atomic import replacing
from napari_upaint.io.images import Image, planes, read_image, write_image, write_labels, write_scores
from napari_upaint.io.samples import open_sample

steps = st.floats(1e-3, 1e3)


@st.composite
def images(draw):
    axes = draw(st.sampled_from("YX ZYX TYX TZYX CYX TZCYX ZTYX ZTCYX PYX PTCYX YXS ZYXS SYX TCYXS".split()))
    # tifffile leaves out axes of length 1 when it reads.
    shape = tuple(draw(st.integers(2, 4)) for _ in axes)
    dtype = draw(st.sampled_from(["?", "u1", "u2", "i2", "i4", "u4", "i8", "f2", "f4", "f8", ">u2", ">f4"]))
    data = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 250, shape).astype(dtype)
    spacing = {letter: draw(steps) for letter in axes if letter in "TZ" and draw(st.booleans())}
    physical = draw(st.booleans())
    if physical:
        spacing |= {"Y": draw(steps), "X": draw(steps)}
    names = tuple(f"dye {at}" for at in range(shape[axes.index("C")])) if "C" in axes and draw(st.booleans()) else ()
    return Image(data, axes, spacing, "micrometer" if physical else "pixel", names)


@given(image=images(), suffix=st.sampled_from([".tif", ".ome.tif"]))
def test_images_come_back(tmp_path_factory, image, suffix):
    path = tmp_path_factory.mktemp("trip") / f"image{suffix}"
    back = read_image(write_image(path, image))
    assert back.leading_axes == image.leading_axes
    assert back.leading_shape == image.leading_shape
    assert back.unit == image.unit
    assert dict(back.spacing) == pytest.approx(dict(image.spacing), rel=1e-6)
    assert back.channel_names == image.channel_names
    for (index, plane), (other, expected) in zip(planes(back), planes(image), strict=True):
        assert index == other
        assert np.array_equal(plane, expected)


@given(image=images(), highest=st.sampled_from([1, 255, 256, 65535, 65536, 2**31 - 1]))
def test_labels_come_back_with_the_scale_of_the_image(tmp_path_factory, image, highest):
    shape = (*image.leading_shape, *image.plane_shape)
    labels = np.random.default_rng(0).integers(0, highest, shape, endpoint=True).astype(np.int64)
    labels.flat[0] = highest
    back = read_image(write_labels(tmp_path_factory.mktemp("labels") / "a_labels.tif", labels, image))
    assert back.axes == image.leading_axes + "YX"
    assert np.array_equal(back.data, labels)
    smallest = np.uint8 if highest < 2**8 else np.uint16 if highest < 2**16 else np.int32  # what other programs read
    assert back.data.dtype == smallest
    assert dict(back.spacing) == pytest.approx({k: v for k, v in image.spacing.items() if k in back.axes}, rel=1e-6)


@given(image=images())
def test_scores_come_back_with_their_names(tmp_path_factory, image):
    names = ("background", "object", "border")
    shape = (*image.leading_shape, 3, *image.plane_shape)
    scores = np.random.default_rng(0).random(shape).astype(np.float32)
    back = read_image(write_scores(tmp_path_factory.mktemp("scores") / "a_scores.tif", scores, image, names))
    assert back.axes == image.leading_axes + "CYX"
    assert back.channel_names == names
    assert np.array_equal(back.data, scores)


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
def test_channels_may_be_called_anything(tmp_path, name):
    image = Image(np.zeros((2, 4, 5), np.uint8), "CYX", {"Y": 1.0, "X": 0.5}, "micrometer", ("a\0b<&", "\ud800\u00e9"))
    back = read_image(write_image(tmp_path / name, image))
    assert (back.channel_names, back.spacing) == (("a b<&", " \u00e9"), {"Y": 1.0, "X": 0.5})


def test_fiji_can_open_what_is_written(tmp_path):
    """ImageJ's own format for the dtypes that it knows."""
    like = open_sample("membranes_em").image
    for data, write in ((np.ones((250, 250), np.int32), write_labels), (np.ones((3, 250, 250)), write_scores)):
        with tifffile.TiffFile(write(tmp_path / "out.tif", data, like)) as tiff:
            assert tiff.is_imagej
            assert tiff.imagej_metadata["unit"] == "um"
            assert tiff.pages[0].tags["XResolution"].value[0] / tiff.pages[0].tags["XResolution"].value[1] == 100


@pytest.mark.parametrize("highest", [0, 1, 12, 300])
def test_fiji_shows_the_labels_of_a_few_objects(tmp_path, highest):
    """It would show 8 bits from 0 to 255, so twelve objects as nearly black."""
    labels = np.zeros((5, 6), np.int32)
    labels[2] = highest
    with tifffile.TiffFile(write_labels(tmp_path / "a.tif", labels)) as tiff:
        assert tiff.imagej_metadata.get("max", 0) == highest
        assert ("min" in tiff.imagej_metadata) == bool(highest)


@pytest.mark.parametrize(
    ("dtype", "axes", "name", "kind"),
    [
        (np.uint8, "YXS", "a.tif", "imagej"),
        (np.uint16, "YXS", "a.tif", "ome"),  # Fiji's colours have 8 bits
        (np.uint16, "YX", "a.tif", "imagej"),
        (np.bool_, "YX", "a.tif", "imagej"),
        (np.int16, "YX", "a.tif", "ome"),
        (np.uint8, "YX", "a.OME.tif", "ome"),
        (np.uint8, "PYX", "a.tif", "shaped"),
    ],
)
def test_the_format_is_one_that_can_hold_the_image(tmp_path, dtype, axes, name, kind):
    image = Image(np.zeros((4, 5, 3)[: len(axes)], dtype), axes)
    with tifffile.TiffFile(write_image(tmp_path / name, image)) as tiff:
        assert [one for one in ("imagej", "ome", "shaped") if getattr(tiff, f"is_{one}")] == [kind]


def test_what_is_too_large_for_fiji_is_written_with_numbers_of_64_bits(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_upaint.io.write._LARGEST_IMAGEJ", 1000)  # instead of 4 GB
    for rows, large in ((20, False), (30, True)):
        with tifffile.TiffFile(write_image(tmp_path / "a.tif", Image(np.zeros((rows, 20), np.uint16), "YX"))) as tiff:
            assert (tiff.is_ome, tiff.is_bigtiff) == (large, large)


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
@pytest.mark.parametrize(("unit", "told"), [("micrometer", 2e4), ("pixel", None)])
def test_tags_tell_the_size_of_a_pixel_where_it_is_known(tmp_path, name, unit, told):
    image = Image(np.zeros((4, 5), np.int16), "YX", {"Y": 1.0, "X": 0.5}, unit)
    with tifffile.TiffFile(write_image(tmp_path / name, image)) as tiff:
        tags = tiff.pages[0].tags
        assert (tags["ResolutionUnit"].value == 3) == bool(told)  # pixels of a centimeter
        assert not told or tags["XResolution"].value[0] / tags["XResolution"].value[1] == told


def test_scores_of_half_precision_are_written_without_a_copy_of_all(tmp_path):
    scores = np.zeros((40, 3, 128, 128), np.float16)
    tracemalloc.start()
    path = write_scores(tmp_path / "s.tif", scores)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read_image(path).data.dtype == np.float32
    assert peak < scores.nbytes


def test_lazy_images_are_written_plane_by_plane(tmp_path):
    data = np.random.default_rng(0).integers(0, 9, (3, 2, 20, 30), np.uint8)
    source = write_image(tmp_path / "a.tif", Image(data, "ZCYX", {"Z": 2.0}))
    lazy = read_image(source, lazy_from=0)
    assert type(lazy.data) is not np.ndarray
    assert np.array_equal(read_image(write_image(tmp_path / "b.tif", lazy)).data, data)


def test_labels_without_an_image(tmp_path):
    for shape, axes in (((5, 6), "YX"), ((3, 5, 6), "ZYX"), ((2, 3, 5, 6), "TZYX")):
        assert read_image(write_labels(tmp_path / "l.tif", np.ones(shape, int))).axes == axes
        scores = write_scores(tmp_path / "s.tif", np.ones((*shape[:-2], 2, 5, 6), np.float32), names=("a", "b"))
        assert read_image(scores).axes == axes.replace("YX", "CYX")


def test_what_does_not_fit_is_refused(tmp_path):
    like = Image(np.zeros((4, 8, 8)), "ZYX")
    for wrong in (np.zeros((8, 8), int), np.zeros((3, 8, 8), int), np.zeros((4, 8, 8), float)):
        with pytest.raises(ValueError, match=r"array of shape|integers"):
            write_labels(tmp_path / "x.tif", wrong, like)
    with pytest.raises(FileError, match="renumber the objects"):
        write_labels(tmp_path / "x.tif", np.full((4, 8, 8), 2**40), like)
    assert list(tmp_path.iterdir()) == []


def test_complex_numbers_are_refused(tmp_path):
    with pytest.raises(FileError, match=r"image has complex numbers \(complex128\); save its magnitude or phase"):
        write_image(tmp_path / "waves.tif", Image(np.ones((4, 5)) + 1j, "YX"))
    assert not list(tmp_path.iterdir())


def test_labels_are_written_page_by_page(tmp_path):
    labels = np.zeros((100, 200, 200), np.int32)
    labels[50, 10] = 300
    tracemalloc.start()
    path = write_labels(tmp_path / "l.tif", labels)
    _now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < labels.nbytes / 4
    np.testing.assert_array_equal(read_image(path).data, labels)


# ---- whole or not at all ----


def _fails(path, error, monkeypatch):
    image = Image(np.zeros((3, 8, 8), np.uint8), "ZYX")

    def full(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(tifffile.TiffWriter, "write", full)
    with pytest.raises(FileError if isinstance(error, OSError) else type(error)) as caught:
        write_image(path, image)
    return str(caught.value)


def test_a_full_disk_leaves_the_older_file(tmp_path, monkeypatch):
    path = tmp_path / "labels.tif"
    path.write_bytes(b"older")
    text = _fails(path, OSError(28, "No space left on device"), monkeypatch)
    assert "No space left on device" in text
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_on_the_disk_before_it_takes_the_name_of_an_older_one(tmp_path, monkeypatch):
    path, done = tmp_path / "labels.tif", []
    whole = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: done.append(path.exists()) or whole(file))
    write_labels(path, np.ones((4, 4), int))
    assert done == [False]


@pytest.mark.parametrize(("code", "goes_on"), [(errno.EINVAL, True), (errno.ENOTSUP, True), (errno.EIO, False)])
def test_a_drive_that_cannot_be_waited_for_is_written_to(tmp_path, monkeypatch, code, goes_on):
    def fsync(_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fsync)
    with contextlib.nullcontext() if goes_on else pytest.raises(FileError):
        write_labels(tmp_path / "labels.tif", np.ones((4, 4), int))
    assert (tmp_path / "labels.tif").exists() == goes_on


@pytest.mark.parametrize(("system", "refusals", "replaced"), [("nt", 3, True), ("nt", 99, False), ("posix", 1, False)])
def test_on_windows_a_file_that_is_open_for_a_moment_is_replaced_all_the_same(
    tmp_path, monkeypatch, system, refusals, replaced
):
    path, tried = tmp_path / "file.bin", []
    path.write_bytes(b"older")
    whole = Path.replace

    def replace(self, target):
        tried.append(target)
        if len(tried) <= refusals:
            raise PermissionError(errno.EACCES, "Access is denied")
        return whole(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    # Of this module alone: pathlib asks, too.
    monkeypatch.setattr(atomic, "os", SimpleNamespace(name=system, path=os.path, fsync=os.fsync))
    monkeypatch.setattr(atomic.time, "sleep", lambda _: None)
    refused = contextlib.nullcontext() if replaced else pytest.raises(FileError, match="Access is denied")
    with refused, replacing(path) as new:
        new.write_bytes(b"newer")
    assert path.read_bytes() == (b"newer" if replaced else b"older")
    assert list(tmp_path.iterdir()) == [path]


def test_a_read_only_copy_can_be_put_in_place(tmp_path):
    with replacing(tmp_path / "copy.bin") as new:
        new.write_bytes(b"x")
        new.chmod(stat.S_IRUSR)
    assert (tmp_path / "copy.bin").read_bytes() == b"x"


def test_any_other_failure_leaves_the_older_file_too(tmp_path, monkeypatch):
    path = tmp_path / "labels.tif"
    path.write_bytes(b"older")
    _fails(path, KeyboardInterrupt(), monkeypatch)
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), RuntimeError("Input/output error")])
def test_a_source_that_fails_in_the_middle_leaves_the_older_file(tmp_path, error):
    path = tmp_path / "labels.tif"
    path.write_bytes(b"older")

    class Broken:
        shape, ndim, dtype = (3, 8, 8), 3, np.dtype(np.uint8)

        def __getitem__(self, index):
            if index[0] == 2:
                raise error
            return np.zeros((8, 8), np.uint8)

        def __array__(self, *_, **__):
            raise error

    with pytest.raises(ImageError, match="The labels cannot be read"):
        write_labels(path, Broken())
    with pytest.raises(ImageError, match=r"scan cannot be read \(Input/output error\); check where its file lies"):
        write_image(path, Image(Broken(), "ZYX", name="scan"))
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("this user may write everywhere")
        with pytest.raises(FileError, match="Permission denied"):
            write_labels(tmp_path / "a.tif", np.zeros((4, 4), int))
    finally:
        tmp_path.chmod(stat.S_IRWXU)


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "a.tif", tmp_path, tmp_path.anchor):
        with pytest.raises(FileError, match="Cannot write"):
            write_labels(path, np.zeros((4, 4), int))


def test_permissions_are_those_of_any_new_file(tmp_path):
    old = os.umask(0o027)
    try:
        path = write_labels(tmp_path / "deep" / "a.tif", np.zeros((4, 4), int))
    finally:
        os.umask(old)
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
def test_a_link_stays_a_link(tmp_path):
    target, link = tmp_path / "real.tif", tmp_path / "link.tif"
    target.touch()
    link.symlink_to(target)
    write_labels(link, np.ones((4, 4), int))
    assert link.is_symlink()
    assert read_image(target).data.max() == 1


def test_a_step_along_one_axis_alone_is_kept(tmp_path):
    image = Image(np.zeros((6, 8), np.uint8), "YX", {"X": 0.5}, "micrometer")
    found = read_image(write_image(tmp_path / "line.tif", image))
    assert (dict(found.spacing), found.unit) == ({"X": 0.5}, "micrometer")


def test_long_names(tmp_path):
    write_labels(tmp_path / ("x" * 251 + ".tif"), np.zeros((4, 4), int))
