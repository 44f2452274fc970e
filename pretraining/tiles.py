"""Draws training tiles: a random image at a random object size, varied far beyond what the sets contain.

Users bring microscopes, dyes and cameras that no set shows. So contrast is inverted, light made uneven, colour remixed,
focus lost, noise added, and blocks left as by compression.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from napari_upaint.core.deformation import Warp, warp_image, warp_labels
from napari_upaint.core.labels import borders
from napari_upaint.core.resize import resize_image
from napari_upaint.core.tiling import halo, input_size
from napari_upaint.core.weight_map import border_term
from pretraining.data import Record
from pretraining.simulate import picture, shapes
from pretraining.simulate_volumes import volume_shapes

BACKGROUND, OBJECT, BORDER, IGNORED = 0, 1, 2, -1
_MOST_APART = 5.0  # px: largest distance between slices


@dataclass(frozen=True, slots=True, eq=False)
class TrainingTile:
    """Network input (1, [Z,] Y, X) float32; target ([Z,] Y, X) int64, -1 ignored; weights ([Z,] Y, X) float32."""

    image: np.ndarray
    target: np.ndarray
    weights: np.ndarray


def draw(record: Record, rng: np.random.Generator, config: dict[str, Any]) -> TrainingTile:
    """Draw one tile of a record, or of an invented image in its place, with invented shapes or those of the record."""
    size = input_size(int(config["output"]), int(config["depth"]), padded=config["padding"] == "same")
    invented, volume = rng.random() if config["simulated"] else 1.0, record.labels.ndim == 3
    if invented < config["simulated"] / 2:
        low, high = config["diameter"]["low"], config["diameter"]["high"]
        labels, apart = volume_shapes(rng, size, low, high) if volume else (shapes(rng, size, low, high), 1.0)
        return _tile(_seen(picture(rng, labels, apart)[None], rng, config), labels, config)
    zoom = _zoom(record, rng, config["diameter"])
    image, labels = _region(record, rng, size / zoom)
    image = _mix_channels(image, rng)
    if zoom < 0.7:  # blur before sampling, as a microscope of lower resolution would
        image = ndimage.gaussian_filter(image, (0, *(0.45 / zoom,) * labels.ndim))
    warp = (_warp_volume if volume else _warp)(labels.shape, rng, size, zoom)
    labels, pixels = warp_labels(labels, warp), warp_image(image, warp, order=1)
    if invented < config["simulated"] and (labels > 0).any():
        pixels = picture(rng, labels)[None]
    return _tile(_seen(pixels, rng, config), labels, config)


def _tile(image: np.ndarray, labels: np.ndarray, config: dict[str, Any]) -> TrainingTile:
    if config["padding"] != "same":
        margin = halo(int(config["depth"]))
        labels = np.ascontiguousarray(labels[(slice(margin, -margin),) * labels.ndim])
    return TrainingTile(image, *question(labels, config))


def question(labels: np.ndarray, config: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return what the network is asked for, background, object or border, and the weight of each pixel."""
    border = borders(labels)
    target = np.where(labels > 0, OBJECT, BACKGROUND)
    target[border] = BORDER
    target[labels < 0] = IGNORED
    carved = np.where(border | (labels < 0), 0, labels).astype(np.int32)
    weights = 1.0 + border_term(carved, w0=config["w0"], sigma=config["sigma"])
    weights[target == IGNORED] = 0
    return target.astype(np.int64), weights.astype(np.float32)


def _zoom(record: Record, rng: np.random.Generator, limits: dict[str, float]) -> float:
    most = limits["most_zoom"]
    if record.diameter == 0:
        return float(np.exp(rng.uniform(-np.log(most), np.log(most))))
    wanted = np.exp(rng.uniform(np.log(limits["low"]), np.log(limits["high"])))
    return float(np.clip(wanted / record.diameter, 1 / most, most))


def _region(record: Record, rng: np.random.Generator, edge: float) -> tuple[np.ndarray, np.ndarray]:
    """Cut out what a rotated tile of `edge` pixels can reach around a random place, mostly inside an object."""
    shape = record.labels.shape
    center = [int(rng.integers(n)) for n in shape]
    if rng.random() < 0.8 and record.diameter > 0:
        pixels = np.flatnonzero(record.labels > 0)
        center = list(np.unravel_index(pixels[rng.integers(len(pixels))], shape))  # type: ignore[arg-type]
    reach = int(edge * 0.75) + 16  # half the diagonal of a square; the corners of a cube reach further and are mirrored
    box = tuple(slice(max(0, c - reach), min(n, c + reach)) for c, n in zip(center, shape, strict=True))
    return record.image[(slice(None), *box)].astype(np.float32), np.ascontiguousarray(record.labels[box])


def _warp(shape: tuple[int, ...], rng: np.random.Generator, size: int, zoom: float) -> Warp:
    angle = rng.uniform(0, 2 * np.pi)
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos, -sin], [sin, cos]])
    matrix = matrix @ np.diag([rng.choice((-1.0, 1.0)), rng.uniform(0.85, 1.15)]) / zoom
    # On average it bends a tile as much as the paper's 10 px on a coarser grid; at times there is none.
    control = rng.normal(0, rng.uniform(0, 12) / zoom, (2, 5, 5)) if rng.random() < 0.7 else None
    center = tuple((n - 1) / 2 for n in shape)
    return Warp(out_shape=(size, size), matrix=matrix, center=center, control=control)


def _warp_volume(shape: tuple[int, ...], rng: np.random.Generator, size: int, zoom: float) -> Warp:
    """Rotate a volume, about Z or any axis, and at times sample it more coarsely along Z, as confocal stacks are."""
    axis = np.array([1.0, 0, 0]) if rng.random() < 0.5 else rng.normal(size=3)
    turn = Rotation.from_rotvec(axis / np.linalg.norm(axis) * rng.uniform(0, 2 * np.pi)).as_matrix()
    coarse = np.exp(rng.uniform(0, np.log(3))) if rng.random() < 0.5 else 1.0
    matrix = turn @ np.diag([rng.choice((-1.0, 1.0)) * coarse, rng.uniform(0.85, 1.15), 1]) / zoom
    control = rng.normal(0, rng.uniform(0, 6) / zoom, (3, 4, 4, 4)) if rng.random() < 0.7 else None
    return Warp(out_shape=(size,) * 3, matrix=matrix, center=tuple((n - 1) / 2 for n in shape), control=control)


def _mix_channels(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return one gray channel: the mean of the channels or a random mixture, as stains and cameras differ."""
    if len(image) == 1:
        return image
    if rng.random() < 0.5:
        return image.mean(0, keepdims=True)
    shares = rng.dirichlet(np.full(len(image), 0.7))
    return np.tensordot(shares.astype(np.float32), image, 1)[None]


def _seen(image: np.ndarray, rng: np.random.Generator, config: dict[str, Any]) -> np.ndarray:
    """Vary gray values; show some volumes in slices that lie apart, stretched as the program stretches them."""
    if image.ndim == 3 or not config["axial"] or rng.random() >= config["axial"]:
        return _vary(image, rng)
    shape = image.shape[1:]
    slices = max(4, round(shape[0] / float(np.exp(rng.uniform(0, np.log(_MOST_APART))))))
    thick = ndimage.gaussian_filter1d(image, rng.uniform(0, 1.5), 1)
    middles = ((np.arange(slices) + 0.5) * shape[0] / slices - 0.5).round().astype(int)
    return resize_image(_vary(thick[:, middles], rng), shape)


def _vary(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Vary gray values as microscopes, dyes and cameras do; (1, [Z,] Y, X), about 0..1, in and out."""
    plane = np.clip(image[0], -0.5, 2)
    if rng.random() < 0.25:
        plane = 1 - plane
    if rng.random() < 0.5:
        plane = np.sign(plane) * np.abs(plane) ** float(np.exp(rng.uniform(-0.7, 0.7)))
    if rng.random() < 0.3:
        plane = plane * _uneven(plane.shape, rng, 0.5) + _uneven(plane.shape, rng, 0.2) - 1
    if rng.random() < 0.3:
        plane = ndimage.gaussian_filter(plane, rng.uniform(0.3, 1.5))
    elif rng.random() < 0.15:  # sharpened by a camera or a viewer
        plane = plane + rng.uniform(0.3, 1.5) * (plane - ndimage.gaussian_filter(plane, rng.uniform(1, 3)))
    if rng.random() < 0.4:
        noise = rng.standard_normal(plane.shape, np.float32) * np.float32(10 ** rng.uniform(-2.5, -0.9))
        plane = plane + (ndimage.gaussian_filter(noise, 0.7) * 2 if rng.random() < 0.3 else noise)
    if plane.ndim == 2 and rng.random() < 0.1:
        plane = _blocky(plane, rng)
    plane = (plane - 0.5) * np.exp(rng.uniform(-0.5, 0.3)) + 0.5 + rng.uniform(-0.15, 0.15)
    return np.ascontiguousarray(plane[None], np.float32)


def _uneven(shape: tuple[int, ...], rng: np.random.Generator, strength: float) -> np.ndarray:
    """Return a smooth field around 1, as of vignetting or a lamp off centre."""
    coarse = rng.normal(0, strength * rng.random(), (4,) * len(shape))
    field = ndimage.zoom(coarse, [n / 4 for n in shape], order=1)
    return np.asarray(1 + field[tuple(map(slice, shape))], np.float32)


def _blocky(plane: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Damage a plane as strong JPEG compression does: in blocks of 8x8 px, round the difference from their mean."""
    y, x = (n // 8 * 8 for n in plane.shape)
    blocks = plane[:y, :x].reshape(y // 8, 8, x // 8, 8)
    mean = blocks.mean((1, 3), keepdims=True)
    step = rng.uniform(0.05, 0.2)
    damaged = plane.copy()
    damaged[:y, :x] = (mean + np.round((blocks - mean) / step) * step).reshape(y, x)
    return damaged
