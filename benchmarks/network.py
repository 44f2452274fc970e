"""The network: its size, its arithmetic, and the time of a forward pass and of a training step."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from benchmarks.timing import Table, interleaved, peer, ratio

TILE = 572
WIDTHS = {16: 5, 32: 3, 64: 1}  # width: rounds
COLUMNS = (
    "width",
    "parameters",
    "GFLOP",
    "forward: ours, ms",
    "plain, ms",
    "ratio",
    "step: ours, ms",
    "plain, ms",
    "ratio",
)


def tables() -> Iterator[Table]:
    """Yield the table of the paper's network in three widths."""
    if peer("torch") is None:
        return
    rows = []
    for width, rounds in WIDTHS.items():
        network = network_of(width, padding="valid")
        parameters = sum(one.numel() for one in network.parameters())
        times = interleaved(_contestants(network), rounds)
        forward, plain, step, plain_step = (times[name] for name in ("forward", "plain", "step", "plain step"))
        flop = work(network, (TILE, TILE))
        cells = (f"{forward:.0f}", f"{plain:.0f}", ratio(plain / forward))
        steps = (f"{step:.0f}", f"{plain_step:.0f}", ratio(plain_step / step))
        rows.append((str(width), f"{parameters:,}", f"{flop / 1e9:.0f}", *cells, *steps))
        print("  " + " | ".join(rows[-1]), flush=True)
    yield Table(
        f"The paper's network on a {TILE} px tile, one thread",
        "Two outputs. Ours: bfloat16 if the processor has it, channels last. Plain: PyTorch's defaults, float32. A "
        "step is a forward pass, cross-entropy, a backward pass and SGD with momentum.",
        COLUMNS,
        rows,
    )


def network_of(width: int, *, padding: str, outputs: int = 2) -> Any:
    """Return the paper's network of five levels; its random weights are the same for every padding."""
    import torch

    from napari_upaint.engine.family import build
    from napari_upaint.io.models import Architecture

    torch.manual_seed(0)
    return build(Architecture(n_outputs=outputs, width=width, padding=padding)).eval()


def work(network: Any, shape: tuple[int, ...], *, whole: bool = False) -> float:
    """Return the FLOP of a forward pass: two for each multiplication and addition of a convolution.

    Parameters
    ----------
    whole : bool
        Whether `shape` is the wanted output (the next larger valid size is counted) instead of the input.
    """
    import torch
    from torch import nn

    from napari_upaint.core.tiling import input_size

    total = 0.0

    def count(module: Any, entering: Any, leaving: Any) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d):
            total += 2.0 * leaving.numel() * module.in_channels * module.kernel_size[0] ** 2
        if isinstance(module, nn.ConvTranspose2d):
            total += 2.0 * entering[0].numel() * module.out_channels * module.kernel_size[0] ** 2

    ghost = copy.deepcopy(network).to("meta")  # shapes without values: nothing is computed
    for module in ghost.modules():
        module.register_forward_hook(count)
    if whole:
        shape = tuple(input_size(n, network.depth) for n in shape)
    ghost(torch.empty(1, network.in_channels, *shape, device="meta"))
    return total


def _contestants(network: Any) -> dict[str, Any]:
    import torch
    from torch.nn import functional

    from napari_upaint.engine.device import autocast

    plain = copy.deepcopy(network).to(memory_format=torch.contiguous_format)
    image = torch.randn(1, 1, TILE, TILE)
    size = TILE - 2 * network.halo
    target = torch.randint(0, 2, (1, size, size))
    nothing = autocast(torch.device("cpu"), exact=True)

    def forward(one: Any, context: Any) -> Any:
        with torch.inference_mode(), context:
            return one(image)

    def step(one: Any, optimizer: Any, context: Any) -> None:
        optimizer.zero_grad(set_to_none=True)
        with context:
            logits = one(image)
        functional.cross_entropy(logits.float(), target).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    # A small rate, since arithmetic with exploding weights is slower.
    ours, theirs = (torch.optim.SGD(one.parameters(), 1e-6, momentum=0.99) for one in (network, plain))
    return {
        "forward": lambda: forward(network, autocast(torch.device("cpu"))),
        "plain": lambda: forward(plain, nothing),
        "step": lambda: step(network, ours, autocast(torch.device("cpu"))),
        "plain step": lambda: step(plain, theirs, nothing),
    }
