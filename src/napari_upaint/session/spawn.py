"""Start the engine process and hold the ends of its pipes.

The process is an ordinary child made by `subprocess`; messages go through its standard input and output:

* the parent's ``__main__`` is not imported again, as ``multiprocessing`` would: this works alike from napari, a
  notebook, pytest, ``python -c`` and a script without ``if __name__ == "__main__"``;
* inherited pipes need no address, no password and no waiting for a connection; nobody else can reach them;
* they close when either process ends, however it ends, on Linux, macOS and Windows.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from napari_upaint.engine.memory import group_folders
from napari_upaint.errors import EngineError, FileError
from napari_upaint.io.file_names import delete
from napari_upaint.io.folders import log_folder
from napari_upaint.session.protocol import FromEngine, Shutdown, ToEngine
from napari_upaint.session.shared import NAME, Channel, sweep, sweep_forgotten

# sys.path is set first: the parent may have found the package in a place that only it knows.
_START = (
    "import json, os, sys; told = json.loads(os.environ.pop('UPAINT_ENGINE')); sys.path[:] = told.pop('path'); "
    "from napari_upaint.session.engine_main import main; main(**told)"
)
_LOGS_KEPT = 5
_TAIL = 4000
_PATIENCE = 5.0  # s to wait for the end of a process that is as good as gone


class Child:
    """A running engine process.

    Parameters
    ----------
    tasks : str
        Module with the table of generators.
    on_message, on_end : callable
        Called from a thread of this object: the first with it and each message, the second with it once the process
        is gone.

    Attributes
    ----------
    pid : int
        Process id; until the process has reported its own, that of the program that was started (a launcher, in a
        virtual environment on Windows).
    """

    def __init__(
        self,
        tasks: str,
        on_message: Callable[[Child, FromEngine], None],
        on_end: Callable[[Child], None],
    ) -> None:
        self._prefix = f"{NAME}{os.getpid()}-{secrets.token_hex(4)}-"
        self._on_message, self._on_end = on_message, on_end
        sweep_forgotten()
        self.log = _new_log()
        self._process = self._start(tasks)
        self.pid = self._process.pid
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._channel = Channel(self._process.stdout, self._process.stdin, self._prefix, "w")
        self._reader = threading.Thread(target=self._read, name="upaint-engine-reader", daemon=True)
        self._reader.start()

    def _start(self, tasks: str) -> subprocess.Popen[bytes]:
        path = [os.path.abspath(one) for one in sys.path]
        told = {"path": path, "tasks": tasks, "prefix": self._prefix, "parent": os.getpid()}
        environment = environment_for(spare_threads()) | {"UPAINT_ENGINE": json.dumps(told)}
        with contextlib.ExitStack() as stack:
            log: IO[bytes] | int = subprocess.DEVNULL
            if self.log is not None:
                log = stack.enter_context(open(self.log, "wb"))
            # In an application with Python built in, sys.executable may not be a Python; the application can name one.
            python = os.environ.get("UPAINT_PYTHON") or sys.executable or "python"
            try:
                return subprocess.Popen(
                    [python, "-P", "-c", _START],  # -P: or a json.py in the user's folder would be imported
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=environment,
                    creationflags=_creation_flags(),
                )
            except OSError as error:
                raise EngineError(f"The engine process cannot be started ({error}); install U-Paint again.") from error

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def send(self, message: ToEngine) -> None:
        """Send a message; nothing happens if the process is gone: `on_end` will tell."""
        with contextlib.suppress(BrokenPipeError):
            self._channel.send(message)

    def kill(self) -> None:
        """End the process at once; `on_end` follows."""
        self._process.kill()

    def reap(self) -> int | None:
        """Wait for the end of the process, remove what it left, and return its exit code."""
        try:
            code = self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:  # its pipe is closed, but it lives
            self._process.kill()
            code = self._process.wait()
        if threading.current_thread() is not self._reader:
            self._reader.join(_PATIENCE)
        self._channel.close()
        sweep(self._prefix)
        return code

    def close(self) -> None:
        """Ask the process to end; kill it after half a second."""
        self.send(Shutdown())
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.5)
        self.kill()
        self.reap()

    def log_tail(self) -> str:
        """Return the end of what the process printed."""
        if self.log is None:
            return ""
        try:
            text = self.log.read_text("utf-8", errors="replace")
        except OSError:
            return ""
        return f"{text[-_TAIL:]}\n(log: {self.log})"

    def _read(self) -> None:
        try:
            while True:
                self._on_message(self, self._channel.receive())
        except (EOFError, OSError):
            pass
        except Exception:  # a message that cannot be read: whatever waits for it must not wait for ever
            self.kill()
            raise
        finally:
            self._on_end(self)


def environment_for(threads: int) -> dict[str, str]:
    """Return the environment of the engine process; what the user set wins.

    Threads that spin while they wait for each other make a step up to ten times slower as soon as anything else (the
    window, say) wants a core; this has to be set before torch is loaded.
    """
    wanted = {
        "OMP_WAIT_POLICY": "PASSIVE",
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "NUMBA_THREADING_LAYER": "workqueue",
        "PYTHONFAULTHANDLER": "1",
        "PYTHONIOENCODING": "utf-8:backslashreplace",  # as its log is read
    }
    return wanted | dict(os.environ)


def spare_threads() -> int:
    """Return the number of usable cores minus one (for the window), at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(cores, _granted())) - 1)


def _granted() -> float:
    """Return how many cores' worth of time a container gets: it sees all cores, but is paused if it uses more."""
    found = [math.inf]
    names = (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us"))
    for folders, files in zip(group_folders("cpu"), names, strict=True):
        for folder in folders:
            with contextlib.suppress(OSError, ValueError):  # there is none, or it says "max"
                quota, period = map(int, " ".join(Path(folder, file).read_text("utf-8") for file in files).split())
                found += [quota / period] if quota > 0 else []
    return min(found)


def _creation_flags() -> int:
    """Windows: no console window, Ctrl-C only for the parent, lower priority."""
    wanted = ("CREATE_NO_WINDOW", "CREATE_NEW_PROCESS_GROUP", "BELOW_NORMAL_PRIORITY_CLASS")
    flags: Any = 0
    for one in wanted:
        flags |= getattr(subprocess, one, 0)
    return int(flags)


def _new_log() -> Path | None:
    """Return the path of a new log, and remove all older ones but the last few; None if nothing can be written."""
    try:
        folder = log_folder()
        folder.mkdir(parents=True, exist_ok=True)
        old = sorted(folder.glob("engine-*.log"))  # by date
        delete(*old[: max(0, len(old) + 1 - _LOGS_KEPT)])
        path = folder / f"engine-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{secrets.token_hex(2)}.log"
        path.touch()
        return path
    except (OSError, FileError):
        return None
