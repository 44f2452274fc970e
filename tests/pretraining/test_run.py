"""Laws of pretraining: it resumes to the bit, logs what it does, and leaves a model behind."""

import json
import sys
import tomllib

import numpy as np
import pytest
import torch
from pretraining.__main__ import CONFIG as RECIPES
from pretraining.__main__ import main, read_config
from pretraining.origin import origin
from pretraining.picture import draw_picture
from pretraining.run import pretrain
from skimage import io as skimage_io

from napari_upaint.engine.checkpoint import to_network
from napari_upaint.engine.predict import whole
from napari_upaint.io.models import load_model
from pretraining import run as module

RECIPE = read_config(RECIPES, "beginner")
# The recipe itself, made small enough for a test.
CONFIG = RECIPE | {
    "name": "tiny",
    "seed": 1,
    "width": 4,
    "depth": 3,
    "output": 60,
    "batch": 2,
    "steps": 6,
    "freeze_norm": 3,
    "warmup": 2,
    "validate_every": 4,
    "save_every": 2,
    "sets": {"cells": 2.0, "solid": 1.0},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two sets: squares on a plane, and a block of noise."""
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for name in ("cells/images", "cells/labels", "solid/images", "solid/labels"):
        (root / name).mkdir(parents=True)
    for number in range(20):
        labels = np.kron(rng.integers(0, 2, (8, 9)) * np.arange(1, 73).reshape(8, 9), np.ones((12, 12)))
        image = (labels > 0) * 100 + rng.integers(0, 60, labels.shape)
        skimage_io.imsave(root / f"cells/images/{number}.png", image.astype(np.uint8), check_contrast=False)
        skimage_io.imsave(root / f"cells/labels/{number}.png", labels.astype(np.uint8), check_contrast=False)
    block = rng.integers(0, 200, (6, 40, 44)).astype(np.uint8)
    skimage_io.imsave(root / "solid/images/block.tif", block, check_contrast=False)
    skimage_io.imsave(root / "solid/labels/block.tif", (block > 150).astype(np.uint8), check_contrast=False)
    return root


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def log_of(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def losses_of(folder):
    return {entry["step"]: entry["loss"] for entry in log_of(folder) if "loss" in entry}


@pytest.fixture(scope="module", autouse=True)
def no_pictures():
    """Drawing takes longer than these trainings; one test draws."""
    patch = pytest.MonkeyPatch()
    patch.setattr(module, "draw_picture", lambda path, model: path.touch())
    yield
    patch.undo()


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    pretrain(data, folder, CONFIG)
    return folder


def test_it_logs_every_step_and_what_it_validates(finished):
    entries = log_of(finished)
    losses = losses_of(finished)
    assert list(losses) == list(range(6)) and all(np.isfinite(loss) and loss > 0 for loss in losses.values())
    seconds = [entry["seconds"] for entry in entries if "loss" in entry]
    assert seconds == sorted(seconds)
    validated = {entry["step"]: entry["validation"] for entry in entries if "validation" in entry}
    assert list(validated) == [3, 5] and set(validated[3]) == {"cells"}
    assert all(0 <= value <= 1 for scores in validated.values() for value in scores["cells"].values())


def test_it_leaves_a_model_without_batch_normalisation(finished):
    model = load_model(finished / "tiny.safetensors")
    header = model.header
    assert header.name == "tiny" and header.output_names == ("background", "object", "border")
    assert header.training["steps_done"] == 6 and header.training["seed"] == 1
    assert header.provenance["data"] == ["cells", "solid"]
    assert header.provenance["seed"] == 1 and {"date", "command", "version", "torch"} <= set(header.provenance)
    assert not any("running" in name for name in model.weights)
    assert {array.dtype for array in model.weights.values()} == {np.dtype(np.float16)}
    scores = whole(to_network(model).eval(), np.random.default_rng(0).random((1, 30, 40), np.float32))
    assert scores.shape == (3, 30, 40) and np.isfinite(scores).all()


def test_an_interrupted_run_goes_on_to_the_bit(data, finished, tmp_path, monkeypatch):
    real = module._State.train_step

    def interrupted(self, step, tiles):
        if step == 5:  # after the checkpoint of step 4, and one step more that is lost
            raise KeyboardInterrupt
        return real(self, step, tiles)

    monkeypatch.setattr(module._State, "train_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pretrain(data, tmp_path, CONFIG)
    assert not (tmp_path / "checkpoint.part").exists()
    monkeypatch.setattr(module._State, "train_step", real)
    pretrain(data, tmp_path, CONFIG)
    assert losses_of(tmp_path) == losses_of(finished)
    assert len(log_of(tmp_path)) == len(log_of(finished))  # the lost step is not logged twice
    whole_run, resumed = (load_model(folder / "tiny.safetensors") for folder in (finished, tmp_path))
    for name, array in whole_run.weights.items():
        np.testing.assert_array_equal(resumed.weights[name], array)
    whole_run, resumed = (torch.load(f / "checkpoint.pt", weights_only=True) for f in (finished, tmp_path))
    for part in ("network", "average"):
        for name, tensor in whole_run[part].items():
            assert torch.equal(resumed[part][name], tensor)


def test_a_run_that_ended_before_its_model_still_leaves_one(data, finished, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    real = module.validate
    monkeypatch.setattr(module, "validate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pretrain(data, tmp_path, CONFIG | {"validate_every": 100})
    assert not (tmp_path / "tiny.safetensors").exists()
    monkeypatch.setattr(module, "validate", real)
    pretrain(data, tmp_path, CONFIG | {"validate_every": 100})
    assert losses_of(tmp_path) == losses_of(finished) and log_of(tmp_path)[-1] == log_of(finished)[-1]
    assert (tmp_path / "tiny.png").exists()
    expected = load_model(finished / "tiny.safetensors").weights
    np.testing.assert_equal(load_model(tmp_path / "tiny.safetensors").weights, expected)


def test_a_finished_run_has_nothing_left_to_do(data, finished):
    before = (finished / "log.jsonl").read_text(), (finished / "tiny.safetensors").read_bytes()
    pretrain(data, finished, CONFIG)
    assert ((finished / "log.jsonl").read_text(), (finished / "tiny.safetensors").read_bytes()) == before


def test_another_seed_is_another_run(data, finished, tmp_path):
    pretrain(data, tmp_path, CONFIG | {"seed": 2, "steps": 1})
    assert losses_of(tmp_path)[0] != losses_of(finished)[0]


def test_after_the_freeze_statistics_stay_as_they_are(data, tmp_path):
    pretrain(data, tmp_path, CONFIG | {"steps": 3})
    at_freeze = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["network"]
    pretrain(data, tmp_path, CONFIG | {"steps": 5})
    later = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["network"]
    for name, tensor in later.items():
        if "running" in name:
            assert torch.equal(tensor, at_freeze[name])
    assert not torch.equal(later["classify.weight"], at_freeze["classify.weight"])


def test_no_plane_is_in_both_parts(data):
    training, validation = module.read_sets(data, list(CONFIG["sets"]), set(), {})
    assert validation and not {(r.set_name, r.name) for r in training} & {(r.set_name, r.name) for r in validation}


def test_shipped_models_name_the_terms_of_their_data():
    told = origin(RECIPE, 3600)
    assert set(told["terms"]) == set(told["data"]) == set(RECIPE["sets"])
    assert told["terms"]["dsb2018_train_colour"].endswith("CC0")
    assert "9 to 70 px" in told["pixel_size"] and "fib25_3d 0.01 micrometer" in told["pixel_size"]
    assert json.loads(json.dumps(told)) == told


def test_another_model_begins_with_what_the_first_has_learnt(data, finished, tmp_path):
    wider = CONFIG | {"name": "wide", "begin": "tiny", "width": 8, "steps": 1, "learning_rate": 0.0, "simulated": 0.5}
    pretrain(data, tmp_path, wider, begin=finished / "tiny.safetensors")
    image = np.random.default_rng(0).random((1, 30, 40), np.float32)
    scores = [
        whole(to_network(load_model(path)).eval(), image)
        for path in (*finished.glob("*.safetensors"), tmp_path / "wide.safetensors")
    ]
    np.testing.assert_allclose(scores[0], scores[1], atol=0.03)  # float16 in between, and bfloat16
    assert not any("running" in name for name in torch.load(tmp_path / "checkpoint.pt", weights_only=True)["network"])


def test_the_command_trains_one_model_after_the_other(data, tmp_path, monkeypatch, capsys):
    small = {
        key: CONFIG[key] for key in ("width", "depth", "output", "batch", "warmup", "validate_every", "save_every")
    }
    recipes = tomllib.loads(RECIPES.read_text())
    models = {name: recipes["models"][name] | small | {"sets": CONFIG["sets"]} for name in ("beginner", "improver")}
    monkeypatch.setattr("pretraining.__main__.tomllib.loads", lambda _: recipes | {"models": dict(models)})
    command = ["pretraining", "--data", str(data), "-o", str(tmp_path), "--steps", "2"]
    monkeypatch.setattr(sys, "argv", [*command, "--models", "improver"])
    with pytest.raises(SystemExit):
        main()
    assert "improver begins with beginner, and there is no " in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", command)
    main()
    for name in models:
        assert load_model(tmp_path / name / f"{name}.safetensors").header.name == name
        assert list(losses_of(tmp_path / name)) == [0, 1]
    cards = [(tmp_path / name / f"{name}.md").read_text() for name in models]
    assert ["It began with `beginner`, which has to be there" in card for card in cards] == [False, True]
    log = tmp_path / "beginner" / "log.jsonl"
    monkeypatch.setattr(sys, "argv", [*command, "--models", "beginner", "--compare", str(log)])
    main()
    assert "2 steps compared; the losses lie at most 0.00% apart" in capsys.readouterr().out


def test_the_picture_shows_images_and_what_was_found(finished, tmp_path, monkeypatch):
    assert (finished / "tiny.png").exists()
    monkeypatch.setattr("pretraining.picture.SAMPLES", {2: ("nuclei_he", "membranes_em")})
    draw_picture(tmp_path / "tiny.png", load_model(finished / "tiny.safetensors"))
    assert skimage_io.imread(tmp_path / "tiny.png").shape[:2] == (512, 512)


def test_what_a_model_does_not_say_is_as_in_the_one_that_it_begins_with(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(
        "width = 4\nsteps = 1\n"
        '[models.first]\nbegin = ""\nsteps = 2\nseed = 3\nhints."Good at" = "cells"\n'
        '[models.second]\nbegin = "first"\nseed = 4\n'
        '[models.third]\nbegin = "second"\nwidth = 8\n'
    )
    assert read_config(path, "first") == {
        "width": 4, "steps": 2, "begin": "", "seed": 3, "hints": {"Good at": "cells"}, "name": "first",
    }  # fmt: skip
    third = read_config(path, "third")
    assert (third["width"], third["steps"], third["seed"], third["begin"], third["name"]) == (
        8,
        2,
        4,
        "second",
        "third",
    )
