"""A channel between two processes: messages through a pipe, large arrays through shared memory.

Arrays lie in a file in /dev/shm (which is what POSIX shared memory is on Linux), elsewhere in the folder for temporary
files, where they stay in the page cache. Files rather than ``multiprocessing.shared_memory``, because

* writing to a full /dev/shm (64 MB in a container) raises here, and another folder is used; a mapped block would end
  the process with SIGBUS;
* no resource tracker has to be started (one more process) and silenced (false warnings before Python 3.13);
* on Windows a block vanishes with its last handle, a file waits for its reader;
* what a killed process left can be found by its name and removed, on every system.

Pickle is used only on the pipe between our own two processes, never on a file.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import pickle
import re
import stat
import struct
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, Any

import numpy as np

from napari_upaint.io.atomic import ABANDONED
from napari_upaint.io.file_names import delete

# Smaller arrays travel in the message itself: opening a file costs more than copying them.
LEAST_SHARED = 64 * 1024
NAME = "upaint-"
# How channels name their files: process, random digits, side, count.
_OWN = re.compile(rf"{NAME}\d+-[0-9a-f]{{8}}-[a-z]\d+")
_LENGTH = struct.Struct("<Q")


class Channel:
    """Sends and receives Python objects; arrays arrive as writable copies in C order.

    Parameters
    ----------
    reading, writing : binary file
        This process's ends of the two pipes.
    prefix : str
        Names of this channel's files in shared memory begin with it; the same on both sides.
    side : str
        A letter that tells the files of the two sides apart.
    """

    def __init__(self, reading: IO[bytes], writing: IO[bytes], prefix: str, side: str) -> None:
        self._reading, self._writing = reading, writing
        self.prefix, self._name, self._count = prefix, f"{prefix}{side}", 0
        self._sending = threading.Lock()

    def send(self, message: object) -> None:
        """Send a message. Call it from one thread only: the lock is for `hold`.

        Raises
        ------
        OSError
            If the other process is gone (``BrokenPipeError``) or no folder has room for the arrays.
        """
        with self._sending:
            self._count += 1
            envelope = pickle.dumps(_pack(message, f"{self._name}{self._count}"), protocol=5)
            try:
                self._writing.write(_LENGTH.pack(len(envelope)))
                self._writing.write(envelope)
                self._writing.flush()
            except OSError as error:
                if error.errno == errno.EINVAL:  # Windows' word for a pipe that nobody reads any more
                    raise BrokenPipeError(errno.EPIPE, "The other process is gone.") from error
                raise

    def hold(self, patience: float) -> None:
        """Let no message begin any more: whoever sends one then waits for ever, which only suits a process that ends.

        Parameters
        ----------
        patience : float
            Seconds to wait for the end of a message that is on its way; it may never come if nobody reads it.
        """
        self._sending.acquire(timeout=patience)

    def receive(self) -> Any:
        """Wait for a message.

        Raises
        ------
        EOFError
            If the other process is gone.
        """
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size))
        path, body = pickle.loads(self._exactly(length))  # noqa: S301 (sent by our own process)
        return _unpack(path, body)

    def _exactly(self, length: int) -> bytes:
        parts, missing = [], length
        while missing:
            part = self._reading.read(missing)
            if not part:
                raise EOFError("The other process is gone.")
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def close(self) -> None:
        """Close both pipes."""
        for pipe in (self._writing, self._reading):
            with contextlib.suppress(OSError):  # a broken pipe cannot be flushed
                pipe.close()


def folders() -> list[Path]:
    """Return where shared arrays may lie, best first."""
    memory = Path("/dev/shm")  # noqa: S108 (our files in it are created exclusively, for this user alone)
    temporary = Path(tempfile.gettempdir())
    return [memory, temporary] if os.access(memory, os.W_OK | os.X_OK) else [temporary]


def sweep(prefix: str) -> None:
    """Remove every file of a channel: what a process that was killed had written, or had not yet read."""
    for folder in folders():
        delete(*folder.glob(f"{prefix}*"))


def sweep_forgotten() -> None:
    """Remove this user's files that nobody has read for a day: both of their processes were killed at once.

    The folder for temporary files is shared: a file that is not named exactly as a channel would is somebody's own.
    """
    for folder in folders():
        for path in folder.glob(f"{NAME}*"):
            with contextlib.suppress(OSError):
                if _OWN.fullmatch(path.name) and _is_forgotten(path.lstat()):
                    path.unlink()


def _is_forgotten(file: os.stat_result) -> bool:
    mine = not hasattr(os, "getuid") or file.st_uid == os.getuid()
    return stat.S_ISREG(file.st_mode) and mine and time.time() - file.st_mtime > ABANDONED


class _Pickler(pickle.Pickler):
    """Puts large arrays into a file; the stream only says where."""

    def __init__(self, stream: io.BytesIO, file: _LazyFile) -> None:
        super().__init__(stream, protocol=5)
        self._file = file
        # The array is kept so that its id is not used again: an array that occurs twice is written once.
        self._places: dict[int, tuple[np.ndarray, tuple[int, np.dtype[Any], tuple[int, ...]]]] = {}

    def persistent_id(self, value: Any) -> Any:
        if not isinstance(value, np.ndarray) or value.nbytes < LEAST_SHARED or value.dtype.hasobject:
            return None
        if type(value) not in (np.ndarray, np.memmap):  # masked arrays and the like know how to pickle themselves
            return None
        if id(value) not in self._places:
            start = self._file.append(value)
            self._places[id(value)] = value, (start, value.dtype, value.shape)
        return self._places[id(value)][1]

    def reducer_override(self, value: Any) -> Any:
        """Pickle small strided arrays as contiguous ones: NumPy's own way loses their byte order."""
        if type(value) is np.ndarray and not value.dtype.hasobject and not value.flags.forc:
            return np.ascontiguousarray(value).__reduce_ex__(5)
        return NotImplemented


class _LazyFile:
    """A file that is created when something is first written to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    @property
    def opened(self) -> bool:
        return self._file is not None

    def append(self, array: np.ndarray) -> int:
        if self._file is None:
            # Readable by this user alone: images may be confidential, and /dev/shm is shared.
            self._file = open(self.path, "xb", opener=lambda path, flags: os.open(path, flags, 0o600))  # noqa: SIM115
        start = self._file.tell()
        self._file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        return start

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _pack(message: object, name: str) -> tuple[str | None, bytes]:
    """Return the path of the file with the arrays (or None) and the pickled rest."""
    problem: OSError | None = None
    for folder in folders():
        file, stream = _LazyFile(folder / name), io.BytesIO()
        try:
            _Pickler(stream, file).dump(message)
            file.close()
            return (str(file.path) if file.opened else None), stream.getvalue()
        except BaseException as error:
            with contextlib.suppress(OSError):
                file.close()
            if file.opened:
                file.path.unlink(missing_ok=True)
            if not isinstance(error, OSError):
                raise
            error.filename = error.filename or str(file.path)  # tells the user where to make room
            problem = error  # no room here: try the next folder
    raise problem or OSError("There is no folder for temporary files.")


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, file: IO[bytes] | None) -> None:
        super().__init__(stream)
        self._file = file
        self._arrays: dict[int, np.ndarray] = {}

    def persistent_load(self, place: tuple[int, np.dtype[Any], tuple[int, ...]]) -> np.ndarray:
        start, dtype, shape = place
        if start not in self._arrays:
            raw = np.empty(int(np.prod(shape, dtype=np.int64)) * dtype.itemsize, np.uint8)
            assert self._file is not None
            self._file.seek(start)
            if self._file.readinto(raw.data) != raw.nbytes:  # type: ignore[attr-defined]
                raise EOFError("A shared array is incomplete; its sender is gone.")
            self._arrays[start] = raw.view(dtype).reshape(shape)
        return self._arrays[start]


def _unpack(path: str | None, body: bytes) -> Any:
    if path is None:
        return _Unpickler(io.BytesIO(body), None).load()
    try:
        with open(path, "rb") as file:
            return _Unpickler(io.BytesIO(body), file).load()
    finally:
        delete(Path(path))
