"""Where a model comes from: when, with which versions and from which images it was trained, for its file."""

from __future__ import annotations

import os
import platform
import re
import shlex
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from napari_upaint import __version__
from napari_upaint.io.model_header import ModelHeader

_PACKAGES = ("torch", "numpy")
# What comes before the last part of a path, which may be written with its option: --labels=painted/a.tif, -oout/a.
_FOLDERS = re.compile(r"(-\w|--[\w-]+=)?.*/")


def provenance(*, start: str, images: Sequence[str], seed: int, pixels: Iterable[Any] = ()) -> dict[str, Any]:
    """Return the record of a training for the header of a model: plain values only.

    Parameters
    ----------
    start : str
        Name of the model that it began with, or "from scratch".
    images : sequence of str
        The user's names of the images.
    seed : int
    pixels : iterable of tuple of float or None
        Size of a voxel of each image, ([Z,] Y, X), in the unit of the images; None if unknown.
    """
    record: dict[str, Any] = {"date": today(), "start": start, "images": list(images), "seed": seed} | versions()
    edges = [float(edge) for sizes in pixels if sizes is not None for edge in sizes[-2:]]
    if edges:
        record["pixel_size"] = [min(edges), max(edges)]
    return record


def today() -> str:
    """Return the date in UTC, "2015-05-18"."""
    return datetime.now(UTC).strftime("%Y-%m-%d")


def versions() -> dict[str, str]:
    """Return the versions of the program ("version"), of Python, torch and NumPy."""
    found = {"version": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # as in a test environment
            continue
    return found


def command_line(arguments: Sequence[str]) -> str:
    """Return a command as it would be typed, with only the last part of paths, since folders are private."""
    plain = (part.replace(os.sep, "/").rstrip("/") or part for part in arguments)
    return shlex.join(_FOLDERS.sub(r"\1", part) or part for part in plain)


def own_summary(header: ModelHeader) -> str:
    """Return one sentence on where a trained model comes from; the summary in its header is still that of its start."""
    images, start = header.provenance.get("images"), header.provenance.get("start")
    names = list(dict.fromkeys(map(str, images))) if isinstance(images, list | tuple) else []
    if not names or not start:
        return header.summary
    which = ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
    told = header.training.get("validation_before"), header.training.get("validation_after")
    if None not in told and told[0] == told[1] and start != "from scratch":
        return f"The network of {start}, which no training made better, at the scale of {which}."
    came = "from scratch" if start == "from scratch" else f"starting from {start}"
    what = "classes" if header.kind == "classes" else "objects"
    return f"Learned {what} of {which}, {came}."
