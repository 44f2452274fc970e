"""Generators that count, sleep, raise and die, for tests of the engine process."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from napari_upaint.engine.progress import NewSamples, Stop
from napari_upaint.errors import ImageError
from napari_upaint.session.protocol import Request


@dataclass(frozen=True, eq=False)
class Fake(Request):
    task: ClassVar[str] = "fake"
    what: str
    with_: Mapping[str, Any] = field(default_factory=dict)

    def arguments(self):
        return {"what": self.what, "with_": self.with_}


def fake(what, with_):
    return globals()[what](**with_)


TASKS = {"fake": fake}


def count(n, pause=0.0):
    for i in range(n):
        time.sleep(pause)
        told = yield i
        if isinstance(told, Stop):
            yield f"stopped at {i}"
            return
        if isinstance(told, NewSamples):
            yield f"samples {len(told.samples)}"
    yield "end"


def deaf(pause):
    """Yields, but never listens."""
    while True:
        time.sleep(pause)
        yield 0


def slow_finish(seconds):
    while not (yield 0):
        time.sleep(0.01)
    time.sleep(seconds)
    yield "finished late"


def sleep(seconds):
    yield 0
    time.sleep(seconds)
    yield 1


def echo(arrays, times=1):
    for _ in range(times):
        yield arrays


def fail(kind):
    yield 0
    if kind == "user":
        raise ImageError("The image is constant; choose another one.")
    if kind == "memory":
        raise MemoryError
    if kind == "torch":
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
    if kind == "exit":
        sys.exit(3)
    raise ValueError("a broken invariant")


def die(how):
    yield 0
    print("last words: Körper 細胞", flush=True)
    if how == "exit":
        os._exit(7)
    if how == "segfault":
        ctypes.string_at(0)
    os.kill(os.getpid(), signal.SIGKILL)


def facts():
    yield {
        "pid": os.getpid(),
        "nice": os.nice(0),
        "threads": os.environ["OMP_NUM_THREADS"],
        "policy": os.environ["OMP_WAIT_POLICY"],
        "torch": "torch" in sys.modules,
    }


def unpicklable():
    yield lambda: 0


def train(**_):
    yield "train"


def segment(image, normalization, model, **_):
    """Labels are the image's first channel above the middle of its normalisation."""
    time.sleep(0.002)
    yield 0
    if model == "bad":
        raise ValueError("no such weights")
    if model == "slow":
        time.sleep(0.3)  # the stop is heard here
        yield 1
        time.sleep(2)
    from napari_upaint.engine.progress import PlaneResult

    scaled = normalization.apply(np.asarray(image))
    yield PlaneResult((scaled[0] > 0.5).astype(np.int32), scaled.astype(np.float16), ("background",))


def look(windows, **_):
    """The more windows are looked at, the smaller an image is seen; one of 13 columns is looked at until a stop."""
    from napari_upaint.engine.progress import Sight

    told = yield 0
    while told is None and windows[0].shape[-1] == 13:
        time.sleep(0.01)
        told = yield 0
    if told is None:
        yield Sight(1 / len(windows))


TASKS |= {"segment": segment, "train": train, "look": look}
