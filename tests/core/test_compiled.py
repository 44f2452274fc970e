"""Compiled loops: they work if nothing can be written, and come from the disk the second time."""

import errno
import os
import subprocess
import sys

import numba
import numpy as np
from numba.core.caching import IndexDataCacheFile

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


def test_a_damaged_cache_is_made_anew(tmp_path):
    (tmp_path / "doubling.py").write_text(
        "import numpy as np\n"
        "from napari_upaint.core.compiled import kernel\n"
        "@kernel\n"
        "def double(values):\n"
        "    for i in range(len(values)):\n"
        "        values[i] *= 2\n"
        "double(np.arange(3.0))\n"
        "print(sum(double.stats.cache_hits.values()))\n"
    )

    def hits():
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
        run = [sys.executable, "doubling.py"]
        return subprocess.run(run, cwd=tmp_path, check=True, env=environment, capture_output=True, timeout=60).stdout

    assert hits().strip() == b"0"
    for damaged, content in (("*.nbi", b""), ("*.nbc", b"\0" * 64)):  # the index, the code
        files = [path for path in tmp_path.glob(f"cache/**/{damaged}") if path.is_file()]
        assert files
        for path in files:
            path.write_bytes(content)
        assert hits().strip() == b"0"
    assert hits().strip() == b"1"  # neither is damaged any more


def test_a_full_disk_costs_the_cache_alone(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "_save_data", full)
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    values = np.arange(3.0)
    compiled.kernel(double)(values)
    assert values.tolist() == [0, 2, 4]


def test_compiling_ahead_leaves_nothing_to_compile():
    compiled.compile_ahead()
    from napari_upaint.core import followed_weights, leaks, nearest_objects, resampling

    loops = resampling.cubic_plane, resampling.nearest, nearest_objects._last_axis, leaks._flood
    for one in (*loops, followed_weights._add_balance):
        assert len(one.signatures) == 1


def test_importing_compiles_nothing():
    code = (
        "from napari_upaint.core import deformation, weight_map, metrics, resampling, spline, nearest_objects;"
        "assert not resampling.cubic_plane.signatures and not spline._filter_rows.signatures"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "0"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, timeout=60)
