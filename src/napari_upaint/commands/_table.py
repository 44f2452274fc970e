"""Plain tables on the standard output."""

from __future__ import annotations

from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]], *, numbers: bool = True) -> str:
    """Return rows of equally many cells as aligned lines; the first row is the header.

    Parameters
    ----------
    numbers : bool
        Whether all columns but the first hold numbers, which are set flush right.
    """
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.rjust(w) if at and numbers else cell.ljust(w)
            for at, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * w for w in widths))
    return "\n".join(line.rstrip() for line in lines)
