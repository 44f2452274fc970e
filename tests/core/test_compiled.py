"""Compiled loops: they work where nothing can be written, and come from the disk the second time."""

import os
import subprocess
import sys

import numba
import numpy as np
import pytest

from napari_upaint.core import compiled


def double(values):
    for i in range(len(values)):
        values[i] *= 2


def test_without_any_folder_for_the_cache_it_is_compiled_all_the_same(monkeypatch):
    njit = numba.njit

    def no_locator(*function, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(*function, **options)

    monkeypatch.setattr(numba, "njit", no_locator)
    values = np.arange(3.0)
    compiled.kernel(double)(values)
    assert values.tolist() == [0, 2, 4]


@pytest.mark.parametrize("ndim", [2, 3])
def test_compiling_ahead_leaves_nothing_to_compile(ndim):
    compiled.compile_ahead(ndim)
    from napari_upaint.core import followed_weights, leaks, nearest_objects, resampling

    loop = resampling.cubic_plane if ndim == 2 else resampling.cubic_volume
    for one in (loop, resampling.nearest, nearest_objects._last_axis, leaks._flood, followed_weights._add_balance):
        assert len(one.signatures) == 1


def test_importing_compiles_nothing():
    code = (
        "from napari_upaint.core import deformation, weight_map, metrics, resampling, spline, nearest_objects;"
        "assert not resampling.cubic_plane.signatures and not spline._filter_rows.signatures"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "0"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=60)
