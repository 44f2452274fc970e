"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from napari_upaint.errors import FileError
from napari_upaint.io.file_names import files_in

_DIGITS = 16  # of the name of a file that is being written
ABANDONED = 24 * 3600.0  # s; what was not finished, or not fetched, by then never will be
_CANNOT_WAIT = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)
_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4)  # s


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a new, empty file beside `path`; it takes that name when all went well, and is removed otherwise.

    An older file of that name survives any failure. Folders on the way are made. The permissions are those of any
    new file of the user (umask).

    Raises
    ------
    FileError
        If the file cannot be written: read-only folder, full disk, a folder of that name.
    """
    # A link to a file elsewhere stays a link: what it points to is replaced.
    path = Path(os.path.realpath(Path(path).expanduser()))
    # The ending is kept (programs choose the format by it) and the name short (file systems allow 255 bytes).
    new = path.with_name(f".{secrets.token_hex(_DIGITS // 2)}{path.suffix}")
    try:
        if path.is_dir():
            raise FileError(f"Cannot write {path}: it is a folder; choose a file name.")
        path.parent.mkdir(parents=True, exist_ok=True)
        new.touch(exist_ok=False)
        yield new
        _store(new)
        _take_name(new, path)
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise FileError(f"Cannot write {path} ({reason}); choose another folder or make room.") from error
    finally:
        with contextlib.suppress(OSError):
            new.unlink()


def sweep_unfinished(folder: Path) -> None:
    """Remove what `replacing` left in a folder of this program where its process was killed, a day ago or more."""
    for path in files_in(folder, f".{'[0-9a-f]' * _DIGITS}*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > ABANDONED:
                path.unlink()


def _store(path: Path) -> None:
    """Wait until a file is on the disk: a power cut must not leave an empty one under the name of a good one."""
    try:
        # Windows stores only what was opened for writing; elsewhere a copy of a read-only file may be stored, too.
        with path.open("rb+" if os.name == "nt" else "rb") as opened:
            os.fsync(opened.fileno())
    except PermissionError:
        return
    except OSError as error:  # a full disk may be noticed only now; but some drives cannot be waited for
        if error.errno not in _CANNOT_WAIT:
            raise


def _take_name(new: Path, path: Path) -> None:
    """Let a file take the place of another; on Windows a virus scanner or an indexer may have it open for a moment."""
    for pause in _PAUSES if os.name == "nt" else ():
        try:
            new.replace(path)
            return
        except PermissionError:
            time.sleep(pause)
    new.replace(path)
