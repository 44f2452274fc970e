"""``upaint train`` and ``upaint segment`` on volumes: a stack and a stack of strokes in, a 3D model and labels out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_upaint.cli import main
from napari_upaint.commands._planes import load_samples
from napari_upaint.commands._volumes import Stacks
from napari_upaint.io.images import Image, read_image, write_image, write_labels
from napari_upaint.io.models import load_model
from napari_upaint.io.samples import open_sample

QUICK = "--model none --ndim 3 --width 4 --depth 2 --steps 3 --scale 1 --device cpu".split()


def upaint(*arguments: object) -> int:
    return main(list(map(str, arguments)))


@pytest.fixture(scope="module")
def volume() -> tuple[np.ndarray, np.ndarray]:
    """Nuclei in a volume, (16, 60, 64), painted on two slices."""
    sample = open_sample("nuclei_3d")
    image, truth = np.asarray(sample.image.data)[8:24, :60, :64], sample.truth
    assert truth is not None
    truth = truth[8:24, :60, :64]
    strokes = np.zeros_like(truth)
    strokes[4:12:6, ::3] = truth[4:12:6, ::3] + 1
    return image, strokes


@pytest.fixture
def files(tmp_path: Path, volume: tuple[np.ndarray, np.ndarray]) -> Path:
    return written(tmp_path, volume)


def written(folder: Path, volume: tuple[np.ndarray, np.ndarray]) -> Path:
    image, strokes = volume
    like = Image(image, "ZYX", {"Z": 1.0, "Y": 0.5, "X": 0.5}, "micrometer", name="nuclei")
    write_image(folder / "nuclei.tif", like)
    write_labels(folder / "nuclei_strokes.tif", strokes, like)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, volume: tuple[np.ndarray, np.ndarray]) -> Path:
    """A 3D model trained on it, which no test changes."""
    files = written(tmp_path_factory.mktemp("trained"), volume)
    out = files / "deep.safetensors"
    assert upaint("train", files / "nuclei.tif", "--labels", files / "nuclei_strokes.tif", "-o", out, *QUICK) == 0
    return out


def test_a_volume_makes_a_3d_model_and_that_makes_labels(
    files: Path, model: Path, volume: tuple[np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    header = load_model(model).header
    assert header.architecture.ndim == 3 and header.spacing == (1.0, 0.5, 0.5)
    options = "--scores --threshold 0.3 --smallest 5 --device cpu".split()
    assert upaint("segment", files / "nuclei.tif", "--model", model, "-o", files / "out", *options) == 0
    labels = read_image(files / "out" / "nuclei_labels.tif")
    assert labels.axes == "ZYX" and labels.data.shape == volume[0].shape
    assert labels.spacing["Z"] == pytest.approx(1.0)
    scores = read_image(files / "out" / "nuclei_scores.tif")
    assert scores.axes == "ZCYX" and scores.data.shape == (16, 2, 60, 64)
    np.testing.assert_allclose(scores.data.sum(axis=1), 1, atol=2e-3)
    words = capsys.readouterr().out
    assert f"{int(labels.data.max())} object" in words and "in 16 planes" in words


def test_a_2d_model_sees_a_volume_along_its_axes(
    files: Path, volume: tuple[np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--model", "generalist-fast", "-o", files / "out", "--device", "cpu")
    assert upaint("segment", files / "nuclei.tif", *options) == 0
    slices = int(capsys.readouterr().out.split(": ")[-1].split()[0])
    assert upaint("segment", files / "nuclei.tif", *options, "--volumes") == 0
    labels = read_image(files / "out" / "nuclei_labels.tif").data
    assert labels.shape == volume[0].shape
    whole = int(labels.max())
    assert f": {whole} object" in capsys.readouterr().out and 2 * whole < slices
    through = [len(np.unique(np.nonzero(labels == number)[0])) for number in range(1, whole + 1)]
    assert max(through) > 5  # one number in many slices
    tifffile.imwrite(files / "film.tif", volume[0][:2, :32, :32], imagej=True, metadata={"axes": "TYX"})
    assert upaint("segment", files / "film.tif", *options, "--volumes") == 0
    assert "film.tif has no slices along Z (axes TYX), so --volumes has no effect" in capsys.readouterr().err


def test_what_a_3d_model_does_anyway_is_not_asked_for(
    files: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert upaint("segment", files / "nuclei.tif", "--model", model, "-o", files / "out", "--volumes") == 2
    assert upaint("evaluate", files / "nuclei.tif", files / "nuclei_strokes.tif", "--model", model, "--volumes") == 2
    assert capsys.readouterr().err.count("--volumes would have no effect: a 3D model") == 2


def test_a_3d_model_is_taken_further(files: Path, model: Path) -> None:
    more = files / "more.safetensors"
    given = (files / "nuclei.tif", "--labels", files / "nuclei_strokes.tif", "-o", more, "--model", model)
    assert upaint("train", *given, "--steps", 2, "--scale", 1) == 0
    assert load_model(more).header.architecture == load_model(model).header.architecture


def test_a_padded_network_with_normalisation_goes_all_the_way(files: Path) -> None:
    out = files / "padded.safetensors"
    given = ("train", files / "nuclei.tif", "--labels", files / "nuclei_strokes.tif", "-o", out, *QUICK)
    assert upaint(*given, *"--padding same --norm group --variant attention --dropout 0.1".split()) == 0
    made = load_model(out).header.architecture
    assert (made.variant, made.padding, made.norm, made.dropout) == ("attention", "same", "group", 0.1)
    assert upaint("segment", files / "nuclei.tif", "--model", out, "-o", files / "out", "--tile", 24) == 0


def test_every_time_point_is_a_volume(
    files: Path, model: Path, volume: tuple[np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    image, strokes = volume
    film = np.stack([image, image[::-1]])
    tifffile.imwrite(files / "film.tif", film, imagej=True, metadata={"axes": "TZYX"})
    painted = np.stack([np.zeros_like(strokes), strokes])
    tifffile.imwrite(files / "film_strokes.tif", painted, imagej=True, metadata={"axes": "TZYX"})
    [sample] = load_samples([(files / "film.tif", files / "film_strokes.tif")], ndim=3)
    np.testing.assert_array_equal(sample.image[0], film[1])
    assert sample.name == "film.tif (1,)"
    assert upaint("segment", files / "film.tif", "--model", model, "-o", files / "out", "--device", "cpu") == 0
    labels = tifffile.imread(files / "out" / "film_labels.tif")
    assert labels.shape == film.shape
    alone = files / "alone.tif"
    write_image(alone, Image(image, "ZYX"))
    assert upaint("segment", alone, "--model", model, "-o", files / "out", "--device", "cpu") == 0
    agree = tifffile.imread(files / "out" / "alone_labels.tif") > 0
    assert (agree == (labels[0] > 0)).mean() > 0.98


def test_slices_need_not_be_the_last_axis() -> None:
    data = np.arange(3 * 2 * 4 * 5).reshape(3, 2, 4, 5)
    stacks = Stacks(Image(data, "ZTYX"), "odd")
    indices = list(stacks.indices())
    assert indices == [(slice(None), 0), (slice(None), 1)]
    np.testing.assert_array_equal(stacks.volume(indices[1])[0], data[:, 1])


@pytest.mark.parametrize(
    ("unit", "spacing", "voxel"),
    [
        ("pixel", {"Z": 2.0}, (2.0, 1.0, 1.0)),  # ImageJ notes how far slices are apart, but not that a pixel is 1
        ("pixel", {"Z": 1.0}, None),
        ("micrometer", {"Y": 0.5, "X": 0.5}, None),
    ],
)
def test_the_shape_of_a_voxel_is_that_of_the_window(
    unit: str, spacing: dict[str, float], voxel: tuple[float, ...] | None
) -> None:
    assert Stacks(Image(np.zeros((2, 4, 5)), "ZYX", spacing, unit), "stack").spacing == voxel


def test_only_what_is_painted_is_read(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 99, (300, 20, 20), dtype=np.uint8)
    painted = np.zeros_like(image)
    painted[5, 3], painted[290, 4] = 1, 2
    tifffile.imwrite(tmp_path / "a.tif", image, imagej=True, metadata={"axes": "ZYX"})
    tifffile.imwrite(tmp_path / "b.tif", painted, imagej=True, metadata={"axes": "ZYX"})
    one, other = load_samples([(tmp_path / "a.tif", tmp_path / "b.tif")], ndim=3)
    np.testing.assert_array_equal(one.image[0], image[:70])
    np.testing.assert_array_equal(other.annotation, painted[226:])


@pytest.mark.parametrize("axes", ["YX", "TYX"])
def test_planes_are_refused_in_one_sentence(
    axes: str, files: Path, model: Path, volume: tuple[np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    image, strokes = volume
    for name, data in (("flat", image), ("flat_strokes", strokes)):
        write_image(files / f"{name}.tif", Image(data[4] if axes == "YX" else data[3:6], axes))
    given = ("train", files / "flat.tif", "--labels", files / "flat_strokes.tif", "-o", files / "x")
    assert upaint(*given, *QUICK) == 2
    assert upaint(*given, "--model", model) == 2
    assert upaint("segment", files / "flat.tif", "--model", model, "-o", files / "out") == 2
    words = capsys.readouterr().err
    assert words.count(f"flat.tif is not a stack along Z (axes {axes}") == 3
    assert "choose a 2D model" in words


def test_stacks_still_teach_planes(files: Path) -> None:
    samples = load_samples([(files / "nuclei.tif", files / "nuclei_strokes.tif")])
    assert [sample.image.shape for sample in samples] == [(1, 60, 64)] * 2
