"""What is said about the processor, and how memory errors are told from others."""

import os
from contextlib import nullcontext

import pytest
import torch

from napari_upaint.engine import device
from napari_upaint.engine.device import autocast, choose, describe, has_bfloat16, is_out_of_memory, room_for_tiles
from napari_upaint.errors import EngineError

CPU = torch.device("cpu")


def test_the_processor_is_always_there():
    assert choose("cpu") == CPU
    assert choose("auto").type in ("cpu", "cuda", "mps")


@pytest.mark.parametrize("name", ["cuda:99", "abacus", "mps" if not torch.backends.mps.is_available() else "cuda:98"])
def test_a_device_that_is_not_there_gets_a_sentence(name):
    with pytest.raises(EngineError, match=f"cannot compute on '{name}'"):
        choose(name)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: no kernel image is available for execution on the device"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB"),
    ],
    ids=["too old a card", "a full one"],
)
def test_a_card_that_does_not_compute_is_left_out(monkeypatch, error):
    ones = torch.ones

    def fail(*shape, device):
        if device.type == "cuda":
            raise error
        return ones(*shape, device=device)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", fail)
    assert choose("auto").type != "cuda"
    with pytest.raises(EngineError, match="cannot compute on 'cuda'"):
        choose("cuda")


@pytest.mark.parametrize("name", ["auto", "mps"])
def test_volumes_are_not_for_apples_chips(monkeypatch, name):
    monkeypatch.setattr(device, "_named", torch.device)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose(name).type == "mps"
    assert choose(name, ndim=3) == CPU
    assert choose("cpu", ndim=3) == CPU


def test_what_apples_chips_lack_falls_to_the_processor():
    assert os.environ["PYTORCH_ENABLE_MPS_FALLBACK"] == "1"


def test_a_device_without_values_is_none():
    with pytest.raises(EngineError, match="cannot compute on 'meta'"):
        choose("meta")


def test_the_line_for_the_window():
    line = describe("cpu")
    assert line.startswith("CPU, ") and line.endswith(("bfloat16", "float32")) and "\n" not in line


def test_exact_arithmetic_is_float32():
    with autocast(CPU, exact=True):
        assert (torch.ones(4, 4) @ torch.ones(4, 4)).dtype == torch.float32
    with autocast(CPU):
        expected = torch.bfloat16 if has_bfloat16(CPU) else torch.float32
        assert (torch.ones(4, 4) @ torch.ones(4, 4)).dtype == expected


def test_exact_arithmetic_is_float32_in_the_convolutions_of_a_card():
    assert torch.backends.cudnn.allow_tf32
    with autocast(torch.device("cuda"), exact=True):
        assert torch.backends.cudnn.enabled and not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.allow_tf32


def test_of_several_cards_the_one_that_computes_is_asked_for_bfloat16(monkeypatch):
    asked = []
    monkeypatch.setattr(torch.cuda, "device", lambda card: asked.append(card) or nullcontext())
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: not including_emulation)
    assert has_bfloat16(torch.device("cuda:1"))
    assert asked == [torch.device("cuda:1")]


def test_where_bfloat16_is_emulated_it_is_not_used(monkeypatch):
    for probe in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, probe, lambda: False, raising=False)
    assert not has_bfloat16(CPU)
    assert "float32" in describe("cpu")


def test_what_torch_holds_of_a_card_and_does_not_use_is_free(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (100, 8000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 7000)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 1000)
    assert room_for_tiles(torch.device("cuda"), most=1e9) == 3050
    assert room_for_tiles(torch.device("cuda"), most=1000) == 1000


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4000 bytes"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 4000 bytes"), True),
        (RuntimeError("MPS backend out of memory"), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("expected scalar type Float"), False),
        (ValueError("out of memory"), False),
        (KeyboardInterrupt(), False),
    ],
    ids=repr,
)
def test_out_of_memory_is_told_from_other_errors(error, expected):
    assert is_out_of_memory(error) == expected


def test_what_torch_really_says_when_memory_runs_out():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**62, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
