"""The sliding-window network that the U-Net replaced.

It classifies every pixel by itself, from a window around it (section 1 of the paper).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.network import network_of
from benchmarks.timing import Table, interleaved, peer, ratio

SIZE, WINDOW, PART = 512, 95, 64  # px; px; number of pixels that are timed
_MAPS, _KERNELS, _HIDDEN = 48, (4, 5, 4, 4), 200  # network N4 of Ciresan et al. 2012 (NIPS)


def tables() -> Iterator[Table]:
    """Yield the table."""
    torch = peer("torch")
    if torch is None:
        return
    from napari_upaint.engine.predict import whole

    image = np.random.default_rng(0).normal(size=(1, SIZE, SIZE)).astype(np.float32)
    windows, network = _windows(torch, image), patchwise(torch)
    unets = {width: network_of(width, padding="valid") for width in (16, 64)}

    def part() -> None:
        with torch.inference_mode():
            torch.softmax(network(windows), 1)

    contestants: dict[str, Any] = {str(width): lambda one=one: whole(one, image) for width, one in unets.items()}
    times = interleaved({**contestants, "part": part}, 3)
    extrapolated = times["part"] * SIZE**2 / PART
    rows = [("sliding window, float32 (extrapolated)", _count(network), f"{extrapolated / 1000:,.0f}", "1.0x")]
    for width, one in unets.items():
        words = f"U-Net, width {width}{' (paper)' if width == 64 else ''}, this package"
        rows.append((words, _count(one), f"{times[str(width)] / 1000:.2f}", ratio(extrapolated / times[str(width)])))
    yield Table(
        f"Every pixel of a {SIZE}x{SIZE} image: a U-Net compared with a network that sees a window of {WINDOW} px for "
        "each pixel",
        f"One thread. The sliding-window network is timed on {PART} pixels, in one batch, and extrapolated to "
        f"{SIZE**2:,}. It is the largest network of Ciresan et al. 2012: four convolutions, each with pooling, and two "
        "fully connected layers.",
        ("", "parameters", "s", "times the sliding window's speed"),
        rows,
    )


def patchwise(torch: Any) -> Any:
    """Return the network N4: (B, 1, 95, 95) in, the logits of two classes out, (B, 2)."""
    nn, layers, channels, size = torch.nn, [], 1, WINDOW
    for kernel in _KERNELS:
        layers += [nn.Conv2d(channels, _MAPS, kernel), nn.MaxPool2d(2), nn.Tanh()]
        channels, size = _MAPS, (size - kernel + 1) // 2
    layers += [nn.Flatten(), nn.Linear(_MAPS * size**2, _HIDDEN), nn.Tanh(), nn.Linear(_HIDDEN, 2)]
    return nn.Sequential(*layers).eval()


def _windows(torch: Any, image: np.ndarray) -> Any:
    """Return the windows around the first `PART` pixels of the middle row, (PART, 1, WINDOW, WINDOW)."""
    reach = WINDOW // 2
    padded = np.pad(image[0], reach, mode="reflect")
    row = SIZE // 2
    return torch.from_numpy(np.stack([padded[None, row : row + WINDOW, x : x + WINDOW] for x in range(PART)]))


def _count(network: Any) -> str:
    return f"{sum(one.numel() for one in network.parameters()):,}"
