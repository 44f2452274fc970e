import os
import sys
from pathlib import Path

import pytest

# The engine process gets this path too, and finds the module of fake tasks by its name.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("UPAINT_HOME", str(tmp_path / "home"))


@pytest.fixture
def engine():
    from napari_upaint.session.job import EngineProcess

    with EngineProcess(tasks="upaint_fake_tasks", grace=1.0, finish=2.5) as engine:
        yield engine
    from napari_upaint.session.shared import NAME, folders

    assert [path for folder in folders() for path in folder.glob(f"{NAME}{os.getpid()}-*")] == []


@pytest.fixture
def ask(engine):
    """Submit a fake job: ask("count", n=3)."""
    from upaint_fake_tasks import Fake

    return lambda what, **with_: engine.submit(Fake(what, with_))
