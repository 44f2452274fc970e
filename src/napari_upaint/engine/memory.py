"""How much memory is free, how to keep memory once the process has it, and how errors say that it ran out."""

from __future__ import annotations

import contextlib
import ctypes
import platform
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from pathlib import Path

# Parameters of mallopt, from glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
# The texts of torch and its allocators, which raise a plain RuntimeError on a CPU.
_RAN_OUT = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "failed to allocate",
    "bad allocation",
    "bad_alloc",
    "status_alloc_failed",
)
_GROUPS = "/sys/fs/cgroup"
# Of the two generations of control groups: the names of the memory that a group may have, of what it uses, and of the
# part of that which holds cached files and can be freed.
_WORDS = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


@lru_cache(maxsize=1)
def keep_blocks() -> bool:
    """Let this process keep large blocks of memory instead of returning them to the system after every layer.

    The output of a layer takes tens of megabytes. By default each one is fetched from the system again, page by page
    and filled with zeros: a quarter of the time of predicting a tile. After this call the process keeps what it once
    needed, so it is meant for processes that only compute (the engine, the command), not for napari's. Threads share
    one arena, or each would keep its own. It only has an effect on Linux with the GNU C library.

    Returns
    -------
    bool
        Whether the system accepted it.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return all(mallopt(what, value) for what, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_ARENA_MAX, 1)))


def give_back() -> None:
    """Return memory that is kept but not needed to the system: before a pause, or if memory is short."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # no glibc
        ctypes.CDLL(None).malloc_trim(0)


def says_ran_out(text: str) -> bool:
    """Return whether the text of an error says that memory ran out."""
    return any(words in text.lower() for words in _RAN_OUT)


def available() -> int | None:
    """Return how many bytes of memory are free for this process; None if the system does not tell."""
    free = _system()
    limits = [left for limit in _limits() if (left := _left(*limit)) is not None]
    return min([*limits, *([free] if free is not None else [])], default=None)


def _system() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text("utf-8").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        pass
    try:  # Windows, macOS; napari depends on it
        return int(import_module("psutil").virtual_memory().available)
    except Exception:  # missing or broken
        return None


def group_folders(controller: str, own: str = "/proc/self/cgroup") -> tuple[list[str], list[str]]:
    """Return the folders that hold the limits of this process: of its container or cluster job, and of all above it.

    Parameters
    ----------
    controller : str
        What is limited: "memory" or "cpu".
    own : str
        File that names the groups of this process.

    Returns
    -------
    tuple of list of str
        Folders of control groups version 2, and of version 1; they need not exist.
    """
    groups = {"": "/", controller: "/"}
    with contextlib.suppress(OSError, ValueError):  # not Linux
        for line in Path(own).read_text("utf-8").splitlines():
            _, kinds, group = line.split(":", 2)
            groups |= {kind: group for kind in kinds.split(",") if kind in groups}
    newer, older = ([Path(group), *Path(group).parents] for group in groups.values())
    return [f"{_GROUPS}{one}" for one in newer], [f"{_GROUPS}/{controller}{one}" for one in older]


def _limits(own: str = "/proc/self/cgroup") -> Iterator[tuple[str, str, str, str]]:
    for folders, (limit, usage, reclaimable) in zip(group_folders("memory", own), _WORDS, strict=True):
        for place in folders:
            yield f"{place}/{limit}", f"{place}/{usage}", f"{place}/memory.stat", reclaimable


def _left(limit: str, usage: str, stat: str, reclaimable: str) -> int | None:
    try:
        most, used = (int(Path(one).read_text("utf-8")) for one in (limit, usage))
    except (OSError, ValueError):  # no such container, or "max"
        return None
    return max(0, most - used + _entry(stat, reclaimable))


def _entry(path: str, name: str) -> int:
    try:
        lines = (line.split() for line in Path(path).read_text("utf-8").splitlines())
        return next(int(words[1]) for words in lines if words and words[0] == name)
    except (OSError, StopIteration, ValueError, IndexError):
        return 0
