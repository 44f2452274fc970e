"""Training steps, augmentation included: this package compared with a plain PyTorch loop and MONAI's augmentation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import numpy as np

from benchmarks.apart import apart
from benchmarks.network import network_of
from benchmarks.timing import Table, ratio
from napari_upaint.core.tiling import input_size
from napari_upaint.io.samples import open_sample

OURS = "this package"
PLAIN = "plain loop, float32, MONAI's augmentation"
WORKERS = f"{PLAIN} in another process"
CASES = ((OURS, None), (PLAIN, None), (WORKERS, None), (OURS, 1), (PLAIN, 1))  # contestant, threads
OUTPUT, WIDTHS, ROUNDS = 196, {16: 16, 32: 6}, 2  # px; width: steps; rounds


def tables() -> Iterator[Table]:
    """Yield the table of both widths."""
    rows = []
    for width, steps in WIDTHS.items():
        seconds: dict[tuple[str, int | None], list[float]] = {case: [] for case in CASES}
        for _ in range(ROUNDS):
            for case in CASES:
                found = apart("benchmarks.training_step", case[0], width, steps, threads=case[1])
                seconds[case] += [found] if found is not None else []
        medians = {case: 1000 * median(times) for case, times in seconds.items() if times}
        for (name, threads), one in medians.items():
            how = "one thread" if threads else "all cores"
            rows.append((str(width), how, name, f"{one:.0f}", ratio(one / medians[OURS, threads])))
            print("  " + " | ".join(rows[-1]), flush=True)
    yield Table(
        f"Training steps on tiles of {input_size(OUTPUT, 5)} -> {OUTPUT} px",
        "On one thread, a step learns one tile; on all cores, as many as this package learns there (one per core, at "
        "most four), for every contestant. AdamW, five levels, weighted cross-entropy. Every tile is drawn from the "
        "nuclei sample: rotated by any angle, flipped, zoomed by up to 1.2, deformed on a 3x3 grid with 10 px, its "
        "gray values varied. Wall-clock time, everything included; the contestants take turns, each in its own "
        "process. This package also averages its weights, and interpolates with cubic splines where MONAI uses bicubic "
        "interpolation.",
        ("width", "", "", "ms per tile", "times as long as this package"),
        rows,
    )


def alone(name: str, width: str, steps: str) -> float:
    """Return the seconds per tile in this process, after some uncounted steps."""
    step = _ours(int(width)) if name == OURS else _plain(int(width), apart_data=name == WORKERS)
    for _ in range(6):
        step()
    began = time.perf_counter()
    tiles = sum(step() for _ in range(int(steps)))
    return (time.perf_counter() - began) / tiles


def _ours(width: int) -> Callable[[], int]:
    from napari_upaint.core.normalize import measure
    from napari_upaint.core.sample import Sample
    from napari_upaint.engine.memory import keep_blocks
    from napari_upaint.engine.trainer import Trainer
    from napari_upaint.settings import AugmentSettings, TrainSettings, WeightSettings

    keep_blocks()
    image, truth = _nuclei()
    samples = [Sample(image, truth, measure(image))]
    settings = TrainSettings(seconds=1e5, width=width, depth=5)
    run = Trainer(samples, "objects", None, settings, WeightSettings(), AugmentSettings(zoom=1.2), "cpu")
    list(run.look_at_samples())

    def step() -> int:
        before = run.tiles
        run.train_step(0.0)
        return run.tiles - before

    return step


def _nuclei() -> tuple[np.ndarray, np.ndarray]:
    """Return image (1, Y, X) and a full annotation: 1 background, objects from 2 on."""
    opened = open_sample("nuclei_fluorescence")
    return np.asarray(opened.image.data)[None], (np.asarray(opened.truth) + 1).astype(np.uint16)


def _plain(width: int, *, apart_data: bool) -> Callable[[], int]:
    import torch
    from monai.data import DataLoader, Dataset

    from napari_upaint.engine.step import share_out

    batch, _ = share_out(torch.get_num_threads())
    network = network_of(width, padding="valid").to(memory_format=torch.contiguous_format).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-4)
    data = Dataset([_arrays()] * 100_000, _augmentation())
    tiles = iter(DataLoader(data, batch_size=batch, num_workers=1 if apart_data else 0))

    def step() -> int:
        tile, halo = next(tiles), network.halo
        inner = (slice(None), 0, slice(halo, -halo), slice(halo, -halo))
        optimizer.zero_grad(set_to_none=True)
        losses = torch.nn.functional.cross_entropy(
            network(tile["image"].as_tensor()), tile["target"].as_tensor()[inner].long(), reduction="none"
        )
        weights = tile["weights"].as_tensor()[inner]
        ((losses * weights).sum() / weights.sum()).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        return batch

    return step


def _arrays() -> dict[str, np.ndarray]:
    from napari_upaint.core.normalize import measure
    from napari_upaint.core.weight_map import weight_map

    image, annotation = _nuclei()
    target = (annotation > 1).astype(np.float32)
    return {
        "image": measure(image).apply(image),
        "target": target[None],
        "weights": weight_map(annotation, "objects")[None],
    }


def _augmentation() -> Any:
    from monai import transforms as monai

    keys, size = ("image", "target", "weights"), input_size(OUTPUT, 5)
    modes = ("bicubic", "nearest", "nearest")
    return monai.Compose(
        [
            monai.RandSpatialCropd(keys, (size, size), random_size=False),
            monai.RandFlipd(keys, 0.5, 0),
            monai.RandFlipd(keys, 0.5, 1),
            monai.Rand2DElasticd(
                keys,
                spacing=(size / 2, size / 2),
                magnitude_range=(10, 10),
                prob=1.0,
                rotate_range=np.pi,
                scale_range=0.2,
                mode=modes,
                padding_mode="reflection",
            ),
            monai.RandAdjustContrastd("image", 1.0, gamma=(0.85, 1.15)),
            monai.RandScaleIntensityd("image", 0.15, prob=1.0),
        ]
    )
