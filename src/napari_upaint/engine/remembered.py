"""Remember what was computed from an image, so that it is computed only once while stroke after stroke comes in."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any


class Remembered:
    """Keeps what the last look at the images used, and what this one uses."""

    def __init__(self) -> None:
        self._before: dict[Hashable, Any] = {}
        self._now: dict[Hashable, Any] = {}

    def begin(self) -> None:
        """Begin another look: what neither it nor the last one uses is forgotten."""
        self._before, self._now = self._now, {}

    def get(self, key: Hashable) -> Any:
        """Return the value of a key, None if there is none."""
        found = self._now.get(key, self._before.get(key))
        return None if found is None else self.put(key, found)

    def put(self, key: Hashable, value: Any) -> Any:
        """Keep a value, and return it."""
        self._now[key] = value
        return value
