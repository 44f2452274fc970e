"""Write files as a whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_upaint.errors import FileError, reason
from napari_upaint.io.file_names import delete, files_in, from_home

_DIGITS = 16  # in the name of a file that is being written
ABANDONED = 24 * 3600.0  # s; a file that is not finished, or not fetched, by then never will be
_CANNOT_WAIT = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)
_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4)  # s


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a new, empty file beside `path`; it takes that name if all goes well, and is removed otherwise.

    An older file with that name survives any failure. Missing folders are made. The permissions are those of any new
    file of the user (umask).

    Raises
    ------
    FileError
        If the file cannot be written: read-only folder, full disk, a folder with that name.
    """
    # A link to a file elsewhere stays a link: the file it points to is replaced.
    path = Path(os.path.realpath(from_home(path)))
    if os.path.isdir(path):
        raise FileError(f"Cannot write {path}: it is a folder; choose a file name.")
    # The ending stays (programs choose the format by it), and the name is short (file systems allow 255 bytes).
    new = path.with_name(f".{secrets.token_hex(_DIGITS // 2)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.touch(exist_ok=False)
        yield new
        _store(new)
        _take_name(new, path)
    except OSError as error:
        raise FileError(f"Cannot write {path} ({reason(error)}); choose another folder or make room.") from error
    finally:
        delete(new)


def write_json(path: str | Path, content: dict[str, Any], *, allow_nan: bool = True) -> None:
    """Write JSON that people can read, too; see `replacing`, also for errors.

    `allow_nan` false: a number that is none or infinite is a ValueError, since not every program can read it.
    """
    with replacing(path) as new:
        new.write_text(json.dumps(content, indent=1, allow_nan=allow_nan), "utf-8")


def sweep_unfinished(folder: Path) -> None:
    """Remove files that `replacing` left in a folder of this program when it was killed, if older than a day."""
    for path in files_in(folder, f".{'[0-9a-f]' * _DIGITS}*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > ABANDONED:
                path.unlink()


def _store(path: Path) -> None:
    """Wait until a file is on the disk: a power cut must not leave an empty file in place of a good one."""
    try:
        # Windows can only sync files that are open for writing; elsewhere even a copy of a read-only file can be.
        with path.open("rb+" if os.name == "nt" else "rb") as opened:
            os.fsync(opened.fileno())
    except PermissionError:
        return
    except OSError as error:  # a full disk may show only now; but some drives do not support waiting
        if error.errno not in _CANNOT_WAIT:
            raise


def _take_name(new: Path, path: Path) -> None:
    """Replace a file by another; on Windows a virus scanner or an indexer may have it open for a moment."""
    for pause in _PAUSES if os.name == "nt" else ():
        try:
            new.replace(path)
            return
        except PermissionError:
            time.sleep(pause)
    new.replace(path)
