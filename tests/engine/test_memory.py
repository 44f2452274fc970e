"""What the system tells about memory."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from napari_upaint.engine import memory


def test_the_system_tells_how_much_is_free():
    free = memory.available()
    assert free is None or 2**20 < free < 2**50


def test_the_tightest_limit_counts(tmp_path, monkeypatch):
    (tmp_path / "limit").write_text("5000000\n")
    (tmp_path / "usage").write_text("3000000\n")
    paths = [str(tmp_path / name) for name in ("limit", "usage", "stat")]
    monkeypatch.setattr(memory, "_limits", lambda: ((*paths, "inactive_file"), ("/nowhere",) * 4))
    assert memory.available() == 2000000
    # Files that were read are kept in memory as long as nobody needs it.
    (tmp_path / "stat").write_text("anon 500000\nactive_file 1\ninactive_file 2400000\n")
    assert memory.available() == 4400000
    (tmp_path / "limit").write_text("max\n")
    assert memory.available() != 2000000


@pytest.mark.parametrize(
    ("own", "folder", "limit", "usage"),
    [
        ("0::/slurm/job_7/step_0\n", "slurm/job_7", "memory.max", "memory.current"),
        ("0::/\n", "", "memory.max", "memory.current"),
        ("5:cpu:/x\n4:memory:/job_7\n0::/\n", "memory/job_7", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ],
    ids=["a job", "a container", "an older system"],
)
def test_the_limits_of_a_job_count_wherever_they_are_set(tmp_path, monkeypatch, own, folder, limit, usage):
    (tmp_path / "own").write_text(own)
    place = tmp_path / "groups" / folder
    place.mkdir(parents=True)
    (place / limit).write_text("4000000\n")
    (place / usage).write_text("1000000\n")
    monkeypatch.setattr(memory, "_GROUPS", str(tmp_path / "groups"))
    limits = list(memory._limits(str(tmp_path / "own")))
    monkeypatch.setattr(memory, "_limits", lambda: limits)
    assert memory.available() == 3000000


@pytest.mark.parametrize(("known", "free"), [(SimpleNamespace(available=3e9), 3_000_000_000), (None, None)])
def test_windows_and_macos_are_asked_with_what_napari_brings(monkeypatch, known, free):
    monkeypatch.setattr(memory.Path, "read_text", lambda *_: "")
    monkeypatch.setitem(sys.modules, "psutil", known and SimpleNamespace(virtual_memory=lambda: known))
    assert memory.available() == free


def test_keeping_blocks_does_no_harm():
    # in a process of its own: it holds for the rest of its life
    code = (
        "import numpy as np; from napari_upaint.engine.memory import give_back, keep_blocks; kept = keep_blocks();"
        "assert all(np.ones(10**7).sum() == 10**7 for _ in range(5)); give_back(); print(kept)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("True", "False")
