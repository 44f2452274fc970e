"""One thread for all tests of the engine: threads of such small networks wait longer than they compute."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from napari_upaint.engine import trainer
from napari_upaint.engine.checkpoint import from_network
from napari_upaint.engine.family import build
from napari_upaint.engine.threads import all_threads
from napari_upaint.io.models import DEFAULT_MODEL, Architecture, ModelHeader, load_model

sys.path.insert(0, str(Path(__file__).parent))  # for upaint_small
torch.set_num_threads(1)
all_threads()  # asked once and remembered


@pytest.fixture(scope="session")
def bundled():
    """The default model."""
    return load_model(DEFAULT_MODEL)


@pytest.fixture
def float32(monkeypatch):
    """Let networks compute exactly, even if the processor has short numbers."""
    monkeypatch.setenv("UPAINT_EXACT", "1")


@pytest.fixture(scope="session")
def start():
    """A network of the right kind that knows nothing yet."""
    torch.manual_seed(3)
    architecture = Architecture(width=4, depth=3, n_outputs=3, dropout=0.2)
    return from_network(build(architecture), ModelHeader(name="start", architecture=architecture, border=True))


@pytest.fixture
def small_tiles(monkeypatch):
    """Learn tiles of 36 px: the laws are the same, and a step takes milliseconds."""
    real = trainer.plan_for
    monkeypatch.setattr(trainer, "plan_for", lambda *args, **kw: replace(real(*args, **kw), output=36, warmup=3))
