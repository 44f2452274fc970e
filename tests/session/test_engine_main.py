"""What the engine process does while nobody wants anything."""

import sys
import types
from queue import SimpleQueue
from threading import Event, Thread

import pytest

from napari_upaint.session import engine_main


@pytest.fixture
def tasks(monkeypatch):
    """A module of tasks that says when it loads something ahead."""
    module = types.ModuleType("tasks_that_load")
    module.loaded = Event()
    module.load_ahead = module.loaded.set
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(engine_main, "IDLE", 0.05)
    return module


def test_what_a_training_needs_is_loaded_while_nobody_waits(tasks):
    orders, taken = SimpleQueue(), []
    waiting = Thread(target=lambda: taken.append(engine_main._next(orders, tasks.__name__)))
    waiting.start()
    assert tasks.loaded.wait(10)
    orders.put("an order")
    waiting.join(10)
    assert taken == ["an order"]


def test_who_has_work_loads_nothing(tasks):
    orders = SimpleQueue()
    orders.put("an order")
    assert engine_main._next(orders, tasks.__name__) == "an order"
    assert not tasks.loaded.is_set()


def test_tasks_need_not_load_anything(tasks):
    del tasks.load_ahead
    engine_main.load_ahead(tasks.__name__)
