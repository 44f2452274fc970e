"""Separate processes for measurements on all cores: no contestant's thread or memory settings affect another."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "OMP_WAIT_POLICY")


def apart(module: str, *arguments: object, threads: int | None = None) -> Any:
    """Return the result of ``module.alone(*arguments)``, run in a new process; None if it fails.

    Parameters
    ----------
    module : str
        A part of this package.
    *arguments : object
        Passed on as strings.
    threads : int or None
        Number of threads of torch; None: torch's default.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _ONE_THREAD}
    environment["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    code = (
        "import json, sys, warnings; warnings.simplefilter('ignore');"
        f"from {module} import alone; print(json.dumps(alone(*sys.argv[1:])))"
    )
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=900)
    if done.returncode:
        print(f"  without {' '.join(map(str, arguments[:1]))}: {(done.stderr.strip() or '?').splitlines()[-1]}")
        return None
    return json.loads(done.stdout.splitlines()[-1])


@contextlib.contextmanager
def busy_core() -> Iterator[None]:
    """Keep a core busy with another process."""
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"], cwd=Path.home())
    try:
        yield
    finally:
        other.kill()
        other.wait()
