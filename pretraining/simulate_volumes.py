"""Invents objects in volumes: cells of a tissue, or cells placed one by one, in slices that may lie apart."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from pretraining.simulate import noise


def volume_shapes(rng: np.random.Generator, size: int, low: float, high: float) -> tuple[np.ndarray, float]:
    """Return int32 labels of (size, size, size), and the distance of their slices in px of Y and X.

    Parameters
    ----------
    low, high : float
        Limits of the objects' diameters, px of Y and X.
    """
    diameter = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    apart = float(np.exp(rng.uniform(0, np.log(3)))) if rng.random() < 0.6 else 1.0
    return (_tissue if rng.random() < 0.35 else _placed)(rng, size, diameter, apart), apart


def _tissue(rng: np.random.Generator, size: int, diameter: float, apart: float) -> np.ndarray:
    """Return cells between walls: voxels by nearest random point, bent; at times with gaps or missing cells."""
    wave = noise(rng, size, diameter * rng.uniform(0.5, 2), 3, ndim=3) * diameter * rng.uniform(0, 0.4)
    grid = np.indices((size,) * 3, np.float32) * np.array([apart, 1, 1], np.float32)[:, None, None, None] + wave
    box = np.array([size * apart, size, size])
    count = max(3, int(np.prod(box + 2 * diameter) / diameter**3))
    points = rng.uniform(-diameter, box + diameter, (count, 3))
    distance, nearest = cKDTree(points).query(grid.reshape(3, -1).T, k=2)
    gap = rng.choice((0.0, rng.uniform(1, 4), rng.uniform(2, 8)))
    labels = nearest[:, 0] + 1
    labels[distance[:, 1] - distance[:, 0] < min(gap, diameter / 5)] = 0
    if rng.random() < 0.4:
        labels[rng.random(len(points) + 1)[labels] < rng.uniform(0, 0.6)] = 0
    return labels.reshape((size,) * 3).astype(np.int32)


def _placed(rng: np.random.Generator, size: int, diameter: float, apart: float) -> np.ndarray:
    """Return objects placed one by one, each under those before it, scattered or in heaps."""
    labels, box = np.zeros((size,) * 3, np.int32), np.array([size * apart, size, size])
    count = min(300, int(rng.uniform(0.1, 1.2) * np.prod(box) / diameter**3) + 2)
    heaps = rng.uniform(0, box, (int(rng.integers(1, 6)), 3)) if rng.random() < 0.5 else None
    spread, spare = size * rng.uniform(0.1, 0.3), rng.uniform(0, 0.6)  # spare: share that may hide under another
    stretch, shrink = rng.uniform(1, 2.2), rng.random() < 0.5
    uneven = rng.uniform(0, 0.12)
    for number in range(1, count + 1):
        center = rng.uniform(-5, box + 5)
        if heaps is not None:
            center = heaps[rng.integers(len(heaps))] + rng.normal(0, spread, 3)
        radii = diameter * rng.lognormal(0, 0.2) / 2 * stretch ** rng.uniform(-0.5, 0.5, 3)
        reach = radii.max() * 1.3
        low = np.maximum(np.floor((center - reach) / (apart, 1, 1)), 0).astype(int)
        high = np.minimum(np.ceil((center + reach) / (apart, 1, 1)) + 1, size).astype(int)
        if (low >= high).any():
            continue
        part = labels[tuple(map(slice, low, high))]
        inside = _bumpy(rng, np.indices(part.shape, np.float32), low, center, radii, uneven, apart)
        free = inside & (part == 0)
        if free.sum() > max(12.0, (1 - spare) * inside.sum()):
            part[ndimage.binary_erosion(free) if shrink else free] = number
    return labels


def _bumpy(
    rng: np.random.Generator,
    grid: np.ndarray,
    low: np.ndarray,
    center: np.ndarray,
    radii: np.ndarray,
    uneven: float,
    apart: float,
) -> np.ndarray:
    """Return which voxels of a grid from `low` on lie in an ellipsoid with a random rotation, bumps and dents."""
    away = (grid + low[:, None, None, None]) * np.array([apart, 1, 1])[:, None, None, None]
    away = np.tensordot(Rotation.random(rng=rng).as_matrix(), away - center[:, None, None, None], 1)
    away /= radii[:, None, None, None]
    distance = np.sqrt((away**2).sum(0))
    directions, phases = rng.normal(size=(4, 3)), rng.uniform(0, 2 * np.pi, 4)
    waves = np.tensordot(directions * 2, away / np.maximum(distance, 1e-3), 1) + phases[:, None, None, None]
    return np.asarray(distance < 1 + uneven * np.sin(waves).sum(0))
