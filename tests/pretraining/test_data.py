"""What pretraining learns from: sets split the same way every time, samples of the package left out."""

import numpy as np
import pytest
from pretraining.data import SAMPLED, SAMPLED_SLICES, read_sets
from skimage import io as skimage_io

from napari_upaint.errors import FileError


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    skimage_io.imsave(path, array, check_contrast=False)


def plane_of(seed, shape=(40, 50)):
    """Return an image and its instances: two squares, 10 px wide."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint16)
    labels[5:15, 5:15], labels[20:30, 25:35] = 3, 8
    return (rng.integers(0, 50, shape) + 100 * (labels > 0)).astype(np.uint8), labels


def write(root, set_name, stem, seed=0, suffix=".png"):
    image, labels = plane_of(seed)
    save(root / set_name / "images" / f"{stem}{suffix}", image)
    save(root / set_name / "labels" / f"{stem}.tif", labels)


def read(root, names, excluded=frozenset(), slices=None):
    return read_sets(root, list(names), set(excluded), slices or {})


def test_planes_are_read_normalised_with_their_objects(tmp_path):
    write(tmp_path, "some", "one")
    training, validation = read(tmp_path, ["some"])
    assert not validation  # a set this small is for training alone
    [record] = training
    assert record.set_name == "some" and record.name == "one"
    assert record.image.shape == (1, 40, 50) and record.image.dtype == np.float16
    assert -1 <= record.image.min() < 0.2 and 0.8 < record.image.max() <= 3
    np.testing.assert_array_equal(record.labels, plane_of(0)[1])
    assert record.diameter == 10


def test_one_image_in_ten_validates_the_same_ones_every_time(tmp_path):
    for number in range(60):
        write(tmp_path, "some", f"plane-{number:02}", number)
    training, validation = read(tmp_path, ["some"])
    assert len(training) + len(validation) == 60 and 1 <= len(validation) <= 15
    assert not {one.name for one in training} & {one.name for one in validation}
    again = read(tmp_path, ["some"])
    assert [[one.name for one in part] for part in again] == [
        [one.name for one in part] for part in (training, validation)
    ]


def test_the_end_of_a_series_validates_not_its_neighbours(tmp_path):
    for number in range(20):
        write(tmp_path, "yeast_phase", f"frame-{number:02}", number)
    training, validation = read(tmp_path, ["yeast_phase"])
    assert [one.name for one in validation] == ["frame-18", "frame-19"] and len(training) == 18


def test_what_the_samples_were_cut_from_is_named():
    assert {len(name) for name in SAMPLED["dsb2018_train"]} == {64}
    assert SAMPLED["usiigaci_phc"]
    for ranges in SAMPLED_SLICES.values():
        assert all(first < end for first, end in ranges.values())


def test_the_packages_samples_are_left_out_of_both(tmp_path):
    for set_name, stems in SAMPLED.items():
        for stem in (*stems, "other-1", "other-2"):
            write(tmp_path, set_name, stem, suffix=".tif")
    excluded = {stem for stems in SAMPLED.values() for stem in stems}
    training, validation = read(tmp_path, SAMPLED, excluded, SAMPLED_SLICES)
    assert {one.name for one in training + validation} == {"other-1", "other-2"}


@pytest.mark.parametrize(("set_name", "stem"), [(s, stem) for s, cuts in SAMPLED_SLICES.items() for stem in cuts])
def test_held_out_slices_are_cut_off_a_volume_with_a_margin(tmp_path, set_name, stem):
    """Every slice's gray value is its number: none of the cut ones may be seen along any axis."""
    first, end = SAMPLED_SLICES[set_name][stem]
    depth = end + 20
    volume = np.broadcast_to(np.arange(depth, dtype=np.uint8)[:, None, None], (depth, 16, 18)).copy()
    labels = volume.astype(np.uint16) + 1  # ids are slice numbers + 1
    for folder, array in (("images", volume), ("labels", labels)):
        save(tmp_path / set_name / folder / f"{stem}.tif", array)
    training, validation = read(tmp_path, [set_name], slices=SAMPLED_SLICES)
    seen = {int(value) - 1 for one in training + validation for value in np.unique(one.labels)}
    wanted = set(range(depth)) - set(range(max(0, first - 5), end + 5))
    assert seen <= wanted and len(seen) > len(wanted) * 0.9  # every third slice along Z, all of them along Y and X
    assert {one.name.split("-")[-2] for one in training} == {"0", "1", "2"}


def test_volumes_without_a_cut_are_read_as_a_whole(tmp_path):
    volume = np.random.default_rng(0).integers(0, 255, (9, 12, 15)).astype(np.uint8)
    for folder in ("images", "labels"):
        save(tmp_path / "solid" / folder / "block.tif", volume)
    training, _ = read(tmp_path, ["solid"], slices=SAMPLED_SLICES)
    assert len(training) == 3 + 4 + 5
    assert {one.labels.shape for one in training} == {(12, 15), (9, 15), (9, 12)}


def test_ignored_pixels_and_colour(tmp_path):
    write(tmp_path, "some", "one")
    ignore = np.zeros((40, 50), np.uint8)
    ignore[:3] = 255
    save(tmp_path / "some" / "ignore" / "one.png", ignore)
    colour = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    save(tmp_path / "dsb2018_train" / "images" / "two.png", colour)
    gray = np.repeat(colour[..., :1], 3, axis=2)
    save(tmp_path / "dsb2018_train" / "images" / "three.png", gray)
    for stem in ("two", "three"):
        save(tmp_path / "dsb2018_train" / "labels" / f"{stem}.png", plane_of(0)[1].astype(np.uint8))
    training, _ = read(tmp_path, ["some", "dsb2018_train", "dsb2018_train_colour"])
    by_name = {one.name: one for one in training}
    assert (by_name["one"].labels[:3] == -1).all() and (by_name["one"].labels[3:] >= 0).all()
    assert by_name["two"].set_name == "dsb2018_train_colour" and by_name["two"].image.shape == (3, 40, 50)
    assert by_name["three"].set_name == "dsb2018_train" and by_name["three"].image.shape == (1, 40, 50)


def test_an_empty_folder_gets_a_sentence(tmp_path):
    with pytest.raises(FileError, match="holds no images"):
        read(tmp_path, ["some"])
