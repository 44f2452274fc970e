"""Names in a sentence: of many, the first ones and how many more there are."""

from __future__ import annotations

from collections.abc import Sequence

_MOST = 8


def listed(names: Sequence[str], most: int = _MOST) -> str:
    """Return '', 'a', 'a and b', or 'a, b and 7 others': at most as many parts as `most`."""
    if len(names) > most:
        return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} others"
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
