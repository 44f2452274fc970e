"""Tables as files that every program for statistics reads."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_upaint.io.atomic import replacing


def write_table(table: Mapping[str, Iterable[Any]], path: Path) -> Path:
    """Write a table as CSV with a header line, whole or not at all; return its file, ending in .csv if in nothing else.

    Parameters
    ----------
    table : mapping of str to iterable
        Columns of the same length: numbers or words.
    path : Path

    Raises
    ------
    FileError
        If it cannot be written.
    """
    path = path if path.suffix else path.with_suffix(".csv")
    with replacing(path) as new, new.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        writer.writerows(zip(*(map(_plain, _items(column)) for column in table.values()), strict=True))
    return path


def _items(column: Iterable[Any]) -> Iterable[Any]:
    return column.tolist() if isinstance(column, np.ndarray) else column


def _plain(value: Any) -> str:
    # Nine digits tell all 32-bit numbers apart; 0.30000000000000004 in a table helps nobody.
    return f"{value:.9g}" if isinstance(value, float) else str(value)
