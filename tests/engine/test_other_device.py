"""Laws of all devices, tested on one that is not the processor: what is learnt and found there stays there.

That device changes torch for the rest of a process, so everything here runs in a process of its own.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_upaint.core.normalize import measure
from napari_upaint.core.sample import Sample
from napari_upaint.engine.segment import segment_plane
from napari_upaint.engine.train import train
from napari_upaint.io.models import ModelFile, load_model
from napari_upaint.settings import PredictSettings, TrainSettings, WeightSettings

QUICK = TrainSettings(steps=3, width=4, depth=2)
# kind, shape, bundled model to begin with, settings
CASES: dict[str, tuple[str, tuple[int, ...], str, dict[str, Any]]] = {
    "fine-tuned": ("objects", (1, 96, 128), "generalist-fast", {}),
    "colours from scratch": ("classes", (3, 96, 128), "", {}),
    "the paper's recipe": ("objects", (1, 96, 128), "", {"recipe": "paper"}),
    "attention gates, group norm": ("objects", (1, 96, 128), "", {"variant": "attention", "norm": "group"}),
    "a volume": ("objects", (1, 24, 32, 40), "", {"ndim": 3, "norm": "group", "padding": "same"}),
}


def squares(shape: tuple[int, ...], kind: str) -> Sample:
    """Return bright squares or cubes on dark ground, some of them painted."""
    at = np.indices(shape[1:])
    truth = np.where((at % 16 < 10).all(0), np.ravel_multi_index(tuple(at // 16), (8,) * len(at), mode="wrap") + 1, 0)
    image = (truth > 0) * 100.0 + np.random.default_rng(0).normal(50, 10, shape)
    painted = (at[-1] < 64) & (at[-2] % 4 == 0)
    numbers = truth if kind == "objects" else truth % 3
    annotation = np.where(painted, numbers + 1, 0).astype(np.uint16)
    return Sample(image, annotation, measure(image), name="squares")


def scores(sample: Sample, model: ModelFile, device: str) -> np.ndarray:
    *_, found = segment_plane(
        sample.image, sample.normalization, model, settings=PredictSettings(rotations=2), device=device
    )
    return np.asarray(found.scores)


def apart(name: str) -> float:
    """Train on the card; return the largest difference of a score between the card and the processor."""
    kind, shape, start, changes = CASES[name]
    sample = squares(shape, kind)
    *_, result = train(
        [sample],
        kind=kind,
        start=load_model(start) if start else None,
        settings=replace(QUICK, **changes),
        weights=WeightSettings(w0=5),
        device="card",
    )
    assert result.steps == QUICK.steps
    return float(np.abs(scores(sample, result.model, "card") - scores(sample, result.model, "cpu")).max())


def refused() -> bool:
    """Return whether tensors of both devices in one operation are an error, as they are with a graphics card."""
    here = torch.ones(2)
    try:
        here + here.to("card")
    except RuntimeError:
        return True
    return False


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """Return what the other process found."""
    root = Path(__file__).parents[2]
    environment = os.environ | {"UPAINT_EXACT": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [sys.executable, "-m", "tests.engine.test_other_device"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    if (answer := json.loads(run.stdout.splitlines()[-1])) is None:
        pytest.skip("This version of torch cannot have devices written in Python.")
    return answer


def test_devices_do_not_mix(told):
    assert told["refused"]


@pytest.mark.parametrize("name", CASES)
def test_a_model_trained_there_predicts_the_same_on_both(told, name):
    assert told[name] < 1e-4


def main() -> None:
    """Print what the device does; null if there is none."""
    from tests.engine import other_device

    if not other_device.AVAILABLE:
        print("null")
        return
    other_device.install()
    print(json.dumps({"refused": refused()} | {name: apart(name) for name in CASES}))


if __name__ == "__main__":
    main()
