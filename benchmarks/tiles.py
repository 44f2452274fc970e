"""Overlap tiles: a large image from file to file, with this package, MONAI's sliding window and a plain loop."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.apart import apart
from benchmarks.network import network_of, work
from benchmarks.timing import Table, ratio
from napari_upaint.io.samples import open_sample

OURS = "this package"
EXACT = "this package, in float32"
MONAI = "MONAI, its defaults: float32, 25 % overlap, constant"
BEST = "MONAI, float32, 50 % overlap, Gaussian"
QUICK = "MONAI, bfloat16 and channels last, 50 % overlap, Gaussian"
LOOP = "plain loop, float32, tiles of 572 px side by side"
PEERS = (MONAI, QUICK, LOOP)
SIZE = 4096
_ROI, _WARM = (512, 512), 1100

Predict = Callable[[np.ndarray], np.ndarray]


def tables() -> Iterator[Table]:
    """Compare speed and seams; for a wider network see `benchmarks.tiles_wide`, for a busy core `tiles_busy`."""
    yield speed(16, rounds=2)
    yield _seams()


def speed(width: int, rounds: int) -> Table:
    """Compare the contestants on `SIZE` x `SIZE` pixels; they take turns, this package three per round."""
    seconds: dict[str, list[float]] = {name: [] for name in (OURS, *PEERS)}
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        source, target = write_image(Path(folder), SIZE), Path(folder) / "scores.npy"
        for _ in range(rounds):
            peaks.append(apart("benchmarks.tiles", "peak"))
            for name in (OURS, MONAI, OURS, QUICK, OURS, LOOP):
                found = apart("benchmarks.tiles", name, width, source, target)
                seconds[name] += [found] if found is not None else []
                print(f"  width {width}: {name}: {found} s", flush=True)
    return _speed_table(width, seconds, max(peaks))


def _speed_table(width: int, seconds: dict[str, list[float]], peak: float) -> Table:
    flop = work(network_of(width, padding="valid"), (SIZE, SIZE), whole=True)
    medians = {name: median(times) for name, times in seconds.items() if times}
    rows = [
        (name, f"{one:.1f}", ratio(one / medians[OURS]), f"{flop / one / peak:.0%}")
        for name, one in sorted(medians.items(), key=lambda item: item[1])
    ]
    return Table(
        f"{SIZE}x{SIZE} pixels, width {width}, five levels, from file to file",
        "Each contestant reads a TIFF, normalises it, predicts and writes float16 scores (npy), on all cores, in its "
        f"own process with the same weights, after a warm-up. Medians of wall-clock time. MONAI's windows: {_ROI[0]} "
        f"px. Last column: the arithmetic of the whole image at once ({flop / 1e12:.2f} TFLOP, without halos and "
        "overlaps) in that time, as a share of the peak of matrix products on all cores, in bfloat16 or float32, "
        f"whichever is faster, measured in the same run ({peak / 1e9:.0f} GFLOP/s).",
        ("", "s", "times as long as this package", "share of the peak"),
        rows,
    )


def _seams() -> Table:
    """Compare tile by tile with the whole image at once, with the weights of the default model."""
    found = apart("benchmarks.tiles", "seams")
    rows = [(name, f"{largest:.1e}", f"{mean:.1e}", f"{changed:.3%}") for name, largest, mean, changed in found or []]
    return Table(
        "Seams: scores predicted tile by tile compared with those of the whole image at once",
        "The default model on membranes, mirrored to 1000x1000 pixels; in float32 unless the name says otherwise. Each "
        "contestant is compared with its own network on the whole image: padded with zeros for MONAI, mirrored for the "
        "others.",
        ("", "largest difference", "mean difference", "pixels of another class"),
        rows,
    )


def write_image(folder: Path, size: int) -> Path:
    """Write a sample of the package, mirrored to `size` pixels, as a TIFF."""
    import tifffile

    path = folder / f"image_{size}.tif"
    if not path.exists():
        tifffile.imwrite(path, mirrored(size))
    return path


def mirrored(size: int) -> np.ndarray:
    """Return the membranes of the package, mirrored to size x size, uint8."""
    image = np.asarray(open_sample("membranes_em").image.data)
    return np.pad(image, [(0, max(0, size - n)) for n in image.shape], mode="reflect")[:size, :size]


def alone(what: str, *arguments: str) -> Any:
    """Return one measurement, made in this process: "peak" (FLOP/s), "seams", or a contestant's seconds per file."""
    if what == "peak":
        return _peak()
    if what == "seams":
        return _seam_errors()
    width, source, target = int(arguments[0]), arguments[1], arguments[2]
    predict = contestant(what, network_of(width, padding="same" if what.startswith("MONAI") else "valid"))
    from_file_to_file(predict, source, target, _WARM)
    began = time.perf_counter()
    from_file_to_file(predict, source, target)
    return time.perf_counter() - began


def from_file_to_file(predict: Predict, source: str, target: str, most: int | None = None) -> None:
    """Read a TIFF, predict at most `most` x `most` pixels of it (None: all), write the scores."""
    import tifffile

    from napari_upaint.core.normalize import measure

    image = tifffile.imread(source)[None, :most, :most]
    np.save(target, predict(measure(image).apply(image)).astype(np.float16))


def contestant(name: str, network: Any) -> Predict:
    """Return the function with which a contestant predicts scores (K, Y, X) of a normalised plane (C, Y, X)."""
    if name in (OURS, EXACT):
        from napari_upaint.engine.memory import keep_blocks
        from napari_upaint.engine.predict import whole

        keep_blocks()
        return lambda image: whole(network, image)
    network = network.to(memory_format=_torch().contiguous_format)
    if name == LOOP:
        return lambda image: _loop(network, image)
    return lambda image: _monai(network, image, *_MONAI[name])


_MONAI = {MONAI: (0.25, "constant", False), BEST: (0.5, "gaussian", False), QUICK: (0.5, "gaussian", True)}


def _torch() -> Any:
    import torch

    return torch


def _monai(network: Any, image: np.ndarray, overlap: float, mode: str, quick: bool) -> np.ndarray:
    from monai.inferers import sliding_window_inference

    torch = _torch()
    batch = torch.from_numpy(image)[None]
    if quick:
        network, batch = (one.to(memory_format=torch.channels_last) for one in (network, batch))
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=quick):
        logits = sliding_window_inference(batch, _ROI, 4, network, overlap=overlap, mode=mode)
        return np.asarray(torch.softmax(logits.float(), 1)[0].numpy())


def _loop(network: Any, image: np.ndarray) -> np.ndarray:
    """Predict with the overlap-tile strategy of the paper: tiles 388 pixels apart, mirrored borders."""
    torch, halo, step = _torch(), network.halo, 572 - 2 * network.halo
    after = [halo + -n % step for n in image.shape[1:]]
    padded = np.pad(image, [(0, 0), *((halo, n) for n in after)], mode="reflect")
    scores = np.empty((network.n_classes, *(n - n % -step for n in image.shape[1:])), np.float32)
    with torch.inference_mode():
        for y in range(0, image.shape[1], step):
            for x in range(0, image.shape[2], step):
                tile = torch.from_numpy(padded[None, :, y : y + 572, x : x + 572].copy())
                scores[:, y : y + step, x : x + step] = torch.softmax(network(tile), 1)[0].numpy()
    return scores[:, : image.shape[1], : image.shape[2]]


def _peak() -> float:
    """Return the most FLOP/s that matrix products reach on all cores, in bfloat16 or float32, whichever is faster."""
    torch = _torch()
    best = 0.0
    for kind in (torch.bfloat16, torch.float32):
        for size in (1024, 2048, 4096):
            a, b = (torch.randn(size, size).to(kind) for _ in range(2))
            for _ in range(4):
                began = time.perf_counter()
                a @ b
                best = max(best, 2 * size**3 / (time.perf_counter() - began))
    return best


def _seam_errors() -> list[tuple[str, float, float, float]]:
    from dataclasses import replace

    from napari_upaint.core.normalize import measure
    from napari_upaint.engine.checkpoint import to_network
    from napari_upaint.io.models import DEFAULT_MODEL, load_model

    torch, model = _torch(), load_model(DEFAULT_MODEL)
    image = mirrored(1000)[None]
    image = measure(image).apply(image)
    architecture = model.header.architecture
    padded = replace(model, header=replace(model.header, architecture=replace(architecture, padding="same")))
    exact, zeros = to_network(model).eval(), to_network(padded).eval()
    rows = []
    for name in (EXACT, OURS, LOOP, MONAI, BEST, QUICK):
        network = zeros if name in _MONAI else exact
        halo = network.halo
        around = np.pad(image, [(0, 0), *[(halo, halo + -1000 % 16 + 4 * bool(halo))] * 2], mode="reflect")
        with torch.inference_mode():
            logits = network(torch.from_numpy(around if halo else image)[None])
        at_once = torch.softmax(logits, 1)[0, :, :1000, :1000].numpy()
        with _float32(name != OURS):
            scores = contestant(name, network)(image)
        difference = np.abs(scores - at_once)
        changed = (scores.argmax(0) != at_once.argmax(0)).mean()
        words = f"{name}, in bfloat16" if name == OURS else name
        rows.append((words, float(difference.max()), float(difference.mean()), float(changed)))
    return rows


@contextmanager
def _float32(wanted: bool) -> Iterator[None]:
    """Let this package compute in float32, or in whatever is fastest."""
    os.environ["UPAINT_EXACT"] = "1" if wanted else "0"
    try:
        yield
    finally:
        del os.environ["UPAINT_EXACT"]
