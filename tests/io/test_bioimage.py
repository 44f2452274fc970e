"""Packages for other programs: complete, true to what is in them, and written whole or not at all."""

import hashlib
import io
import json
import re
import time
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from napari_upaint.errors import FileError
from napari_upaint.io.bioimage import Exported, readme, write_package
from napari_upaint.io.models import Architecture, ModelHeader


def exported(ndim=2, channels=1, outputs=3):
    tile, halo = (8, 20, 20)[-ndim:], (2, 4, 4)[-ndim:]
    image, scores = (np.zeros((1, count, *tile), np.float32) for count in (channels, outputs))
    return Exported(b"a network", tile, halo, 0.5, image, scores, "2.13.0")


def header_of(ndim=2, name="my model", **changes):
    return ModelHeader(name, Architecture(ndim=ndim, n_outputs=3), border=True, summary="Finds cells.", **changes)


def about(path):
    return json.loads(zipfile.ZipFile(path).read("rdf.yaml"))


def test_a_package_holds_what_its_description_names(tmp_path):
    header, what = header_of(provenance={"date": "2026-01-31"}), exported()
    write_package(tmp_path / "p.zip", header, what, authors=["A", "B"], terms="MIT")
    package, said = zipfile.ZipFile(tmp_path / "p.zip"), about(tmp_path / "p.zip")
    entries = [said["inputs"][0]["test_tensor"], said["outputs"][0]["test_tensor"], said["weights"]["torchscript"]]
    for entry in entries:
        assert hashlib.sha256(package.read(entry["source"])).hexdigest() == entry["sha256"]
    assert {*(entry["source"] for entry in entries), said["documentation"], "rdf.yaml"} == set(package.namelist())
    for name, array in (("image", what.image), ("scores", what.scores)):
        np.testing.assert_array_equal(np.load(io.BytesIO(package.read(f"{name}.npy"))), array)
    assert said["name"] == "my model (U-Paint)" and said["description"] == "Finds cells."
    assert (said["authors"], said["license"]) == ([{"name": "A"}, {"name": "B"}], "MIT")
    text = package.read("README.md").decode()
    assert (
        "## Validation" in text
        and "at 0.5" in text
        and "percentiles\n1 and 99.8" in text
        and "tiles of 20 x 20" in text
        and "Within 4 x 4 pixels" in text
        and "`border` is what lies between" in text
        and text.endswith("* **Trained**: 2026-01-31\n")
    )


@pytest.mark.parametrize("ndim", [2, 3])
def test_axes_are_those_of_the_arrays(tmp_path, ndim):
    what = exported(ndim)
    write_package(tmp_path / "p.zip", header_of(ndim), what)
    said = about(tmp_path / "p.zip")
    names = ["z", "y", "x"][-ndim:]
    [image], [scores] = said["inputs"], said["outputs"]
    sizes = [len(axis["channel_names"]) if axis["type"] == "channel" else axis["size"] for axis in image["axes"][1:]]
    assert (1, *sizes) == what.image.shape
    assert [(axis["id"], axis["halo"]) for axis in scores["axes"][2:]] == list(zip(names, what.halo, strict=True))
    assert scores["axes"][1]["channel_names"] == ["background", "object", "border"]
    assert [(one["id"], one["kwargs"]) for one in image["preprocessing"]] == [
        ("scale_range", {"axes": names, "min_percentile": 1.0, "max_percentile": 99.8}),
        ("clip", {"min": -1.0, "max": 3.0}),
    ]
    assert said["authors"] == [{"name": "unknown"}] and "license" not in said


@pytest.mark.parametrize("name", ["Zellkerne (groß) / Möwe", "x", "a" * 300, "核"])
def test_names_of_people_become_such_that_are_allowed(tmp_path, name):
    header = header_of(name=name, classes=("background", "Möwe & Co"))
    write_package(tmp_path / "p.zip", header, exported(), authors=["Å/\\B"])
    said = about(tmp_path / "p.zip")
    assert said["authors"] == [{"name": "Å  B"}]
    assert re.fullmatch(r"[A-Za-z0-9_+() -]{5,128}", said["name"])
    assert said["outputs"][0]["axes"][1]["channel_names"] == ["output0", "output1", "output2"]


def test_names_of_channels_differ_and_a_description_may_be_as_long_as_allowed(tmp_path):
    header = replace(header_of(classes=("background", "cell-a", "cell a")), border=False, summary="x" * 2000)
    write_package(tmp_path / "p.zip", header, exported())
    said = about(tmp_path / "p.zip")
    assert said["outputs"][0]["axes"][1]["channel_names"] == ["output0", "output1", "output2"]
    assert said["description"] == "x" * 1024


def test_classes_are_told_apart_otherwise_than_objects():
    assert "highest score" in readme(header_of(kind="classes"), exported())
    assert "score of `object` is above 0.5" in readme(header_of(), exported())


def test_a_clock_without_a_battery_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(0))
    write_package(tmp_path / "p.zip", header_of(), exported(), authors=["A"])
    with zipfile.ZipFile(tmp_path / "p.zip") as package:
        assert all(one.compress_type == zipfile.ZIP_DEFLATED and one.external_attr for one in package.infolist())


def test_what_cannot_be_written_leaves_the_older_package(tmp_path, monkeypatch):
    path = tmp_path / "p.zip"
    path.write_bytes(b"older")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(FileError, match="No space left"):
        write_package(path, header_of(), exported(), authors=["A"])
    assert path.read_bytes() == b"older" and list(tmp_path.iterdir()) == [path]
