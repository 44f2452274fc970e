import os
import sys
from pathlib import Path
from queue import SimpleQueue

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


class Asked:
    """A job whose payloads can be waited for one by one."""

    def __init__(self, engine, request):
        self._messages = SimpleQueue()
        self._job = engine.submit(request, self._messages.put)

    def __iter__(self):
        from napari_upaint.session.protocol import Event

        while isinstance(message := self._messages.get(timeout=60), Event):
            yield message.payload

    def __getattr__(self, name):
        return getattr(self._job, name)


@pytest.fixture
def ask(engine):
    """Submit a fake job: ask("count", n=3)."""
    from upaint_fake_tasks import Fake

    return lambda what, **with_: Asked(engine, Fake(what, with_))
