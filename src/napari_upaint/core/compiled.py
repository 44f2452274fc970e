"""How the loops of this floor are compiled: single-threaded, without the GIL, cached on disk."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numba

# Sums may be reordered and fused, so that they become vector instructions; NaN and infinity keep their meaning.
_FAST = {"contract", "reassoc", "nsz", "arcp"}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a loop over arrays at its first call.

    The machine code is kept beside the source or, if that is not writable, in the user's cache folder; if neither is,
    it is compiled once per process. Single-threaded: a second OpenMP runtime beside torch's slows down both.

    Callers always pass the same dtypes and memory order, so that each loop is compiled only once.
    """
    options: dict[str, Any] = {"nogil": True, "fastmath": _FAST, "error_model": "numpy"}
    try:
        compiled = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder for the cache
        return numba.njit(**options)(function)
    if hasattr(compiled, "_cache"):  # private: numba offers no other way, and may drop this one
        compiled._cache = _Cache(compiled._cache)  # noqa: SLF001
    return compiled


class _Cache:
    """Numba's cache without its errors: alone, it fails at every start once a file is damaged, and on a full disk."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return what was kept; None, as if there were nothing, if it cannot be read."""
        try:
            return self._cache.load_overload(sig, target_context)
        except Exception:  # a damaged file can raise anything
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the machine code, if possible."""
        with contextlib.suppress(Exception):
            try:
                self._cache.save_overload(sig, data)
            except Exception:  # the index of the cache is damaged
                self._cache.flush()
                self._cache.save_overload(sig, data)


def compile_ahead() -> None:
    """Compile or load what tiles of planes and the followed weight map need, so that nobody waits for it later.

    Takes some seconds the first time on a machine, later a fifth of a second. Safe in a thread.
    """
    import numpy as np

    from napari_upaint.core.deformation import Warp, prefilter, warp_image, warp_labels
    from napari_upaint.core.followed_weights import FollowedWeights
    from napari_upaint.core.leaks import leaks
    from napari_upaint.settings import WeightSettings

    shape = (4, 4)
    warp = Warp.identity(shape)
    warp_image(prefilter(np.zeros((1, *shape), np.float32)), warp, prefiltered=True)
    warp_labels(np.zeros(shape, np.uint8), warp)
    FollowedWeights("objects", WeightSettings()).follow(np.ones(shape, np.uint8))
    leaks(np.ones(shape, np.float32), np.zeros(shape, np.int32))
