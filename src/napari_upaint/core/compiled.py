"""How the loops of this floor are compiled: one thread, without the GIL, kept on disk."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numba

# Sums may be reordered and fused, so that they become vector instructions; NaN and infinity stay what they are.
_FAST = {"contract", "reassoc", "nsz", "arcp"}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a loop over arrays at its first call.

    The machine code is kept beside the source or, where that cannot be written, in the user's cache folder; where
    neither can be, it is compiled once per process. One thread: a second OpenMP runtime beside torch's slows both.

    Callers pass arrays of one dtype and memory order each, so that one specialisation is all that is ever compiled.
    """
    options: dict[str, Any] = {"nogil": True, "fastmath": _FAST, "error_model": "numpy"}
    try:
        compiled = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder for the cache
        return numba.njit(**options)(function)
    if hasattr(compiled, "_cache"):  # numba has no other way, and may lose this one
        compiled._cache = _Cache(compiled._cache)  # noqa: SLF001
    return compiled


class _Cache:
    """Numba's cache, which fails at every start once a file of it is damaged, and on a full disk; this stops nobody."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return what was kept; None, as if there were nothing, where it cannot be read."""
        try:
            return self._cache.load_overload(sig, target_context)
        except Exception:  # whatever a power cut made of it
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep it, if that can be."""
        with contextlib.suppress(Exception):
            try:
                self._cache.save_overload(sig, data)
            except Exception:  # the list of what is kept is damaged
                self._cache.flush()
                self._cache.save_overload(sig, data)


def compile_ahead(ndim: int = 2) -> None:
    """Compile what training tiles and the followed weight map need, or load it, so that nobody waits for it.

    Some seconds the first time on a machine, a fifth of a second later. Safe in a thread.
    """
    import numpy as np

    from napari_upaint.core.deformation import Warp, prefilter, warp_image, warp_labels
    from napari_upaint.core.followed_weights import FollowedWeights
    from napari_upaint.core.leaks import leaks
    from napari_upaint.settings import WeightSettings

    shape = (4,) * ndim
    warp = Warp.identity(shape)
    warp_image(prefilter(np.zeros((1, *shape), np.float32)), warp, prefiltered=True)
    warp_labels(np.zeros(shape, np.uint8), warp)
    FollowedWeights("objects", WeightSettings()).follow(np.ones(shape, np.uint8))
    leaks(np.ones(shape, np.float32), np.zeros(shape, np.int32))
