"""The programs in the documentation run as they stand there, but for fewer steps."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import tifffile

from napari_upaint.io.samples import open_sample

PAGES = Path(__file__).parents[2] / "docs" / "reference"
PROGRAMS = [
    (f"{name}_{number}", re.sub(r"seconds=\d+", "steps=3", program))
    for name in ("python", "live")
    for number, program in enumerate(
        re.findall(r"```python\n(.*?)```", (PAGES / f"{name}.md").read_text(encoding="utf-8"), re.DOTALL)
    )
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "program"), PROGRAMS, ids=[name for name, _ in PROGRAMS])
def test_it_runs(tmp_path, name, program):
    sample = open_sample("cells_phase")
    (tmp_path / "folder_of_images").mkdir()
    for path, data in (
        ("cells.tif", sample.image.data),
        ("cells_annotation.tif", sample.strokes),
        ("folder_of_images/cells.tif", sample.image.data[:96, :96]),
    ):
        tifffile.imwrite(tmp_path / path, data)
    ended = subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout
    if "write_labels" in program:
        assert tifffile.imread(tmp_path / "cells_labels.tif").max() > 0


@pytest.mark.slow
def test_their_types_are_right(tmp_path):
    pytest.importorskip("mypy")
    for name, program in PROGRAMS:
        (tmp_path / f"{name}.py").write_text(program, encoding="utf-8")
    check = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--cache-dir", tmp_path / "cache"]
    ended = subprocess.run([*check, *sorted(tmp_path.glob("*.py"))], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout
