"""Which device computes, and in which precision."""

from __future__ import annotations

import contextlib
import os

import torch

from napari_upaint.engine.memory import available, says_ran_out
from napari_upaint.engine.threads import all_threads
from napari_upaint.errors import EngineError


def choose(device: str = "auto", ndim: int = 2) -> torch.device:
    """Return the device to compute on: the named one, or the fastest that works ("cuda", "mps", "cpu").

    Volumes (`ndim` 3) are never computed on Apple's graphics chips: half of the layers they need are missing there
    until torch 2.8, and later versions too compute wrong convolutions in one memory format or the other.

    Raises
    ------
    EngineError
        If the named device does not work.
    """
    chosen = _fastest() if device == "auto" else _named(device)
    return torch.device("cpu") if chosen.type == "mps" and ndim == 3 else chosen


def _fastest() -> torch.device:
    for name, is_there in (("cuda", torch.cuda.is_available), ("mps", torch.backends.mps.is_available)):
        if is_there():
            with contextlib.suppress(EngineError):
                return _named(name)
    return torch.device("cpu")


def _named(name: str) -> torch.device:
    try:
        device = torch.device(name)
        # A device may exist and yet not compute: torch has no kernels for cards that are too old or too new for it, and
        # another program may use all of its memory.
        torch.ones(2, device=device).sum().item()
    except (RuntimeError, AssertionError) as error:
        raise EngineError(f"Torch cannot compute on {name!r} here; choose 'auto' or 'cpu'.") from error
    return device


def has_bfloat16(device: torch.device) -> bool:
    """Return whether bfloat16 is faster than float32 on a device.

    Processors without the instructions emulate them at a tenth of the speed.
    """
    if device.type == "cuda":
        with torch.cuda.device(device):  # there may be several, of different ages
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # private in torch 2, so they may be missing
    return any(bool(getattr(torch.cpu, probe, bool)()) for probe in probes)


def autocast(device: torch.device, *, exact: bool = False) -> contextlib.AbstractContextManager[object]:
    """Return the context in which networks run: bfloat16 where that is faster, else (or if `exact`) float32."""
    if exact and device.type == "cuda":  # by default, newer cards drop 13 of the 24 binary digits in convolutions
        return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    if exact or not has_bfloat16(device):
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def describe(device: str = "auto") -> str:
    """Return one line for the window: "CPU, 2 threads, bfloat16"."""
    chosen = choose(device)
    precision = "bfloat16" if has_bfloat16(chosen) else "float32"
    if chosen.type == "cuda":
        name = torch.cuda.get_device_name(chosen)
        memory = torch.cuda.get_device_properties(chosen).total_memory / 2**30
        return f"GPU {name}, {memory:.0f} GB, {precision}"
    if chosen.type == "mps":
        return f"GPU (Apple), {precision}; volumes on the CPU"
    threads = all_threads()
    return f"CPU, {threads} thread{'s' if threads > 1 else ''} of {os.cpu_count()} cores, {precision}"


def room_for_tiles(device: torch.device, most: float) -> float:
    """Return how many bytes tiles may take: half of what is free, and no more than `most`."""
    free = _free_on_card(device) if device.type == "cuda" else available()
    return most if free is None else min(most, free / 2)


def _free_on_card(device: torch.device) -> int:
    """Return how many bytes torch can use: those that are free, and those that it has reserved but does not use."""
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + unused


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out; torch raises a plain RuntimeError for it on a CPU."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and says_ran_out(str(error))
