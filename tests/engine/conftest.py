"""One thread for all tests of the engine: threads of such small networks wait longer than they compute."""

import pytest
import torch

from napari_upaint.engine.threads import all_threads
from napari_upaint.io.models import DEFAULT_MODEL, load_model

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
