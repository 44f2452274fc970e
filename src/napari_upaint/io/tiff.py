"""TIFF in: pixels (in memory or lazy), axes and what the file says of their scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def read_tiff(path: Path, lazy_from: int) -> tuple[Any, str, dict[str, Any]]:
    """Read the first series of a TIFF."""
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        series = tiff.series[0]
        return series.asarray(), series.axes, {}
