"""Fingerprints: identify pixels, settings and files by their content, whatever they are called."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np


def fingerprint(*parts: Any) -> str:
    """Return 32 hexadecimal digits that identify the parts: arrays, or values with a plain `repr`."""
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        is_array = isinstance(part, np.ndarray)
        found.update(f"{(part.dtype.str, part.shape) if is_array else part!r}\n".encode())
        if is_array:
            found.update(np.ascontiguousarray(part).data)
    return found.hexdigest()
