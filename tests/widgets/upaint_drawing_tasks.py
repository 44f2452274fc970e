"""The scripted engine, with tiles drawn by the real one: at half the scale, so that nothing has to be found."""

from __future__ import annotations

from dataclasses import replace

from upaint_dock_tasks import TASKS as SCRIPTED

from napari_upaint.engine.tasks import TASKS as REAL


def tiles(settings, **rest):
    rest["start"] = None
    yield from REAL["tiles"](settings=replace(settings, scale=0.5, width=4, depth=3), **rest)


TASKS = SCRIPTED | {"tiles": tiles}
