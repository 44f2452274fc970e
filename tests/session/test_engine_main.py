"""The engine process from inside."""

import sys
import threading
import time
from pathlib import Path
from queue import SimpleQueue

import pytest

from napari_upaint.errors import EngineError
from napari_upaint.session import engine_main


class Unreadable:
    def __reduce__(self):
        return int, ("no number",)


def test_memory_is_given_back_by_who_has_nothing_to_do_for_a_while(monkeypatch):
    given, orders = [], SimpleQueue()
    monkeypatch.setattr(engine_main, "give_back", lambda: given.append(time.monotonic()))
    monkeypatch.setattr(engine_main, "IDLE", 0.05)
    orders.put("first")
    assert engine_main._next(orders) == "first" and not given
    threading.Timer(0.3, orders.put, ["second"]).start()
    assert engine_main._next(orders) == "second" and len(given) == 1


def test_an_order_that_cannot_be_read_fails_its_job_and_is_not_tried_for_ever(ask):
    job = ask("count", n=Unreadable())
    with pytest.raises(EngineError, match="exit code 1"):
        job.wait(30)
    assert "no number" in job.outcome.details
    assert ask("count", n=1).wait(30) == "end"


@pytest.mark.skipif(sys.platform != "linux", reason="its way to say who goes first")
def test_where_memory_runs_out_it_goes_before_the_window(engine, ask):
    ask("count", n=1).wait(30)
    assert int(Path(f"/proc/{engine.pid}/oom_score_adj").read_text()) == 500
