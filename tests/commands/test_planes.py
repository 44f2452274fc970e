"""Labels as commands read them: any file of whole numbers."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from napari_upaint.commands._planes import load_labels, load_objects, load_samples
from napari_upaint.errors import AnnotationError
from napari_upaint.io.images import Image
from napari_upaint.io.samples import open_sample


def _written(folder, labels):
    tifffile.imwrite(folder / "labels.tif", labels)
    return folder / "labels.tif"


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint32, np.float32])
def test_ids_that_fit_stay_what_they_are(tmp_path, dtype):
    labels = np.array([[0, 1, 2, 5]] * 3).astype(dtype)
    found = load_labels(_written(tmp_path, labels))[1]
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, labels[None])


def test_labels_in_a_palette_of_colours_are_its_numbers(tmp_path):
    labels = np.array([[0, 1, 2, 5]] * 3, np.uint8)
    picture = Pillow.fromarray(labels, "P")
    picture.putpalette([at % 256 for at in range(0, 7 * 18, 7)])
    picture.save(tmp_path / "labels.png")
    np.testing.assert_array_equal(load_labels(tmp_path / "labels.png")[1], labels[None])


def test_strokes_of_rootpainter_are_paint(tmp_path):
    """Transparent red is what is looked for, transparent green is background; its images are small pictures."""
    labels = np.array([[0, 1, 2, 2]] * 3, np.uint8)
    colours = np.array([(0, 0, 0, 0), (0, 255, 0, 180), (255, 0, 0, 180)], np.uint8)
    Pillow.fromarray(colours[labels]).save(tmp_path / "strokes.png")
    Pillow.fromarray(np.arange(36, dtype=np.uint8).reshape(3, 4, 3)).save(tmp_path / "cells.png")
    (sample,) = load_samples([(tmp_path / "cells.png", tmp_path / "strokes.png")])
    np.testing.assert_array_equal(sample.annotation, labels)
    # Nothing is painted in it: it can be left out.
    Pillow.fromarray(colours[labels * 0]).save(tmp_path / "empty.png")
    assert not load_labels(tmp_path / "empty.png", paint=True)[1].any()


@pytest.mark.parametrize(
    ("red", "says"), [((255, 0, 0, 180), None), ((255, 0, 9, 180), "3 channels"), ((9, 9, 0, 255), "3 channels")]
)
def test_other_colours_are_no_labels(tmp_path, red, says):
    picture = np.zeros((3, 4, 4), np.uint8)
    picture[1] = red
    Pillow.fromarray(picture).save(tmp_path / "strokes.png")
    if says:
        with pytest.raises(AnnotationError, match=f"{says}; labels are one whole number per pixel, not colours"):
            load_labels(tmp_path / "strokes.png", paint=True)
    # What is a finished mask is never told by colour: unpainted would be background, and background an object.
    with pytest.raises(AnnotationError, match="3 channels"):
        load_labels(tmp_path / "strokes.png")


@pytest.mark.parametrize("dtype", [np.uint32, np.uint64])
def test_ids_beyond_32_bits_stay_apart(tmp_path, dtype):
    ids = [0, 1, 2, 5, 2**32 - 3, 2**31 + 9]
    found = load_labels(_written(tmp_path, np.array([ids] * 3, dtype)))[1]
    assert found.dtype == np.int32
    assert found[0, 0, :2].tolist() == [0, 1]
    assert len(np.unique(found)) == len(ids)
    assert found.min() == 0


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ([[0.5, 1]], "holds fractions"),
        ([[-1.0, 1]], r"negative numbers \(down to -1\)"),
        ([[1.0, 2.0**70]], r"holds 1.18059e\+21; labels are whole numbers below 2\^63"),
    ],
)
def test_what_are_no_labels_gets_a_sentence(tmp_path, labels, says):
    with pytest.raises(AnnotationError, match=says):
        load_labels(_written(tmp_path, np.array(labels * 3, np.float64)))


def test_a_mask_without_numbers_is_no_count_of_objects(tmp_path):
    """Its table has one row, and nothing that is found is any of its objects."""
    mask = np.array([[0, 1, 0, 1]] * 3, np.uint8)
    with pytest.warns(UserWarning, match=r"labels\.tif holds only 0 and 255, so everything in it counts as one"):
        load_objects(_written(tmp_path, mask * 255))
    load_objects(_written(tmp_path, mask))  # a result of a single class
    load_objects(_written(tmp_path, mask * [[0, 1, 2, 3]]))
    load_objects(_written(tmp_path, mask * 0))


def test_an_image_that_is_given_as_labels_is_noticed(tmp_path):
    """Images and labels exchanged, or one channel of probabilities: each gray value was an object."""
    sample = open_sample("cells_phase")
    with pytest.warns(UserWarning, match=r"labels\.tif looks like an image: .*; were images and labels exchanged\?"):
        load_labels(_written(tmp_path, np.asarray(sample.image.data)))
    for labels in (sample.truth, sample.strokes, np.arange(400).reshape(20, 20)):  # the last are too few to tell
        load_labels(_written(tmp_path, labels.astype(np.uint16)))


def test_a_single_slice_of_a_stack_is_a_plane(tmp_path):
    image, painted = tmp_path / "cells.tif", np.repeat(np.arange(3, dtype=np.uint8), 8).reshape(4, 6)
    tifffile.imwrite(image, np.arange(24, dtype=np.uint8).reshape(4, 6))
    [sample] = load_samples([(image, _written(tmp_path, painted[None]))])
    np.testing.assert_array_equal(sample.annotation, painted)
    assert sample.image.shape == (1, 4, 6)


def test_labels_whose_planes_come_in_another_order_are_refused(tmp_path):
    stack = np.arange(3 * 3 * 64).reshape(3, 3, 8, 8).astype(np.uint8)
    for name, axes in (("image", "TZYX"), ("labels", "ZTYX")):
        tifffile.imwrite(tmp_path / f"{name}.ome.tif", stack, ome=True, metadata={"axes": axes})
    pair = tmp_path / "image.ome.tif", tmp_path / "labels.ome.tif"
    with pytest.raises(AnnotationError, match=r"labels.ome.tif has axes ZTYX, image.ome.tif TZYX; save both"):
        load_samples([pair])
    tifffile.imwrite(tmp_path / "labels.tif", stack, photometric="minisblack", metadata={"axes": "QQYX"})
    assert len(load_samples([(pair[0], tmp_path / "labels.tif")])) == 9  # axes without names are those of the image


def test_a_channel_alone_is_learnt(tmp_path):
    dyes = np.arange(2 * 24, dtype=np.uint8).reshape(2, 4, 6)
    tifffile.imwrite(tmp_path / "dyes.ome.tif", dyes, ome=True, metadata={"axes": "CYX"})
    pair = tmp_path / "dyes.ome.tif", _written(tmp_path, np.ones((4, 6), np.uint8))
    assert load_samples([pair])[0].image.shape == (2, 4, 6)
    assert load_samples([tuple(map(str, pair))])[0].name == load_samples([pair])[0].name
    [sample] = load_samples([pair], channel="2")
    np.testing.assert_array_equal(sample.image, dyes[1:])
    assert len(sample.normalization.low) == 1


def test_of_a_long_stack_only_painted_planes_are_learnt_and_read(tmp_path, monkeypatch):
    stack, read, plane = np.arange(50 * 24, dtype=np.uint16).reshape(50, 4, 6), set(), Image.plane
    painted = np.zeros(stack.shape, np.uint8)
    painted[17, 2, 3:] = 1, 2, 2
    tifffile.imwrite(tmp_path / "cells.tif", stack)

    def noted(image, index=()):
        read.add((image.name, index))
        return plane(image, index)

    monkeypatch.setattr(Image, "plane", noted)
    [sample] = load_samples([(tmp_path / "cells.tif", _written(tmp_path, painted))])
    np.testing.assert_array_equal(sample.image, stack[17:18])
    np.testing.assert_array_equal(sample.annotation, painted[17])
    assert sample.name == "cells.tif (17,)"
    assert len([index for name, index in read if name == "cells"]) < 10  # gray values are measured on some


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the memory in use")
def test_empty_planes_of_labels_take_no_memory(tmp_path):
    labels = np.zeros((64, 1024, 1024), np.uint8)
    labels[40, 5, 7:9] = 3
    tifffile.imwrite(tmp_path / "labels.tif", labels, compression="zlib")
    before = _resident()
    found = load_labels(tmp_path / "labels.tif")[1]
    assert _resident() - before < found.nbytes / 2  # the file itself takes a quarter
    np.testing.assert_array_equal(found[40], labels[40])
    assert found.dtype == np.int32 and found.sum() == 6


def _resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
